"""Initial weights of layers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor, nn

from .modules import apply_leaf, bn_types, requires_grad

__all__ = ["apply_init", "cond_init", "init_default"]

_InitFunc = Callable[[Tensor], Any]


def init_default(m: nn.Module, func: _InitFunc | None = nn.init.kaiming_normal_) -> nn.Module:
    """Fill the weight of a layer by `func` and its bias with 0, and return it; without `func` do nothing."""
    if func is None:
        return m
    weight, bias = getattr(m, "weight", None), getattr(m, "bias", None)
    if isinstance(weight, Tensor):
        func(weight)
    if isinstance(bias, Tensor):
        bias.data.fill_(0.0)
    return m


def cond_init(m: nn.Module, init_func: _InitFunc) -> None:
    """Initialize a layer by `init_default`, unless it is a batch norm or frozen."""
    if not isinstance(m, bn_types) and requires_grad(m):
        init_default(m, init_func)


def apply_init(m: nn.Module, init_func: _InitFunc) -> None:
    """Initialize all layers of a model by `cond_init`."""
    apply_leaf(m, partial(cond_init, init_func=init_func))
