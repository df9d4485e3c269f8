"""Poutyne.

`usual`: `Model.fit_generator` with its progress output, accuracy by the batch, torch's one-cycle stepped by a
callback. `bare`: no metrics, no callbacks, `verbose=False`, no validation, a constant rate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from poutyne import Callback, Model
from torch import nn

from ..task import Task

__all__ = ["prepare"]


class _StepAfterBatch(Callback):  # type: ignore[misc]
    """Steps a scheduler of torch after each batch; Poutyne's own ones step after each epoch."""

    def __init__(self, scheduler: Any) -> None:
        super().__init__()
        self.scheduler = scheduler

    def on_train_batch_end(self, batch_number: int, logs: dict[str, Any]) -> None:
        """Step."""
        self.scheduler.step()


def prepare(task: Task, variant: str) -> Callable[[], nn.Module]:
    """Make everything; what is returned trains and returns the model."""
    net, loader = task.model(), task.train_loader()
    optimizer = task.optimizer(net)
    bare = variant == "bare"
    model = Model(net, optimizer, task.loss_func, batch_metrics=None if bare else ["accuracy"], device="cpu")
    if bare:
        options: dict[str, Any] = {"verbose": False}
    else:
        callbacks = [_StepAfterBatch(task.torch_one_cycle(optimizer))]
        options = {"valid_generator": task.valid_loader(), "callbacks": callbacks}

    def run() -> nn.Module:
        model.fit_generator(loader, epochs=task.workload.epochs, **options)
        return net

    return run
