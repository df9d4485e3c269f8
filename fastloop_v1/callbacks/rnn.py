"""Training of recurrent models: state reset between epochs, and two penalties on activations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import ArgumentError
from ..learner_callback import LearnerCallback
from ..modules import get_model
from ..sequences import is_listy

if TYPE_CHECKING:
    from ..basic_train import Learner

__all__ = ["RNNTrainer"]


class RNNTrainer(LearnerCallback):
    """Takes the outputs of a recurrent model apart and penalizes large and fast-changing activations.

    The model returns `(output, raw activations, activations after dropout)`, the last two as lists with one
    tensor `(batch, steps, features)` for each layer, of which the last layer counts. To the loss are added
    `alpha * mean(dropped ** 2)` and `beta * mean((raw[:, 1:] - raw[:, :-1]) ** 2)`. Source: Merity, McCann
    and Socher, Revisiting Activation Regularization (arXiv:1708.01009).

    Args:
        learn: the learner; a model with a method `reset` is reset at the beginning of each epoch.
        alpha: weight of the activations, at least 0.
        beta: weight of their differences in time, at least 0.
    """

    exclude = (*LearnerCallback.exclude, "raw_out", "out")

    def __init__(self, learn: Learner, alpha: float = 0.0, beta: float = 0.0) -> None:
        super().__init__(learn)
        self.alpha, self.beta = alpha, beta

    def on_epoch_begin(self, **kwargs: Any) -> None:
        """Reset the model's hidden state."""
        reset = getattr(get_model(self.learn.model), "reset", None)
        if reset is not None:
            reset()

    def on_loss_begin(self, last_output: Any, **kwargs: Any) -> dict[str, Any]:
        """Keep the activations, hand on the output.

        Raises:
            ArgumentError: the model did not return all three.
        """
        if not is_listy(last_output) or len(last_output) < 3:
            raise ArgumentError(
                f"last_output is a {type(last_output).__name__}; RNNTrainer needs a model that returns "
                "(output, raw activations, activations after dropout)."
            )
        self.raw_out, self.out = last_output[1], last_output[2]
        return {"last_output": last_output[0]}

    def on_backward_begin(self, last_loss: Any, last_input: Any, **kwargs: Any) -> dict[str, Any]:
        """Add the penalties to the loss."""
        if self.alpha:
            last_loss = last_loss + self.alpha * self.out[-1].float().pow(2).mean()
        if self.beta:
            raw = self.raw_out[-1]
            # v1: a batch of one sample is not penalized, and one of a single step has the loss NaN.
            if len(raw) > 1:
                last_loss = last_loss + self.beta * (raw[:, 1:] - raw[:, :-1]).float().pow(2).mean()
        return {"last_loss": last_loss}

    def on_batch_end(self, **kwargs: Any) -> None:
        """Let go of the activations."""
        self.raw_out = self.out = None
