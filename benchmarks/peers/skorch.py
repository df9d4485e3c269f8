"""skorch.

`usual`: `NeuralNetClassifier` as it comes (times, losses, accuracy, table), torch's one-cycle, progress bar.
`bare`: `NeuralNet` with `callbacks="disable"`, no validation, nothing printed, a constant rate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from skorch import NeuralNet, NeuralNetClassifier
from skorch.callbacks import LRScheduler, ProgressBar
from skorch.helper import predefined_split
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR

from ..task import Task

__all__ = ["prepare"]


def prepare(task: Task, variant: str) -> Callable[[], nn.Module]:
    """Make everything; what is returned trains and returns the model."""
    train_set = task.train_set()
    net = _bare(task) if variant == "bare" else _usual(task)
    net.initialize()

    def run() -> nn.Module:
        net.partial_fit(train_set, None)
        model: nn.Module = net.module_
        return model

    return run


def _options(task: Task) -> dict[str, Any]:
    loading = task.loading()
    options: dict[str, Any] = {"batch_size": loading.pop("batch_size"), "iterator_train__drop_last": True}
    options |= {f"iterator_train__{name}": value for name, value in (task.order() | loading).items()}
    options |= {f"iterator_valid__{name}": value for name, value in loading.items()}
    options |= {f"optimizer__{name}": value for name, value in task.optimizer_options().items()}
    facts = {"lr": task.workload.lr, "max_epochs": task.workload.epochs}
    return options | facts | {"criterion": nn.CrossEntropyLoss, "optimizer": task.optimizer_class}


def _bare(task: Task) -> Any:
    return NeuralNet(task.model(), callbacks="disable", train_split=None, verbose=0, **_options(task))


def _usual(task: Task) -> Any:
    scheduler = LRScheduler(policy=OneCycleLR, step_every="batch", **task.torch_one_cycle_options())
    return NeuralNetClassifier(
        task.model(),
        train_split=predefined_split(task.valid_set()),
        classes=list(range(task.workload.classes)),
        callbacks=[("scheduler", scheduler), ("bar", ProgressBar())],
        **_options(task),
    )
