"""A callback that ends training when a value stops getting better."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .tracker_callback import TrackerCallback

if TYPE_CHECKING:
    from ..basic_train import Learner

__all__ = ["EarlyStoppingCallback"]


class EarlyStoppingCallback(TrackerCallback):
    """Ends training after more than `patience` epochs in a row without a better value.

    NaN is never better. An epoch without a value does not count.

    Args:
        learn: the learner.
        monitor: see `TrackerCallback`.
        mode: see `TrackerCallback`.
        min_delta: a value must be better than the best one by more than this, at least 0.
        patience: epochs without a better value to let pass, at least 0.

    Attributes:
        wait: epochs since the best one.
    """

    _kept_on_resume = ("best", "wait")

    def __init__(
        self,
        learn: Learner,
        monitor: str = "valid_loss",
        mode: str = "auto",
        min_delta: float = 0,
        patience: int = 0,
    ) -> None:
        super().__init__(learn, monitor=monitor, mode=mode)
        # v1: the attribute is negative where less is better; a saved state comes in as it was.
        self.min_delta = -abs(min_delta) if self.operator is np.less else min_delta
        self.patience = patience

    def on_train_begin(self, **kwargs: Any) -> None:
        """Start counting."""
        super().on_train_begin(**kwargs)
        self.wait = 0

    def on_epoch_end(self, epoch: int, **kwargs: Any) -> dict[str, bool] | None:
        """Compare this epoch with the best one."""
        current = self._watched(kwargs)
        if current is None:
            return None
        if self.operator(current - self.min_delta, self.best):
            self.best, self.wait = float(current), 0
            return None
        self.wait += 1
        if self.wait <= self.patience:
            return None
        self._say(f"Epoch {epoch}: early stopping")
        return {"stop_training": True}
