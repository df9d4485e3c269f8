"""Lightning.

`usual`: `Trainer()` as it comes (logger, checkpoint, bar, summary, sanity check), loss and accuracy logged,
torch's one-cycle by the step. `bare`: `Trainer(barebones=True)`, its own switch to measure its overhead.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from torch import nn

from ..task import Task

__all__ = ["prepare"]


class _Module(LightningModule):  # type: ignore[misc]
    """A task as Lightning wants it."""

    def __init__(self, task: Task, *, bare: bool) -> None:
        super().__init__()
        self.model, self.task, self.bare = task.model(), task, bare
        self.loss_func = task.loss_func

    def training_step(self, batch: Any, batch_idx: int) -> Any:
        """Return the loss of a batch."""
        x, y = batch
        loss = self.loss_func(self.model(x), y)
        if not self.bare:
            self.log("train_loss", loss, prog_bar=True)
        return loss

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        """Log loss and accuracy of a batch."""
        x, y = batch
        out = self.model(x)
        right = (out.argmax(1) == y).float().mean()
        self.log_dict({"val_loss": self.loss_func(out, y), "val_accuracy": right}, prog_bar=True)

    def configure_optimizers(self) -> Any:
        """Return the optimizer, with its schedule if there is one."""
        optimizer = self.task.optimizer(self.model)
        if self.bare:
            return optimizer
        schedule = {"scheduler": self.task.torch_one_cycle(optimizer), "interval": "step"}
        return {"optimizer": optimizer, "lr_scheduler": schedule}


def prepare(task: Task, variant: str) -> Callable[[], nn.Module]:
    """Make everything; what is returned trains and returns the model."""
    bare = variant == "bare"
    module, loader = _Module(task, bare=bare), task.train_loader()
    valid_loader = None if bare else task.valid_loader()
    options = {"barebones": True} if bare else {}
    trainer = Trainer(max_epochs=task.workload.epochs, accelerator="cpu", **options)

    def run() -> nn.Module:
        trainer.fit(module, loader, valid_loader)
        model: nn.Module = module.model
        return model

    return run
