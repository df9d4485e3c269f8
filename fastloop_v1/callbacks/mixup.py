"""Mixup: training on weighted means of two samples and of their losses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from ..defaults import defaults
from ..errors import ArgumentError
from ..learner_callback import LearnerCallback
from ..module_class import Module

if TYPE_CHECKING:
    from ..basic_train import Learner

__all__ = ["MixUpCallback", "MixUpLoss"]


class MixUpCallback(LearnerCallback):
    """Mixes each training sample with another one of its batch.

    The share of the sample itself is `max(l, 1 - l)` with `l` drawn from `Beta(alpha, alpha)` for each
    sample, by numpy's global generator. Source: Zhang et al., mixup (arXiv:1710.09412).

    Args:
        learn: the learner; its loss function is wrapped in `MixUpLoss` during a fit if `stack_y`.
        alpha: above 0; the smaller, the closer the shares are to 1.
        stack_x: True gives the model `x, x_other, shares` to mix by itself, with shares of shape `(batch,)`.
        stack_y: True mixes the losses of the two targets, which have shape `(batch,)`; False the targets.

    Raises:
        ArgumentError: `alpha` is not above 0.
    """

    exclude = (*LearnerCallback.exclude, "_mixed")

    def __init__(
        self, learn: Learner, alpha: float = 0.4, stack_x: bool = False, stack_y: bool = True
    ) -> None:
        super().__init__(learn)
        self.alpha, self.stack_x, self.stack_y = alpha, stack_x, stack_y
        if alpha <= 0:
            raise ArgumentError(f"alpha is {alpha}; it must be above 0.")

    def on_train_begin(self, **kwargs: Any) -> None:
        """Wrap the loss function."""
        self._put_back()
        if self.stack_y:
            self._mixed = MixUpLoss(self.learn.loss_func)
            self.learn.loss_func = self._mixed

    def on_batch_begin(
        self, last_input: Any, last_target: Any, train: bool, **kwargs: Any
    ) -> dict[str, Any] | None:
        """Mix a training batch.

        Raises:
            ArgumentError: input or target is no tensor, or the target has a shape that cannot be mixed so.
        """
        if not train:
            return None
        self._check(last_input, last_target)
        shares = self._draw_shares(last_input, len(last_target))
        others = torch.randperm(len(last_target)).to(last_input.device)
        inputs, targets = (last_input, last_input[others]), (last_target, last_target[others])
        return {
            "last_input": [*inputs, shares] if self.stack_x else _blend(*inputs, shares),
            "last_target": self._mixed_target(*targets, shares),
        }

    def on_train_end(self, **kwargs: Any) -> None:
        """Put the loss function back."""
        self._put_back()

    def _put_back(self) -> None:
        mixed = self.__dict__.pop("_mixed", None)
        if mixed is not None and self.learn.loss_func is mixed:
            self.learn.loss_func = mixed.get_old()

    def _check(self, x: Any, y: Any) -> None:
        for name, value in (("last_input", x), ("last_target", y)):
            if not isinstance(value, Tensor):
                raise ArgumentError(f"{name} is a {type(value).__name__}; mixup takes a tensor.")
        if self.stack_y and y.dim() != 1:
            raise ArgumentError(
                f"last_target has shape {tuple(y.shape)}; mixup with stack_y=True takes (batch,). "
                "Use stack_y=False to mix the targets themselves."
            )

    def _draw_shares(self, x: Tensor, n: int) -> Tensor:
        drawn = np.random.beta(self.alpha, self.alpha, n)
        dtype = x.dtype if x.is_floating_point() else torch.float32
        return torch.as_tensor(np.maximum(drawn, 1 - drawn), dtype=dtype, device=x.device)

    def _mixed_target(self, y: Tensor, other: Tensor, shares: Tensor) -> Tensor:
        if not self.stack_y:
            return _blend(y.float(), other.float(), shares.float())
        # v1: targets of every type were cut to whole numbers.
        if y.is_floating_point() and not defaults.v1_quirks and "_mixed" in self.__dict__:
            self._mixed.target_type = y.dtype
        return torch.stack([y.float(), other.float(), shares.float()], 1)


def _blend(one: Tensor, other: Tensor, shares: Tensor) -> Tensor:
    """`share * one + (1 - share) * other` for each sample, `(batch, ...)` with shares `(batch,)`."""
    shares = shares.view(-1, *[1] * (one.dim() - 1))
    return one * shares + other * (1 - shares)


class MixUpLoss(Module):
    """The loss of targets that `MixUpCallback` stacked, and the wrapped loss of any others.

    With targets `(first, second, share)` of shape `(batch, 3)` it is
    `share * crit(output, first) + (1 - share) * crit(output, second)` for each sample.

    Args:
        crit: the loss: an object with `reduction`, which is `none` only while it is called here, or a
            function that takes `reduction` as an argument.
        reduction: `mean`, `sum` or `none`.

    Attributes:
        target_type: what stacked targets are made again before they go into the loss.
    """

    target_type: torch.dtype = torch.int64

    def __init__(self, crit: Callable[..., Any], reduction: str = "mean") -> None:
        super().__init__()
        self.crit: Any = crit
        self.reduction = reduction

    def forward(self, output: Any, target: Tensor) -> Tensor:
        """Return the loss, a number or one value for each sample."""
        with _unreduced(self.crit) as crit:
            if target.dim() == 2:
                first, second = (crit(output, target[:, i].to(self.target_type)) for i in (0, 1))
                loss: Tensor = first * target[:, 2] + second * (1 - target[:, 2])
            else:
                loss = crit(output, target)
        if self.reduction == "mean":
            return loss.mean()
        return loss.sum() if self.reduction == "sum" else loss

    def get_old(self) -> Callable[..., Any]:
        """Return the wrapped loss, as it was."""
        old: Callable[..., Any] = self.crit
        return old

    @property
    def func(self) -> Callable[..., Any]:
        """The innermost loss, by which the activation of predictions is chosen."""
        inner: Callable[..., Any] = getattr(self.crit, "func", self.crit)
        return inner

    @property
    def keywords(self) -> dict[str, Any]:
        """Arguments of the wrapped loss, if that is a partial."""
        return getattr(self.crit, "keywords", {})

    @property
    def metric_names(self) -> Sequence[str]:
        """Names of what the wrapped loss computes beside the loss, as `LossMetrics` asks for them."""
        return getattr(self.crit, "metric_names", ())

    @property
    def metrics(self) -> dict[str, Any]:
        """These values, by their names."""
        return getattr(self.crit, "metrics", {})

    @property
    def axis(self) -> int:
        """Axis of the classes in the output."""
        return getattr(self.crit, "axis", -1)

    @property
    def weight(self) -> Tensor | None:
        """Weights of the wrapped loss; assigning changes the wrapped loss."""
        return getattr(self.crit, "weight", None)

    @weight.setter
    def weight(self, v: Tensor | None) -> None:
        self.crit.weight = v


@contextmanager
def _unreduced(crit: Any) -> Iterator[Any]:
    """The loss with one value for each sample, inside the block only."""
    if not hasattr(crit, "reduction"):
        yield partial(crit, reduction="none")
        return
    before = crit.reduction
    crit.reduction = "none"
    try:
        yield crit
    finally:
        crit.reduction = before
