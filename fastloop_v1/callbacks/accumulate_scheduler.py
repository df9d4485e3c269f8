"""A callback that makes one optimizer step for several batches."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import torch

from ..defaults import defaults
from ..errors import ArgumentError, FastloopWarning
from ..learner_callback import LearnerCallback
from ..sequences import first_el

if TYPE_CHECKING:
    from ..basic_train import Learner

__all__ = ["AccumulateScheduler"]


class AccumulateScheduler(LearnerCallback):
    """Steps after every `n_step` batches, with the gradient of the mean loss over all their samples.

    With `n` for the sizes of the batches and `g` for their gradients that is `sum(g) / sum(n)` for a loss
    that sums over its batch, and `sum(n * g) / sum(n)` for one that averages.

    Args:
        learn: the learner.
        n_step: batches for a step, at least 1.
        drop_last: True drops the batches left over at the end of an epoch; else they make a step of their
            own, right after the last batch.

    Attributes:
        reduction: set it to `mean` or `sum` if the loss function is one that does not say.

    Raises:
        ArgumentError: `n_step` is below 1.
    """

    reduction: str | None = None
    exclude = (*LearnerCallback.exclude, "_size", "_unit", "_averages")
    acc_samples = acc_batches = _size = _unit = 0

    def __init__(self, learn: Learner, n_step: int = 1, drop_last: bool = False) -> None:
        if n_step < 1:
            raise ArgumentError(f"n_step is {n_step}; it must be at least 1.")
        super().__init__(learn)
        self.n_step, self.drop_last = n_step, drop_last

    def on_train_begin(self, **kwargs: Any) -> None:
        """Start with nothing."""
        self.acc_samples = self.acc_batches = 0
        if defaults.v1_quirks and getattr(self.learn.loss_func, "reduction", None) == "mean":
            text = "For better gradients consider 'reduction=sum'"
            warnings.warn(text, FastloopWarning, stacklevel=2)

    def on_epoch_begin(self, **kwargs: Any) -> None:
        """Start a group of batches."""
        self.acc_samples = self.acc_batches = 0
        self.n_batches = _length(self.learn.data.train_dl)
        # v1: the sum of the gradients is divided by the number of samples, whatever the loss function does.
        self._averages = not defaults.v1_quirks and self._reduction() != "sum"

    def _reduction(self) -> Any:
        """How the loss function puts the samples of a batch together; one that does not say averages."""
        loss_func = self.learn.loss_func
        said = getattr(loss_func, "reduction", None) or getattr(loss_func, "keywords", {}).get("reduction")
        return self.reduction or said or "mean"

    def on_batch_begin(self, last_input: Any, last_target: Any, **kwargs: Any) -> None:
        """Count the batch and its samples."""
        # v1: validation counts too.
        if not kwargs.get("train", True) and not defaults.v1_quirks:
            return
        self._size = len(first_el(last_input))
        self._unit = self._unit if self.acc_samples else self._size
        self.acc_samples += self._size
        self.acc_batches += 1

    def on_backward_begin(self, **kwargs: Any) -> None:
        """Let the gradients there are weigh what they should beside those of this batch."""
        if self._averages and self._size != self._unit:
            self._divide(self._size / self._unit)

    def on_backward_end(self, **kwargs: Any) -> dict[str, bool] | None:
        """Make the group's gradient, or wait for more batches."""
        if self._averages and self._size != self._unit:
            self._divide(self._unit / self._size)
        is_last = self.acc_batches == self.n_batches and not self.drop_last and not defaults.v1_quirks
        if self.acc_batches % self.n_step and not is_last:
            return {"skip_step": True, "skip_zero": True}
        self._finish()
        return None

    def _finish(self) -> None:
        """Make a mean of what was added up."""
        self._divide(self.acc_samples / self._unit if self._averages else self.acc_samples)
        self.acc_samples = 0

    def _divide(self, divisor: float) -> None:
        for param in self.learn.model.parameters():
            if param.grad is not None:
                param.grad.div_(divisor)

    def on_epoch_end(self, **kwargs: Any) -> None:
        """Step if the epoch was left in the middle of a group."""
        if defaults.v1_quirks:
            self._step_as_v1()
        elif self.acc_samples and not self.drop_last:
            self._finish()
            self.learn.opt.step()
            self.learn.opt.zero_grad()
        else:
            self._drop()

    def _step_as_v1(self) -> None:
        # v1: this step is made whatever there is, on old torch with gradients of 0 after zero_grad.
        if not self.drop_last:
            for param in self.learn.model.parameters():
                if param.requires_grad and param.grad is None:
                    param.grad = torch.zeros_like(param)
            self._finish()
            self.learn.opt.step()
        self.learn.opt.zero_grad()

    def on_train_end(self, **kwargs: Any) -> None:
        """Leave no gradients behind for the next fit."""
        if not defaults.v1_quirks:
            self._drop()

    def _drop(self) -> None:
        if self.acc_samples:
            self.learn.opt.zero_grad()
            self.acc_samples = 0


def _length(dl: Any) -> int | None:
    """How many batches a loader has, None if it does not know."""
    try:
        return len(dl)
    except TypeError:
        return None
