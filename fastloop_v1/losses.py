"""Losses that flatten what they are given, and the small losses v1 offered beside them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = [
    "BCEFlat",
    "BCEWithLogitsFlat",
    "CrossEntropyFlat",
    "FlattenedLoss",
    "LabelSmoothingCrossEntropy",
    "MSELossFlat",
    "NoopLoss",
    "WassersteinLoss",
]

_SHORT_INTEGERS = (torch.int8, torch.int16, torch.int32)


class FlattenedLoss:
    """Calls `func(*args, **kwargs)` on input and target flattened over all positions.

    Attributes this class does not have are read from the loss it wraps, so `ignore_index` of a
    cross-entropy is found here too; methods of `nn.Module` are not, because `.cuda()` would return the
    bare loss. Targets of short integer types become int64, which torch wants.

    Args:
        func: class or factory of the loss; called once with the remaining arguments.
        axis: axis of the input that holds the classes; it is swapped with the last one.
        floatify: True turns the target into float32.
        is_2d: True flattens the input to `(positions, classes)`, False to `(values,)`.
    """

    def __init__(
        self,
        func: Callable[..., Any],
        *args: Any,
        axis: int = -1,
        floatify: bool = False,
        is_2d: bool = True,
        **kwargs: Any,
    ) -> None:
        self.func = func(*args, **kwargs)
        self.axis, self.floatify, self.is_2d = axis, floatify, is_2d

    def __repr__(self) -> str:
        return f"FlattenedLoss of {self.func}"

    def __getattr__(self, name: str) -> Any:
        # Before `func` is there (copy, unpickling) nothing can be forwarded.
        if name.startswith("__") or "func" not in self.__dict__ or hasattr(nn.Module, name):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.func, name)

    @property
    def reduction(self) -> str:
        """How the wrapped loss sums up: 'mean', 'sum' or 'none'; assigning changes the wrapped loss."""
        found: str = self.func.reduction
        return found

    @reduction.setter
    def reduction(self, v: str) -> None:
        self.func.reduction = v

    @property
    def weight(self) -> Tensor | None:
        """Weights of the wrapped loss, `(classes,)`; assigning changes the wrapped loss."""
        found: Tensor | None = self.func.weight
        return found

    @weight.setter
    def weight(self, v: Tensor | None) -> None:
        self.func.weight = v

    def __call__(self, input: Tensor, target: Tensor, **kwargs: Any) -> Tensor:
        """Return the loss of flattened input and target; 'none' gives one value a position, `(positions,)`.

        Args:
            input: predictions, the classes on `axis`.
            target: the input's shape, or that shape without `axis`.
            kwargs: handed on to the wrapped loss.
        """
        flat = input.transpose(self.axis, -1)
        flat = flat.reshape(-1, flat.shape[-1]) if self.is_2d else flat.reshape(-1)
        loss: Tensor = self.func(flat, self._flat_target(target, input.dim()), **kwargs)
        return loss

    def _flat_target(self, target: Tensor, input_dims: int) -> Tensor:
        # The class axis the target lacks is put in, else inputs of five dimensions pair the wrong positions.
        if target.dim() == input_dims - 1:
            target = target.unsqueeze(self.axis)
        target = target.transpose(self.axis, -1)
        if target.dtype in _SHORT_INTEGERS:
            target = target.long()
        return (target.float() if self.floatify else target).reshape(-1)


def CrossEntropyFlat(*args: Any, axis: int = -1, **kwargs: Any) -> FlattenedLoss:
    """Return `nn.CrossEntropyLoss(*args, **kwargs)` over flattened positions, the classes on `axis`."""
    return FlattenedLoss(nn.CrossEntropyLoss, *args, axis=axis, **kwargs)


def BCEWithLogitsFlat(*args: Any, axis: int = -1, floatify: bool = True, **kwargs: Any) -> FlattenedLoss:
    """Return `nn.BCEWithLogitsLoss(*args, **kwargs)` over flattened values."""
    return FlattenedLoss(nn.BCEWithLogitsLoss, *args, axis=axis, floatify=floatify, is_2d=False, **kwargs)


def BCEFlat(*args: Any, axis: int = -1, floatify: bool = True, **kwargs: Any) -> FlattenedLoss:
    """Return `nn.BCELoss(*args, **kwargs)` over flattened values, which are probabilities, 0 to 1."""
    return FlattenedLoss(nn.BCELoss, *args, axis=axis, floatify=floatify, is_2d=False, **kwargs)


def MSELossFlat(*args: Any, axis: int = -1, floatify: bool = True, **kwargs: Any) -> FlattenedLoss:
    """Return `nn.MSELoss(*args, **kwargs)` over flattened values."""
    return FlattenedLoss(nn.MSELoss, *args, axis=axis, floatify=floatify, is_2d=False, **kwargs)


class NoopLoss(nn.Module):
    """Mean of the output; for models that compute their loss themselves."""

    def forward(self, output: Tensor, *args: Any) -> Tensor:
        """Return the mean of `output`; targets are ignored."""
        return output.mean()


class WassersteinLoss(nn.Module):
    """Critic's loss of a Wasserstein GAN (Arjovsky et al. 2017, arXiv 1701.07875)."""

    def forward(self, real: Tensor, fake: Tensor) -> Tensor:
        """Return `real.mean() - fake.mean()`; each holds critic scores, any shape."""
        return real.mean() - fake.mean()


class LabelSmoothingCrossEntropy(nn.Module):
    """Cross-entropy against a target mixed with the uniform distribution.

    Szegedy et al. 2015, arXiv 1512.00567. With log-probabilities `l` over `c` classes the loss is
    `(1 - eps) * -l[target] + eps / c * -sum(l)`.

    Args:
        eps: share of the uniform distribution, 0 to 1.
        reduction: 'mean', 'sum' or 'none'.
    """

    def __init__(self, eps: float = 0.1, reduction: str = "mean") -> None:
        super().__init__()
        self.eps, self.reduction = eps, reduction

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the loss of logits `output`, `(batch, classes)`, and class numbers `target`, `(batch,)`."""
        log_probs = F.log_softmax(output, dim=-1)
        uniform = -log_probs.sum(dim=-1)
        if self.reduction == "sum":
            uniform = uniform.sum()
        elif self.reduction == "mean":
            uniform = uniform.mean()
        true_class = F.nll_loss(log_probs, target, reduction=self.reduction)
        return uniform * self.eps / output.shape[-1] + (1 - self.eps) * true_class
