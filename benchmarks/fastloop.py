"""fastloop_v1's `Learner`.

`usual` is `Learner(DataBunch.create(...), ..., metrics=[accuracy]).fit_one_cycle(...)`: recorder, progress
bar, one-cycle, accuracy on validation samples. `fused` is the same with `fused=True`. `bare` has no
callbacks, no metrics, no bar and no validation, at a constant rate; `twenty` is `bare` with twenty callbacks
that say nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import cycle, islice
from typing import Any

from torch import nn

from fastloop_v1.basics import Callback, DataBunch, Learner, accuracy, optim

from .task import Task
from .workloads import CALLBACKS

__all__ = ["prepare"]

_EVENTS = ("batch_begin", "loss_begin", "backward_begin", "backward_end", "step_end", "batch_end")


def prepare(task: Task, variant: str) -> Callable[[], nn.Module]:
    """Make everything; what is returned trains and returns the model."""
    epochs, lr = task.workload.epochs, task.workload.lr
    if variant in ("usual", "fused"):
        learn = _learner(task, metrics=[accuracy], fused=variant == "fused")
        return lambda: _trained(learn, learn.fit_one_cycle, epochs, lr)
    learn = _learner(task, silent=True)
    learn.callback_fns = []
    learn.data.valid_dl = None
    if variant == "twenty":
        learn.callbacks = [_quiet(event) for event in islice(cycle(_EVENTS), CALLBACKS)]
    return lambda: _trained(learn, learn.fit, epochs, lr)


def _trained(learn: Learner, fit: Callable[[int, float], None], epochs: int, lr: float) -> nn.Module:
    fit(epochs, lr)
    model: nn.Module = learn.model
    return model


def _learner(task: Task, **options: Any) -> Learner:
    loading = task.loading()
    data = DataBunch.create(task.train_set(), task.valid_set(), bs=loading.pop("batch_size"), **loading)
    data.train_dl = data.train_dl.new(**task.order())
    return Learner(data, task.model(), loss_func=task.loss_func, **_optimizer(task), **options)


def _optimizer(task: Task) -> dict[str, Any]:
    """The learner's arguments; decoupled decay is its own, on top of Adam."""
    decay = task.workload.decay
    if task.workload.optimizer == "adamw":
        return {"opt_func": partial(optim.Adam, betas=(0.9, 0.99)), "wd": decay, "true_wd": True}
    options = {name: value for name, value in task.optimizer_options().items() if name != "weight_decay"}
    return {"opt_func": partial(task.optimizer_class, **options), "wd": decay, "true_wd": False}


def _says_nothing(self: Callback, **kwargs: Any) -> None:
    return None


def _quiet(event: str) -> Callback:
    """A callback that overrides one event."""
    kind: type[Callback] = type("Quiet", (Callback,), {f"on_{event}": _says_nothing})
    return kind()
