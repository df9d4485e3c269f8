"""A callback that clips gradients, and the recipe that adds it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from torch import nn

from ..learner_callback import LearnerCallback

if TYPE_CHECKING:
    from ..basic_train import Learner

__all__ = ["GradientClipping", "clip_grad"]


class GradientClipping(LearnerCallback):
    """Scales all gradients down together when their norm is above `clip`.

    With `g` for all gradients in one vector: `g * clip / |g|` if `|g| > clip`.

    Args:
        learn: the learner.
        clip: highest norm; 0 lets gradients be.
    """

    def __init__(self, learn: Learner, clip: float = 0.0) -> None:
        super().__init__(learn)
        self.clip = clip

    def on_backward_end(self, **kwargs: Any) -> None:
        """Clip."""
        if self.clip:
            nn.utils.clip_grad_norm_(self.learn.model.parameters(), self.clip)


def clip_grad(learn: Learner, clip: float = 0.1) -> Learner:
    """Clip gradients to the norm `clip` in every fit from now on, and return the learner."""
    learn.callback_fns.append(partial(GradientClipping, clip=clip))
    return learn
