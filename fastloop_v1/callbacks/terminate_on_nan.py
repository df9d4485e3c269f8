"""A callback that ends training when the loss is no number any more."""

from __future__ import annotations

import math
from typing import Any

import torch

from ..callback import Callback
from ..defaults import defaults

__all__ = ["TerminateOnNaNCallback"]


class TerminateOnNaNCallback(Callback):
    """Ends training at the first loss that is NaN or infinite, before backward pass and step.

    It looks at the smoothed loss, which the loop has on the CPU already, so that no batch waits for the
    device: from the first such loss on, the smoothed one is no finite number either.

    Attributes:
        stop: whether this fit was ended.
    """

    def __init__(self) -> None:
        self.stop = False

    def on_train_begin(self, **kwargs: Any) -> None:
        """Start anew."""
        self.stop = False

    def on_backward_begin(self, smooth_loss: Any, **kwargs: Any) -> dict[str, bool] | None:
        """Keep a loss that is no finite number away from gradients and weights."""
        # v1: the step is taken, and infinite losses go on.
        if defaults.v1_quirks or math.isfinite(smooth_loss):
            return None
        self.stop = True
        return {"skip_bwd": True, "skip_step": True}

    def on_batch_end(
        self, last_loss: Any, epoch: int, num_batch: int, **kwargs: Any
    ) -> dict[str, bool] | None:
        """Leave the epoch, without validation, and training; a validation loss ends them too."""
        train = kwargs.get("train", True)
        # A loss that another callback has replaced is seen here first; infinite, it may be a scaled one.
        if not (train and self.stop) and not _is_invalid(last_loss, or_infinite=not train):
            return None
        self.stop = True
        if kwargs.get("pbar") is not None:
            kwargs["pbar"].write(f"Epoch/Batch ({epoch}/{num_batch}): Invalid loss, terminating training.")
        return {"stop_epoch": True, "stop_training": True, "skip_validate": True}


def _is_invalid(loss: Any, *, or_infinite: bool) -> bool:
    """Whether a loss is NaN; what prediction hands on in its place is no loss and is let be."""
    if not isinstance(loss, (torch.Tensor, float)):
        return False
    return math.isnan(loss) or (or_infinite and not defaults.v1_quirks and math.isinf(loss))
