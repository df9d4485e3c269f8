"""Ignite (pytorch-ignite).

`usual`: supervised trainer and evaluator, running average of the loss, progress bar, accuracy and loss on the
validation samples, torch's one-cycle stepped after each iteration. `bare`: the trainer, nothing attached.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ignite.engine import Events, create_supervised_evaluator, create_supervised_trainer
from ignite.handlers import ProgressBar
from ignite.metrics import Accuracy, Loss, RunningAverage
from torch import nn

from ..task import Task

__all__ = ["prepare"]


def prepare(task: Task, variant: str) -> Callable[[], nn.Module]:
    """Make everything; what is returned trains and returns the model."""
    model, loader = task.model(), task.train_loader()
    optimizer = task.optimizer(model)
    trainer = create_supervised_trainer(model, optimizer, task.loss_func, device="cpu")
    if variant == "usual":
        scheduler = task.torch_one_cycle(optimizer)
        trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda: scheduler.step())
        _watch(task, model, trainer)

    def run() -> nn.Module:
        trainer.run(loader, max_epochs=task.workload.epochs)
        return model

    return run


def _watch(task: Task, model: nn.Module, trainer: Any) -> None:
    """Attach running loss, bar and validation."""
    loader = task.valid_loader()
    metrics = {"accuracy": Accuracy(), "loss": Loss(task.loss_func)}
    evaluator = create_supervised_evaluator(model, metrics=metrics, device="cpu")
    RunningAverage(output_transform=lambda loss: loss).attach(trainer, "loss")
    bar = ProgressBar()
    bar.attach(trainer, ["loss"])

    def validate(engine: Any) -> None:
        evaluator.run(loader)
        bar.log_message(f"{engine.state.epoch} {evaluator.state.metrics}")

    trainer.add_event_handler(Events.EPOCH_COMPLETED, validate)
