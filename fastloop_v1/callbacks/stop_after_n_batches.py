"""A callback that ends training after a number of batches."""

from __future__ import annotations

from typing import Any

from ..callback import Callback
from ..defaults import defaults

__all__ = ["StopAfterNBatches"]


class StopAfterNBatches(Callback):
    """Ends a fit after its first `n_batches` training batches, without the validation of that epoch.

    Args:
        n_batches: at least 1.
    """

    exclude = ("_trained",)
    _trained = 0

    def __init__(self, n_batches: int = 2) -> None:
        # v1: the attribute is the number of the last batch, counted from 0.
        self.stop, self.n_batches = False, n_batches - 1

    def on_train_begin(self, **kwargs: Any) -> None:
        """Start counting."""
        self.stop, self._trained = False, 0

    def on_batch_end(self, iteration: int, **kwargs: Any) -> dict[str, bool] | None:
        """Count, and stop."""
        if defaults.v1_quirks:
            # v1: a validation batch has the number of the training batch after it.
            self.stop = iteration == self.n_batches
        elif kwargs.get("train", True):
            self.stop = self._trained >= self.n_batches
            self._trained += 1
        else:
            return None
        return {"stop_epoch": True, "stop_training": True, "skip_validate": True} if self.stop else None
