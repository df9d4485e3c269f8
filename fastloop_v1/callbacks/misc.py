"""v1's name for the callback that stops after a number of batches."""

from __future__ import annotations

from .stop_after_n_batches import StopAfterNBatches

__all__ = ["StopAfterNBatches"]
