"""A callback that lowers the learning rate when a value stops getting better."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..defaults import defaults
from .tracker_callback import TrackerCallback

if TYPE_CHECKING:
    from ..basic_train import Learner

__all__ = ["ReduceLROnPlateauCallback"]


class ReduceLROnPlateauCallback(TrackerCallback):
    """Multiplies all learning rates by `factor` after more than `patience` epochs without a better value.

    Args:
        learn: the learner.
        monitor: see `TrackerCallback`.
        mode: see `TrackerCallback`.
        patience: epochs without a better value to let pass, at least 0.
        factor: above 0 and below 1.
        min_delta: a value must be better than the best one by more than this, at least 0.
        min_lr: nothing happens once the last layer group's learning rate is not above it; the step before
            that may lead below.

    Attributes:
        clamp: set it to True and `min_lr` is a bound for each layer group that no step goes below.
        wait: epochs since the best one or the last step.
    """

    clamp = False
    _kept_on_resume = ("best", "wait")

    def __init__(
        self,
        learn: Learner,
        monitor: str = "valid_loss",
        mode: str = "auto",
        patience: int = 0,
        factor: float = 0.2,
        min_delta: float = 0,
        min_lr: float = 0.001,
    ) -> None:
        super().__init__(learn, monitor=monitor, mode=mode)
        self.patience, self.factor, self.min_lr = patience, factor, min_lr
        # v1: the attribute is negative where less is better; a saved state comes in as it was.
        self.min_delta = -abs(min_delta) if self.operator is np.less else min_delta

    def on_train_begin(self, **kwargs: Any) -> None:
        """Start counting."""
        super().on_train_begin(**kwargs)
        self.wait = 0

    def on_epoch_end(self, epoch: int, **kwargs: Any) -> None:
        """Compare this epoch with the best one."""
        current = self._watched(kwargs)
        if current is None:
            return
        if self.operator(current - self.min_delta, self.best):
            self.best, self.wait = float(current), 0
            return
        self.wait += 1
        if self.wait > self.patience:
            self._reduce(epoch)

    def _reduce(self, epoch: int) -> None:
        opt = self.learn.opt
        before = opt.read_val("lr")
        lrs = self._reduced(before)
        if lrs == before:
            return
        opt.lr, self.wait = lrs, 0
        self._say(f"Epoch {epoch}: reducing lr to {opt.lr}")

    def _reduced(self, lrs: list[Any]) -> list[Any]:
        """The next learning rates by layer group."""
        if self.clamp:
            return [max(lr * self.factor, min(lr, self.min_lr)) for lr in lrs]
        if not lrs[-1] > self.min_lr:
            return lrs
        if defaults.v1_quirks:
            # v1: all layer groups get the last one's.
            return [lrs[-1] * self.factor] * len(lrs)
        return [lr * self.factor for lr in lrs]
