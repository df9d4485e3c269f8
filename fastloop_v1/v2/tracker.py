"""v2 callbacks that watch a loss or a metric: stop early, save the best, lower the learning rate."""

from __future__ import annotations

from collections.abc import Callable as Function
from typing import Any

import numpy as np

from ..errors import ArgumentError
from ..signals import CancelFitException
from .callback import Callback

__all__ = ["EarlyStoppingCallback", "ReduceLROnPlateau", "SaveModelCallback", "TrackerCallback"]


class TrackerCallback(Callback):
    """Keeps the best value of a column of the recorder.

    Args:
        monitor: title of the column, such as `valid_loss` or the name of a metric.
        comp: takes a new value and the best so far, and tells whether the new one is better; lower is better
            for a title with `loss` or `error` in it, higher for others, if None.
        min_delta: how much better it has to be, at least 0.
        reset_on_fit: whether each fit starts anew.

    Attributes:
        best: the best value so far.
        new_best: whether the last epoch had it.
    """

    order, remove_on_fetch = 60, True

    def __init__(
        self,
        monitor: str = "valid_loss",
        comp: Function[[Any, Any], Any] | None = None,
        min_delta: float = 0.0,
        reset_on_fit: bool = True,
    ) -> None:
        super().__init__()
        lower_is_better = "loss" in monitor or "error" in monitor
        self.comp = comp or (np.less if lower_is_better else np.greater)
        self.min_delta = -min_delta if self.comp is np.less else min_delta
        self.monitor, self.reset_on_fit = monitor, reset_on_fit
        self.best: Any = None
        self.new_best = False

    def before_fit(self) -> None:
        """Find the column; a pass that only predicts or looks for a learning rate is not watched.

        Raises:
            ArgumentError: there is no such column.
        """
        self.run = not hasattr(self, "lr_finder") and not hasattr(self, "gather_preds")
        if not self.run:
            return
        columns = self.recorder.metric_names[1:-1]
        if self.monitor not in columns:
            raise ArgumentError(f"monitor is {self.monitor!r}; allowed are {', '.join(columns)}.")
        self._column = columns.index(self.monitor)
        if self.reset_on_fit or self.best is None:
            self.best = float("inf") if self.comp is np.less else -float("inf")

    def after_epoch(self) -> None:
        """Compare; an epoch without the value has no new best."""
        row = self.recorder.values[-1]
        value = row[self._column] if self._column < len(row) else None
        self.new_best = value is not None and bool(self.comp(value - self.min_delta, self.best))
        if self.new_best:
            self.best = value


class EarlyStoppingCallback(TrackerCallback):
    """Ends the fit when the value has not become better for a while.

    Args:
        monitor, comp, min_delta, reset_on_fit: as in `TrackerCallback`.
        patience: number of epochs to wait, at least 1.
    """

    order = 63

    def __init__(
        self,
        monitor: str = "valid_loss",
        comp: Function[[Any, Any], Any] | None = None,
        min_delta: float = 0.0,
        patience: int = 1,
        reset_on_fit: bool = True,
    ) -> None:
        super().__init__(monitor, comp, min_delta, reset_on_fit)
        self.patience, self.wait = patience, 0

    def before_fit(self) -> None:
        """Start to wait."""
        self.wait = 0
        super().before_fit()

    def after_epoch(self) -> None:
        """Wait, or end.

        Raises:
            CancelFitException: it was long enough.
        """
        super().after_epoch()
        self.wait = 0 if self.new_best else self.wait + 1
        if self.wait >= self.patience:
            raise CancelFitException


class SaveModelCallback(TrackerCallback):
    """Saves the model whenever the value is better than ever, and loads the best at the end.

    Args:
        monitor, comp, min_delta, reset_on_fit: as in `TrackerCallback`.
        fname: name of the file below the learner's folder of models.
        every_epoch: True saves each epoch as `<fname>_<epoch>` instead, a number every so many epochs.
        at_end: True saves the model at the end, instead of loading the best.
        with_opt: whether the optimizer's state goes into the file.
    """

    order = 61

    def __init__(
        self,
        monitor: str = "valid_loss",
        comp: Function[[Any, Any], Any] | None = None,
        min_delta: float = 0.0,
        fname: str = "model",
        every_epoch: bool | int = False,
        at_end: bool = False,
        with_opt: bool = False,
        reset_on_fit: bool = True,
    ) -> None:
        super().__init__(monitor, comp, min_delta, reset_on_fit)
        self.fname, self.every_epoch, self.at_end, self.with_opt = fname, every_epoch, at_end, with_opt
        self.last_saved_path: Any = None

    def before_fit(self) -> None:
        """Nothing is saved yet."""
        self.last_saved_path = None
        super().before_fit()

    def _save(self, name: str) -> None:
        self.last_saved_path = self.learn.save(name, return_path=True, with_opt=self.with_opt)

    def after_epoch(self) -> None:
        """Save, if it is time."""
        if self.every_epoch:
            if self.epoch % self.every_epoch == 0:
                self._save(f"{self.fname}_{self.epoch}")
            return
        super().after_epoch()
        if self.new_best:
            self._save(self.fname)

    def after_fit(self) -> None:
        """Save the last model, or load the best."""
        if self.at_end:
            self._save(self.fname)
        elif not self.every_epoch and self.last_saved_path is not None:
            self.learn.load(self.fname, with_opt=self.with_opt)


class ReduceLROnPlateau(TrackerCallback):
    """Divides the learning rates when the value has not become better for a while.

    Args:
        monitor, comp, min_delta, reset_on_fit: as in `TrackerCallback`.
        patience: number of epochs to wait, at least 1.
        factor: divisor, above 1.
        min_lr: a learning rate does not go below this.
    """

    order = 62

    def __init__(
        self,
        monitor: str = "valid_loss",
        comp: Function[[Any, Any], Any] | None = None,
        min_delta: float = 0.0,
        patience: int = 1,
        factor: float = 10.0,
        min_lr: float = 0.0,
        reset_on_fit: bool = True,
    ) -> None:
        super().__init__(monitor, comp, min_delta, reset_on_fit)
        self.patience, self.factor, self.min_lr, self.wait = patience, factor, min_lr, 0

    def before_fit(self) -> None:
        """Start to wait."""
        self.wait = 0
        super().before_fit()

    def after_epoch(self) -> None:
        """Wait, or divide."""
        super().after_epoch()
        self.wait = 0 if self.new_best else self.wait + 1
        if self.wait >= self.patience:
            for hypers in self.opt.hypers:
                hypers["lr"] = max(hypers["lr"] / self.factor, self.min_lr)
            self.wait = 0
