"""Blocks in which a model or a loss function works on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["ModelOnCPU", "NoneReduceOnCPU"]


class ModelOnCPU:
    """Context manager that holds a model on the CPU and then takes it back to where it was.

    Args:
        model: the model; a model without parameters is left alone.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self.device: torch.device | None = None

    def __enter__(self) -> nn.Module:
        """Move the model and return it."""
        parameter = next(self.model.parameters(), None)
        self.device = None if parameter is None else parameter.device
        return self.model.cpu()

    def __exit__(
        self, type: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Move the model back."""
        if self.device is not None:
            self.model.to(self.device)


class NoneReduceOnCPU:
    """Context manager that gives a loss function which returns a loss for each element, on the CPU.

    Args:
        loss_func: an object with `reduction`, which is set to `none` inside the block, or a function that
            takes `reduction` as an argument. A tensor in its `weight` is on the CPU inside the block.
    """

    def __init__(self, loss_func: Callable[..., Any]) -> None:
        self.loss_func: Any = loss_func
        self.reduction: str | None = None
        self.weight: Tensor | None = None

    def __enter__(self) -> Callable[..., Any]:
        """Return the loss function, without reduction."""
        if not hasattr(self.loss_func, "reduction"):
            unreduced: Callable[..., Any] = partial(self.loss_func, reduction="none")
            return unreduced
        self.reduction, self.weight = self.loss_func.reduction, getattr(self.loss_func, "weight", None)
        self.loss_func.reduction = "none"
        if self.weight is not None:
            self.loss_func.weight = self.weight.cpu()
        loss_func: Callable[..., Any] = self.loss_func
        return loss_func

    def __exit__(
        self, type: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Put reduction and weight back."""
        if self.reduction is not None:
            self.loss_func.reduction = self.reduction
        if self.weight is not None:
            self.loss_func.weight = self.weight
