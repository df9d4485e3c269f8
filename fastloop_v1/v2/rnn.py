"""v2 callbacks of recurrent models: forgetting, outputs in three parts, and regularisation."""

from __future__ import annotations

from ..sequences import is_listy
from .callback import Callback

__all__ = ["ModelResetter", "RNNCallback", "RNNRegularizer", "rnn_cbs"]


class ModelResetter(Callback):
    """Lets the model forget its hidden state before training and validation and at the end of a fit."""

    def before_train(self) -> None:
        """Forget."""
        self.model.reset()

    def before_validate(self) -> None:
        """Forget."""
        self.model.reset()

    def after_fit(self) -> None:
        """Forget."""
        self.model.reset()


class RNNCallback(Callback):
    """Takes apart what a model returns: predictions, raw outputs and outputs after dropout.

    Of outputs that are lists, one for each layer, the last one counts.

    Attributes:
        raw_out: outputs of the recurrent layer, of shape (batch, time, size).
        out: the same after dropout.
    """

    def after_pred(self) -> None:
        """Go on with the predictions alone."""
        self.learn.pred, self.raw_out, self.out = (o[-1] if is_listy(o) else o for o in self.pred)


class RNNRegularizer(Callback):
    """Adds penalties on large and on quickly changing outputs to the loss that goes backward.

    Source: Merity et al., Revisiting Activation Regularization for Language RNNs (arXiv:1708.01009).

    Args:
        alpha: factor of the mean square of the outputs after dropout, at least 0.
        beta: factor of the mean square of the change of raw outputs from one time to the next, at least 0.
    """

    order, run_valid = 1, False

    def __init__(self, alpha: float = 0.0, beta: float = 0.0) -> None:
        super().__init__()
        self.alpha, self.beta = alpha, beta

    def after_loss(self) -> None:
        """Add them; the loss that is reported stays as it is."""
        if self.alpha:
            self.learn.loss_grad = self.loss_grad + self.alpha * self.rnn.out.float().pow(2).mean()
        raw = self.rnn.raw_out
        if self.beta and raw.shape[1] > 1:
            change = raw[:, 1:] - raw[:, :-1]
            self.learn.loss_grad = self.loss_grad + self.beta * change.float().pow(2).mean()


def rnn_cbs(alpha: float = 0.0, beta: float = 0.0) -> list[Callback]:
    """The callbacks of a recurrent model; the regulariser is left out if `alpha` and `beta` are 0."""
    regularizer = [RNNRegularizer(alpha=alpha, beta=beta)] if alpha or beta else []
    return [ModelResetter(), RNNCallback(), *regularizer]
