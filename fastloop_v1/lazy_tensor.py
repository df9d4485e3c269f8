"""`LazyTensor`: a number that is fetched from its device, or computed, when somebody looks at it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
import torch

from .nested import to_np

__all__ = ["FetchedTensor", "LazyTensor", "mean_loss", "on_cpu_when_read"]

_L = TypeVar("_L", bound="LazyTensor")


class LazyTensor(torch.Tensor):
    """A tensor on the CPU that is made at the first look, be it `item()`, `float()`, a comparison or a print.

    Every function of torch and numpy gets the ordinary tensor `value` in its place. To hand it on costs
    next to nothing; to look at one that lies on an accelerator waits for it, as v1 did at each batch.
    """

    source: Any
    _value: torch.Tensor | None

    @classmethod
    def over(cls: type[_L], source: Any, shape: Sequence[int] = (), dtype: Any = torch.float32) -> _L:
        """Return one that nobody has looked at, to be made from a source."""
        lazy: _L = torch.Tensor._make_wrapper_subclass(cls, shape, dtype=dtype)
        lazy.source, lazy._value = source, None
        return lazy

    @property
    def value(self) -> torch.Tensor:
        """The ordinary tensor."""
        if self._value is None:
            self._value = self._look()
        return self._value

    def _look(self) -> torch.Tensor:
        """Make the ordinary tensor; subclasses say how."""
        raise NotImplementedError

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run any function of torch on the ordinary tensors."""
        return func(*_looked_at(tuple(args)), **_looked_at(kwargs or {}))

    # For what is called from inside of torch, such as the copy in `torch.tensor(lazy)`.
    __torch_dispatch__ = __torch_function__  # type: ignore[assignment]


def _looked_at(items: Any) -> Any:
    if isinstance(items, LazyTensor):
        return items.value
    if type(items) in (list, tuple):
        return type(items)(_looked_at(item) for item in items)
    return {key: _looked_at(item) for key, item in items.items()} if type(items) is dict else items


class FetchedTensor(LazyTensor):
    """One that lies on a device until then."""

    def _look(self) -> torch.Tensor:
        on_cpu: torch.Tensor = self.source.cpu()
        return on_cpu


def on_cpu_when_read(loss: torch.Tensor) -> torch.Tensor:
    """Return the tensor cut off from its graph, on the CPU as soon as somebody looks at it."""
    loss = loss.detach()
    return loss if loss.is_cpu else FetchedTensor.over(loss, loss.shape, loss.dtype)


def mean_loss(losses: Sequence[torch.Tensor], sizes: Sequence[int]) -> Any:
    """Return the mean of losses weighed by sizes as a numpy number, fetched in one go; None of nothing."""
    if not losses:
        return None
    where_they_are = [loss.source if isinstance(loss, FetchedTensor) else loss for loss in losses]
    # v1: the weights are float32 as the losses are, which settles the last digits.
    weights = np.array(sizes, dtype=np.float32)
    return (to_np(torch.stack(where_they_are)) * weights).sum() / weights.sum()
