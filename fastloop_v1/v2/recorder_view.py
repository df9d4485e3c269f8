"""`Recorder` of fastai v2: losses, rates and a row of values for each epoch, as v2 callbacks read them."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import numpy as np
import torch

from ..loss_curve import LossCurve, LossLog
from ..recorder import format_time
from .callback import Callback

__all__ = ["Recorder"]

_BETA = 0.98


class Recorder(Callback):
    """What v2 calls `recorder`; the learner's own recorder is v1's, and has these attributes beside its own.

    Attributes:
        log: epoch and values of the running epoch, so far; in the end the time it took.
        values: for each epoch the smoothed training loss, the validation loss and the metrics; a part that
            was cancelled is left out of its row, and is None where there is no validation data.
        losses: smoothed training loss after each batch.
        lrs: learning rate of the last group at each batch.
        iters: batches trained until the end of each epoch.
        metric_names: titles of `log`.
    """

    order, remove_on_fetch = 50, True

    def __init__(self) -> None:
        super().__init__()
        self.metric_titles: list[str] = []
        self.latest: list[Any] = []
        self._start = perf_counter()
        self._clear()

    def __setattr__(self, name: str, value: Any) -> None:
        # A callback of the user may be called `Log`; this one's `log` hides nothing of the learner's.
        object.__setattr__(self, name, value)

    def _clear(self) -> None:
        self._curve, self._losses = LossCurve(_BETA), LossLog()
        self.lrs: list[Any] = []
        self.iters: list[int] = []
        self.values: list[list[Any]] = []
        self.log: list[Any] = []
        self._cancelled: set[str] = set()

    @property
    def losses(self) -> list[Any]:
        """Smoothed training loss after each batch."""
        return self._losses.values

    @property
    def metric_names(self) -> list[str]:
        """Titles of the columns."""
        return ["epoch", "train_loss", "valid_loss", *self.metric_titles, "time"]

    def before_fit(self) -> None:
        """Start empty."""
        self._clear()
        first = vars(self.learn).get("recorder")
        if first is not None:
            first.values, first.iters, first.log = self.values, self.iters, self.log
            first.metric_names = self.metric_names

    def before_epoch(self) -> None:
        """Start a row."""
        self._cancelled, self._start = set(), perf_counter()
        self.log[:] = [self.epoch]

    def after_batch(self) -> None:
        """Note a training batch; one without targets has no loss."""
        if not self.training or not len(self.yb):
            return
        self._curve.add_value(self.loss.detach())
        self.learn.smooth_loss = self._curve.smooth
        self._losses.append(self.learn.smooth_loss)
        self.lrs.append(self.opt.lr)

    def after_cancel_train(self) -> None:
        """Leave the training loss out of the row."""
        self._cancelled.add("train")

    def after_train(self) -> None:
        """Write the training loss."""
        if "train" not in self._cancelled and self._curve.n:
            self.log.append(float(self._curve.smooth))
        self._hold_row()

    def _hold_row(self) -> None:
        """Keep v1's recorder, which comes before v2's after_epoch, from writing what a logger is to write."""
        self.learn.v2_view.rows.hold()

    def after_cancel_validate(self) -> None:
        """Leave the validation out of the row."""
        self._cancelled.add("validate")

    def after_validate(self) -> None:
        """See who writes the row."""
        self._hold_row()

    def after_cancel_epoch(self) -> None:
        """Leave out of the row what is not there yet."""
        self._cancelled.add("validate")
        self._hold_row()

    def after_epoch(self) -> None:
        """Write what the validation gave, keep the row, and hand it to a logger that was put in place."""
        if "validate" not in self._cancelled:
            found = [_plain(value) for value in self.latest]
            self.log += found + [None] * (1 + len(self.metric_titles) - len(found))
        self.learn.final_record = self.log[1:]
        self.values.append(self.learn.final_record)
        self.iters.append(self._curve.n)
        self.log.append(format_time(perf_counter() - self._start))
        self.learn.v2_view.rows.hand_over(self.log)


def _plain(value: Any) -> Any:
    """A value of the loop as a number, if it is one."""
    if isinstance(value, torch.Tensor):
        return value.item() if value.numel() == 1 else value
    return value.item() if isinstance(value, (np.ndarray, np.generic)) and value.size == 1 else value
