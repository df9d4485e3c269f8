"""Whether what happened in an epoch stays: only then something is written down about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..basic_train import Learner

__all__ = ["is_lasting"]


def is_lasting(learn: Learner, state: Mapping[str, Any]) -> bool:
    """Whether the epoch that ends trained the model for good.

    `Learner.validate` ends an epoch without a training batch, and `lr_find` puts everything back.

    Args:
        learn: the learner.
        state: what on_epoch_end got; without `num_batch` an epoch counts as one that trained.
    """
    finder = getattr(learn, "lr_finder", None)
    # The finder holds what it will put back, under this name and from begin to end of its fit.
    finding = "before" in getattr(finder, "__dict__", ())
    return state.get("num_batch", 1) > 0 and not finding
