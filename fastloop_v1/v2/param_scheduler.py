"""`ParamScheduler`: hyper-parameters of the optimizer as functions of the share of training done."""

from __future__ import annotations

from collections.abc import Callable as Function
from collections.abc import Mapping
from typing import Any

from ..sequences import is_listy
from .callback import Callback

__all__ = ["ParamScheduler"]


class ParamScheduler(Callback):
    """Sets hyper-parameters before each training batch.

    Args:
        scheds: for each hyper-parameter a function of the share, from 0 to 1, or a list with one a group.

    Attributes:
        hps: for each hyper-parameter its values in the last group, one for each batch.
    """

    order, run_valid = 60, False

    def __init__(self, scheds: Mapping[str, Any]) -> None:
        super().__init__()
        self.scheds = scheds
        self.hps: dict[str, list[Any]] = {}

    def before_fit(self) -> None:
        """Forget the values of the fit before."""
        self.hps = {name: [] for name in self.scheds}

    def before_batch(self) -> None:
        """Set the values."""
        for name, sched in self.scheds.items():
            self.opt.set_hyper(name, _at(sched, self.pct_train))

    def after_batch(self) -> None:
        """Note what the batch was trained with."""
        for name, values in self.hps.items():
            values.append(self.opt.hypers[-1][name])

    def after_fit(self) -> None:
        """Hand the values to the recorder."""
        self.recorder.hps = self.hps


def _at(sched: Function[[float], Any] | list[Function[[float], Any]], pct: float) -> Any:
    return [one(pct) for one in sched] if is_listy(sched) else sched(pct)  # type: ignore[operator,union-attr]
