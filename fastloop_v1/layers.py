"""v1's home of layers and losses: the plain layers, and what the files named for their concept hold."""

# v1's signatures hold positional booleans.

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from .attention import PooledSelfAttention2d, SelfAttention, conv1d
from .convolutions import (
    MergeLayer,
    NormType,
    PixelShuffle_ICNR,
    SequentialEx,
    batchnorm_2d,
    conv2d,
    conv2d_trans,
    conv_layer,
    icnr,
    relu,
    res_block,
)
from .losses import (
    BCEFlat,
    BCEWithLogitsFlat,
    CrossEntropyFlat,
    FlattenedLoss,
    LabelSmoothingCrossEntropy,
    MSELossFlat,
    NoopLoss,
    WassersteinLoss,
)

__all__ = [
    "AdaptiveConcatPool2d",
    "BCEFlat",
    "BCEWithLogitsFlat",
    "BatchNorm1dFlat",
    "CrossEntropyFlat",
    "Debugger",
    "Flatten",
    "FlattenedLoss",
    "LabelSmoothingCrossEntropy",
    "Lambda",
    "MSELossFlat",
    "MergeLayer",
    "NoopLoss",
    "NormType",
    "PartialLayer",
    "PixelShuffle_ICNR",
    "PoolFlatten",
    "PooledSelfAttention2d",
    "ResizeBatch",
    "SelfAttention",
    "SequentialEx",
    "SigmoidRange",
    "View",
    "WassersteinLoss",
    "batchnorm_2d",
    "bn_drop_lin",
    "conv1d",
    "conv2d",
    "conv2d_trans",
    "conv_layer",
    "embedding",
    "icnr",
    "relu",
    "res_block",
    "sigmoid_range",
    "simple_cnn",
    "trunc_normal_",
]


class Lambda(nn.Module):
    """Calls `func` on its input."""

    def __init__(self, func: Callable[[Any], Any]) -> None:
        super().__init__()
        self.func = func

    def forward(self, x: Any) -> Any:
        """Return `func(x)`."""
        return self.func(x)


class PartialLayer(nn.Module):
    """Calls `func` on its input with `kwargs`."""

    def __init__(self, func: Callable[..., Any], **kwargs: Any) -> None:
        super().__init__()
        self.repr = f"{func} ({kwargs})"
        self.func = partial(func, **kwargs)

    def forward(self, x: Any) -> Any:
        """Return `func(x, **kwargs)`."""
        return self.func(x)

    def __repr__(self) -> str:
        return self.repr


class Debugger(nn.Module):
    """Stops in the debugger in each forward pass."""

    def forward(self, x: Any) -> Any:
        """Call `breakpoint()` and return `x` as it is."""
        breakpoint()
        return x


class View(nn.Module):
    """Gives its input the shape `size`."""

    def __init__(self, *size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` of shape `size`."""
        return x.view(self.size)


class ResizeBatch(nn.Module):
    """Gives each item of a batch the shape `size`."""

    def __init__(self, *size: int) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` of shape `(batch, *size)`."""
        return x.view((x.shape[0], *self.size))


class Flatten(nn.Module):
    """Flattens each item of a batch, or the whole batch with `full`."""

    def __init__(self, full: bool = False) -> None:
        super().__init__()
        self.full = full

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` of shape `(batch, values)`, or `(values,)`."""
        return x.reshape(-1) if self.full else x.reshape(x.shape[0], -1)


def PoolFlatten() -> nn.Sequential:
    """Return layers that average each channel: `(batch, channels, height, width)` to `(batch, channels)`."""
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), Flatten())


class AdaptiveConcatPool2d(nn.Module):
    """Maximum and mean pooling side by side, which doubles the channels.

    Args:
        sz: height and width of the output, one number or both; default 1.
    """

    def __init__(self, sz: int | tuple[int, int] | None = None) -> None:
        super().__init__()
        self.output_size = sz or 1
        self.ap = nn.AdaptiveAvgPool2d(self.output_size)
        self.mp = nn.AdaptiveMaxPool2d(self.output_size)

    def forward(self, x: Tensor) -> Tensor:
        """Return the maxima, then the means of `x`, `(batch, 2 * channels, sz, sz)`."""
        return torch.cat([self.mp(x), self.ap(x)], dim=1)


def sigmoid_range(x: Tensor, low: float, high: float) -> Tensor:
    """Return `(high - low) * sigmoid(x) + low`."""
    return torch.sigmoid(x) * (high - low) + low


class SigmoidRange(nn.Module):
    """Squeezes its input between `low` and `high`."""

    def __init__(self, low: float, high: float) -> None:
        super().__init__()
        self.low, self.high = low, high

    def forward(self, x: Tensor) -> Tensor:
        """Return `sigmoid_range(x, low, high)`."""
        return sigmoid_range(x, self.low, self.high)


class BatchNorm1dFlat(nn.BatchNorm1d):
    """Batch norm over the last axis, all other axes taken as the batch."""

    def forward(self, x: Tensor) -> Tensor:
        """Return the normalized `x`, `(*batch, features)`."""
        return super().forward(x.reshape(-1, x.shape[-1])).reshape(x.shape)


def bn_drop_lin(
    n_in: int, n_out: int, bn: bool = True, p: float = 0.0, actn: nn.Module | None = None
) -> list[nn.Module]:
    """Return batch norm if `bn`, dropout if `p` is not 0, a linear layer, and `actn` if given, as a list."""
    layers: list[nn.Module] = [nn.BatchNorm1d(n_in)] if bn else []
    if p != 0:
        layers.append(nn.Dropout(p))
    layers.append(nn.Linear(n_in, n_out))
    return layers if actn is None else [*layers, actn]


@torch.no_grad()
def trunc_normal_(x: Tensor, mean: float = 0.0, std: float = 1.0) -> Tensor:
    """Fill `x` with `std * fmod(z, 2) + mean` for normal numbers `z`, about a truncated normal; return it."""
    return x.normal_().fmod_(2).mul_(std).add_(mean)


def embedding(ni: int, nf: int) -> nn.Embedding:
    """Return an embedding of `ni` items in `nf` numbers, filled by `trunc_normal_` with `std` 0.01."""
    emb = nn.Embedding(ni, nf)
    trunc_normal_(emb.weight, std=0.01)
    return emb


def simple_cnn(
    actns: Sequence[int],
    kernel_szs: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
    bn: bool = False,
) -> nn.Sequential:
    """Return convolutions with ReLU, then the mean of each channel.

    Args:
        actns: channels of the input and after each convolution.
        kernel_szs: kernel size of each convolution, default 3.
        strides: stride of each convolution, default 2.
        bn: True puts a batch norm behind each convolution but the last.
    """
    n = len(actns) - 1
    kernel_szs = [3] * n if kernel_szs is None else kernel_szs
    strides = [2] * n if strides is None else strides
    layers = [
        conv_layer(ni, nf, ks, stride=stride, norm_type=NormType.Batch if bn and i < n - 1 else None)
        for i, (ni, nf, ks, stride) in enumerate(zip(actns[:-1], actns[1:], kernel_szs, strides, strict=True))
    ]
    return nn.Sequential(*layers, PoolFlatten())
