"""The activation that turns a model's raw output into predictions, found from the loss function."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F

from .names import camel2snake, noop

__all__ = ["loss_func2activ", "loss_func_name2activ"]

loss_func_name2activ: dict[str, Callable[..., Any]] = {
    "cross_entropy_loss": F.softmax,
    "cross_entropy": F.softmax,
    "nll_loss": torch.exp,
    "poisson_nll_loss": torch.exp,
    "kl_div_loss": torch.exp,
    "kl_div": torch.exp,
    "bce_with_logits_loss": torch.sigmoid,
    "binary_cross_entropy_with_logits": torch.sigmoid,
}
"""By the name of a torch loss, function or class in snake case, what undoes its built-in transformation."""


def loss_func2activ(loss_func: Any) -> Callable[..., Any]:
    """The activation that fits a loss function; the identity for a loss that is not in the table.

    A flattened loss or a partial counts as the loss inside, with its `axis` for softmax (-1 by default).
    """
    keywords = getattr(loss_func, "keywords", None) or {}
    axis = keywords.get("axis", getattr(loss_func, "axis", -1))
    inner = getattr(loss_func, "func", loss_func)
    name = getattr(inner, "__name__", None) or camel2snake(type(inner).__name__)
    if not getattr(inner, "log_input", keywords.get("log_input", True)):
        return noop  # a Poisson loss that takes rates, not their logarithms
    activ = loss_func_name2activ.get(name, noop)
    return partial(activ, dim=axis) if activ is F.softmax else activ
