"""v2 callbacks that change how a fit trains: shorter epochs, gradients of several batches, clipping."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from ..modules import bn_types
from ..sequences import first_el
from ..signals import (
    CancelBatchException,
    CancelEpochException,
    CancelFitException,
    CancelTrainException,
    CancelValidException,
)
from .callback import Callback
from .train_eval import TrainEvalCallback

__all__ = [
    "BnFreeze",
    "GradientAccumulation",
    "GradientClip",
    "ShortEpochCallback",
    "SkipToEpoch",
    "TerminateOnNaNCallback",
]


class TerminateOnNaNCallback(Callback):
    """Ends the fit when the loss is infinite or not a number."""

    order = -9

    def after_batch(self) -> None:
        """Look at the loss.

        Raises:
            CancelFitException: it is no finite number.
        """
        if not torch.isfinite(self.loss).all():
            raise CancelFitException


class ShortEpochCallback(Callback):
    """Ends training, and validation if asked, after a share of its batches.

    Args:
        pct: the share, from 0 to 1.
        short_valid: whether validation is cut too.
    """

    def __init__(self, pct: float = 0.01, short_valid: bool = True) -> None:
        super().__init__()
        self.pct, self.short_valid = pct, short_valid

    def after_batch(self) -> None:
        """Leave the loop once the share is reached.

        Raises:
            CancelTrainException: in training.
            CancelValidException: in validation.
        """
        if self.iter / self.n_iter < self.pct:
            return
        if self.training:
            raise CancelTrainException
        if self.short_valid:
            raise CancelValidException


class SkipToEpoch(Callback):
    """Leaves out the epochs before the one given; schedules go on as if they had been trained.

    Args:
        epoch: the first epoch to train, from 0.
    """

    order = 70

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self._skip_to = epoch

    def before_epoch(self) -> None:
        """Leave the epoch if it is an early one.

        Raises:
            CancelEpochException: it is.
        """
        if self.epoch < self._skip_to:
            raise CancelEpochException


class GradientAccumulation(Callback):
    """Takes a step once so many samples went backward; their gradients add up until then.

    Args:
        n_acc: number of samples, at least 1.
    """

    order, run_valid = 6, False

    def __init__(self, n_acc: int = 32) -> None:
        super().__init__()
        self.n_acc, self.count = n_acc, 0

    def _size(self) -> int:
        return len(first_el(self.yb))

    def before_fit(self) -> None:
        """Start to count; samples left over at the end of an epoch count for the next one."""
        self.count = 0

    def after_loss(self) -> None:
        """Weigh the batch by its share of the samples."""
        self.learn.loss_grad = self.loss_grad / (self.n_acc / self._size())

    def before_step(self) -> None:
        """Leave the batch before its step until there are enough samples.

        Raises:
            CancelBatchException: there are not.
        """
        self.count += self._size()
        if self.count < self.n_acc:
            raise CancelBatchException
        self.count = 0


class GradientClip(Callback):
    """Scales the gradients down before a step if their norm is too large.

    Args:
        max_norm: the largest norm of all gradients together, above 0.
        norm_type: which p-norm.
    """

    order = 11

    def __init__(self, max_norm: float = 1.0, norm_type: float = 2.0) -> None:
        super().__init__()
        self.max_norm, self.norm_type = max_norm, norm_type

    def before_step(self) -> None:
        """Clip."""
        nn.utils.clip_grad_norm_(self.model.parameters(), self.max_norm, self.norm_type)


class BnFreeze(Callback):
    """Keeps the running averages of batch norms whose weights are frozen."""

    run_after = TrainEvalCallback

    def before_train(self) -> None:
        """Put them in evaluation mode."""
        for module in self.model.modules():
            weight: Any = getattr(module, "weight", None)
            if isinstance(module, bn_types) and weight is not None and not weight.requires_grad:
                module.eval()
