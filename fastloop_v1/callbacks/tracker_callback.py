"""`TrackerCallback`: the base of callbacks that watch one value from epoch to epoch."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import distributed

from ..errors import FastloopWarning
from ..learner_callback import LearnerCallback
from ..nested import to_np
from ..processes import num_distrib, rank_distrib
from .lasting_epoch import is_lasting

if TYPE_CHECKING:
    from ..basic_train import Learner

__all__ = ["TrackerCallback"]

_OLD_NAMES = {"val_loss": "valid_loss", "trn_loss": "train_loss"}


class TrackerCallback(LearnerCallback):
    """Watches one value and knows which of two is the better one.

    A new fit starts with no best value. One that goes on at a later epoch gets back the best value this
    callback had before, be it from the fit before or from attributes that `get_state` saved.

    Args:
        learn: the learner.
        monitor: title of a column of the table: `train_loss`, `valid_loss`, or a metric's name.
        mode: `min` if less is better, `max` if more is; `auto` takes `min` for names with "loss" or "error".

    Attributes:
        operator: tells whether its first argument is better than its second.
        best: the best value so far.
    """

    _kept_on_resume: Sequence[str] = ("best",)
    exclude = (*LearnerCallback.exclude, "_earlier")

    def __init__(self, learn: Learner, monitor: str = "valid_loss", mode: str = "auto") -> None:
        super().__init__(learn)
        self.monitor, self.mode = monitor, mode
        if mode not in ("auto", "min", "max"):
            # v1: an unknown mode is no error.
            self._warn(f'mode {mode} is invalid, falling back to "auto" mode.')
            self.mode = "auto"
        less = self.mode == "min" or (self.mode == "auto" and ("loss" in monitor or "error" in monitor))
        self.operator = np.less if less else np.greater

    def on_train_begin(self, **kwargs: Any) -> Any:
        """Forget the best value, until the fit turns out to go on from an earlier one."""
        own = self.__dict__
        self._earlier = {name: own[name] for name in self._kept_on_resume if name in own}
        self.best = float("inf" if self.operator is np.less else "-inf")

    def jump_to_epoch(self, epoch: int) -> None:
        """Go on with what was best before."""
        self.__dict__.update(self.__dict__.get("_earlier", {}))

    def get_monitor_value(self) -> Any:
        """The value of the epoch that just ended, or None, with a warning if nothing has that name.

        With several training processes it is the mean over those that have one, so that all decide alike.
        """
        values = self._values()
        name = self.monitor
        if name not in values and _OLD_NAMES.get(name) in values:
            name = _OLD_NAMES[name]
            self._warn(f"watches `{name}`, which was once called `{self.monitor}`.")
        if name not in values:
            # v1: the rest of the sentence.
            self._warn(
                f"conditioned on metric `{name}` which is not available. "
                f"Available metrics are: {', '.join(values)}"
            )
        return _over_processes(values.get(name), getattr(self.learn.data, "device", None))

    def _values(self) -> dict[str, Any]:
        """The columns of the table with the values of this epoch, None where there is none."""
        recorder = self.learn.recorder
        row = _last(recorder.metrics) or []
        if len(recorder.metrics) < len(recorder.val_losses) and recorder.val_losses[-1] is None:
            row = []  # it belongs to an earlier epoch: one without validation and metrics has no row
        names = [str(name) for name in recorder.metrics_names]
        metrics = dict(zip_longest(names, row[: len(names)]))
        losses = {"train_loss": _last(recorder.losses), "valid_loss": _last(recorder.val_losses)}
        return {name: _number(value) for name, value in {**losses, **metrics}.items()}

    def _watched(self, state: Mapping[str, Any]) -> Any:
        """The value of this epoch; None when nothing was trained for good."""
        return self.get_monitor_value() if is_lasting(self.learn, state) else None

    def _say(self, text: str) -> None:
        """Write a line below the table, once for all processes."""
        pbar = self.learn.recorder.pbar
        if pbar is not None and rank_distrib() == 0:
            pbar.write(text)

    def _warn(self, text: str) -> None:
        warnings.warn(f"{type(self)} {text}", FastloopWarning, stacklevel=3)


def _last(values: Sequence[Any]) -> Any:
    return values[-1] if values else None


def _number(value: Any) -> Any:
    """A tensor of one element as a numpy number of its precision; anything else as it is."""
    return to_np(value).reshape(-1)[0] if isinstance(value, torch.Tensor) and value.numel() == 1 else value


def _over_processes(value: Any, device: torch.device | None) -> Any:
    """The mean of a value over the training processes that have one."""
    if num_distrib() < 2 or not (distributed.is_available() and distributed.is_initialized()):
        return value
    known = value is not None
    pair = torch.tensor([float(value) if known else 0, known], dtype=torch.float64, device=device)
    distributed.all_reduce(pair)
    total, count = pair.tolist()
    return total / count if count else None
