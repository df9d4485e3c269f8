"""Scaled losses and the gradients they give: who scales, and who sees to it that nobody else notices."""

from __future__ import annotations

from typing import Any

from ..learner_callback import LearnerCallback

__all__ = ["GradientUnscaling", "LossScaling"]


class LossScaling(LearnerCallback):
    """Base of callbacks that scale the loss's gradient, so that small gradients survive 16-bit floats."""

    def prepare(self) -> None:
        """Get ready for training, before other callbacks do."""

    def hand_back(self) -> None:
        """Give back what was taken from the learner, when its model is in float32 again."""

    def unscale(self) -> dict[str, Any] | None:
        """Give the gradients of the last backward pass their true size; nothing if that was done already.

        Returns:
            `skip_step` if there is nothing to step with, because these gradients were infinite or NaN.
        """


class GradientUnscaling(LearnerCallback):
    """Has the learner's `LossScaling` callbacks unscale, before any other callback sees the gradients.

    A callback has one place in the order for all its events; scaling comes last, after all others have
    seen or replaced the loss, and unscaling first. So this is a callback of its own.
    """

    _order = -1000

    def _scalings(self) -> list[LossScaling]:
        return [cb for cb in self.learn.callbacks if isinstance(cb, LossScaling)]

    def on_train_begin(self, **kwargs: Any) -> None:
        """Let them get ready."""
        for scaling in self._scalings():
            scaling.prepare()

    def on_backward_end(self, **kwargs: Any) -> dict[str, Any] | None:
        """Let them unscale."""
        answers = [scaling.unscale() for scaling in self._scalings()]
        return next((answer for answer in answers if answer), None)
