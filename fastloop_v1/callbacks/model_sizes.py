"""Shapes of what layers put out, found by sending a batch of noise through a model."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..modules import children, in_channels, one_param
from .hook import hook_outputs

__all__ = ["dummy_batch", "dummy_eval", "model_sizes", "num_features_model"]

_LARGEST = 2048


def dummy_batch(m: nn.Module, size: tuple[int, ...] = (64, 64)) -> Tensor:
    """Return one image of noise, `(1, channels, *size)` between -1 and 1, that fits a model's first layer.

    Raises:
        ArgumentError: no layer has a weight of two or more dimensions.
    """
    noise = torch.rand(1, in_channels(m), *size) * 2 - 1
    return noise.to(one_param(m))


def dummy_eval(m: nn.Module, size: tuple[int, ...] = (64, 64)) -> Any:
    """Return what a model puts out for a `dummy_batch`; it is in evaluation mode then."""
    # v1: the model stays in evaluation mode.
    return m.eval()(dummy_batch(m, size))


def model_sizes(m: nn.Module, size: tuple[int, ...] = (64, 64)) -> list[torch.Size]:
    """Return the shape `(1, channels, ...)` of each child's output for an image of a size.

    Args:
        m: the model, each of whose children is used and puts out one tensor.
        size: height and width.
    """
    with torch.no_grad(), hook_outputs(children(m)) as hooks:
        dummy_eval(m, size)
        return [hook.stored.shape for hook in hooks]


def num_features_model(m: nn.Module) -> int:
    """Return how many channels the last child of a model puts out.

    Raises:
        RuntimeError: the model takes no image, not even one of 2048 pixels a side.
    """
    size = 64
    while True:
        try:
            return int(model_sizes(m, (size, size))[-1][1])
        except RuntimeError:
            if size >= _LARGEST:
                raise
            size *= 2
