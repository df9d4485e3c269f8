"""Convolutions with their normalization and activation, residual blocks and upsampling by pixel shuffle."""

# v1's signatures hold positional booleans.

from __future__ import annotations

import warnings
from collections.abc import Callable
from enum import Enum
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.utils import spectral_norm, weight_norm

from .attention import SelfAttention
from .weight_init import init_default

__all__ = [
    "MergeLayer",
    "NormType",
    "PixelShuffle_ICNR",
    "SequentialEx",
    "batchnorm_2d",
    "conv2d",
    "conv2d_trans",
    "conv_layer",
    "icnr",
    "relu",
    "res_block",
]

_InitFunc: TypeAlias = Callable[[Tensor], Any]


class NormType(Enum):
    """How a convolution is normalized.

    Batch norm behind it, batch norm whose weight starts at zero, weight norm (Salimans and Kingma 2016,
    arXiv 1602.07868) or spectral norm (Miyato et al. 2018, arXiv 1802.05957) of its weight.
    """

    Batch = 1
    BatchZero = 2
    Weight = 3
    Spectral = 4


def batchnorm_2d(nf: int, norm_type: NormType | None = NormType.Batch) -> nn.BatchNorm2d:
    """Return a batch norm with bias 1e-3 and weight 1, or weight 0 for `NormType.BatchZero`."""
    bn = nn.BatchNorm2d(nf)
    nn.init.constant_(bn.bias, 1e-3)
    nn.init.constant_(bn.weight, 0.0 if norm_type is NormType.BatchZero else 1.0)
    return bn


def conv2d(
    ni: int,
    nf: int,
    ks: int = 3,
    stride: int = 1,
    padding: int | None = None,
    bias: bool = False,
    init: _InitFunc | None = nn.init.kaiming_normal_,
) -> nn.Conv2d:
    """Return a 2d convolution whose weight is set by `init` and whose bias is zero; padding `ks // 2`."""
    padding = ks // 2 if padding is None else padding
    conv = nn.Conv2d(ni, nf, ks, stride, padding, bias=bias)
    init_default(conv, init)
    return conv


def conv2d_trans(
    ni: int, nf: int, ks: int = 2, stride: int = 2, padding: int = 0, bias: bool = False
) -> nn.ConvTranspose2d:
    """Return a transposed 2d convolution, which doubles height and width by default."""
    return nn.ConvTranspose2d(ni, nf, ks, stride=stride, padding=padding, bias=bias)


def relu(inplace: bool = False, leaky: float | None = None) -> nn.ReLU | nn.LeakyReLU:
    """Return a ReLU, or a leaky one with slope `leaky` below zero."""
    return nn.ReLU(inplace=inplace) if leaky is None else nn.LeakyReLU(leaky, inplace=inplace)


def conv_layer(
    ni: int,
    nf: int,
    ks: int = 3,
    stride: int = 1,
    padding: int | None = None,
    bias: bool | None = None,
    is_1d: bool = False,
    norm_type: NormType | None = NormType.Batch,
    use_activ: bool = True,
    leaky: float | None = None,
    transpose: bool = False,
    init: _InitFunc | None = nn.init.kaiming_normal_,
    self_attention: bool = False,
) -> nn.Sequential:
    """Return a convolution, then ReLU, batch norm and self-attention as asked for, in this order.

    Args:
        ni: channels of the input.
        nf: channels of the output.
        ks: kernel size.
        stride: step between positions.
        padding: default `(ks - 1) // 2`, or 0 if transposed.
        bias: default: only without batch norm, which has its own.
        is_1d: True convolves over one dimension.
        norm_type: see `NormType`; None for no normalization.
        use_activ: False leaves the ReLU out.
        leaky: slope of the ReLU below zero.
        transpose: True takes a transposed 2d convolution.
        init: sets the weight; None keeps torch's own.
        self_attention: True puts a `SelfAttention` last.
    """
    if padding is None:
        padding = 0 if transpose else (ks - 1) // 2
    has_bn = norm_type in (NormType.Batch, NormType.BatchZero)
    conv_class = nn.ConvTranspose2d if transpose else nn.Conv1d if is_1d else nn.Conv2d
    conv = conv_class(ni, nf, ks, stride=stride, padding=padding, bias=not has_bn if bias is None else bias)
    init_default(conv, init)
    layers: list[nn.Module] = [_normed(conv, norm_type)]
    if use_activ:
        layers.append(relu(inplace=True, leaky=leaky))
    if has_bn:
        # v1: BatchZero is an ordinary batch norm here; only batchnorm_2d starts one at zero.
        layers.append(nn.BatchNorm1d(nf) if is_1d else nn.BatchNorm2d(nf))
    if self_attention:
        layers.append(SelfAttention(nf))
    return nn.Sequential(*layers)


def _normed(conv: nn.Module, norm_type: NormType | None) -> nn.Module:
    """Put weight or spectral norm on a convolution."""
    if norm_type is NormType.Spectral:
        return spectral_norm(conv)
    if norm_type is NormType.Weight:
        with warnings.catch_warnings():
            # torch's newer weight norm names its parameters otherwise than v1's files, and cannot be pickled.
            warnings.simplefilter("ignore", FutureWarning)
            return weight_norm(conv)
    return conv


class SequentialEx(nn.Module):
    """Like `nn.Sequential`, but each layer finds the block's input as `orig` of what it is given."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Any) -> Any:
        """Return `x` after all layers; `x` is a tensor or an object that takes attributes."""
        res = x
        for layer in self.layers:
            res.orig = x
            after = layer(res)
            # A reference left behind would keep the input alive as long as the output.
            res.orig = None
            res = after
        return res

    def __getitem__(self, i: int) -> nn.Module:
        return self.layers[i]

    def append(self, l: nn.Module) -> nn.ModuleList:  # noqa: E741
        """Add `l` at the end."""
        return self.layers.append(l)

    def extend(self, l: list[nn.Module]) -> nn.ModuleList:  # noqa: E741
        """Add the layers in `l` at the end."""
        return self.layers.extend(l)

    def insert(self, i: int, l: nn.Module) -> None:  # noqa: E741
        """Add `l` before layer `i`."""
        self.layers.insert(i, l)


class MergeLayer(nn.Module):
    """Joins what it is given with the input of the `SequentialEx` it stands in.

    Args:
        dense: True concatenates the channels, False adds.
    """

    def __init__(self, dense: bool = False) -> None:
        super().__init__()
        self.dense = dense

    def forward(self, x: Any) -> Any:
        """Return `x` joined with `x.orig`."""
        return torch.cat([x, x.orig], dim=1) if self.dense else x + x.orig


def res_block(
    nf: int,
    dense: bool = False,
    norm_type: NormType | None = NormType.Batch,
    bottle: bool = False,
    **conv_kwargs: Any,
) -> SequentialEx:
    """Return two convolutions whose output is joined with their input (He et al. 2015, arXiv 1512.03385).

    Args:
        nf: channels of input and output.
        dense: True concatenates input and output to `2 * nf` channels, False adds them.
        norm_type: see `NormType`.
        bottle: True gives the layer between the convolutions `nf // 2` channels.
        conv_kwargs: of `conv_layer`.
    """
    inner = nf // 2 if bottle else nf
    return SequentialEx(
        conv_layer(nf, inner, norm_type=norm_type, **conv_kwargs),
        conv_layer(inner, nf, norm_type=norm_type, **conv_kwargs),
        MergeLayer(dense),
    )


@torch.no_grad()
def icnr(x: Tensor, scale: int = 2, init: _InitFunc = nn.init.kaiming_normal_) -> None:
    """Set a convolution's weight so that a pixel shuffle behind it shows each value `scale` by `scale` times.

    Aitken et al. 2017, arXiv 1707.02937: the `scale**2` filters that make one output channel are equal.

    Args:
        x: weight, `(nf * scale**2, ni, *kernel)`, changed in place.
        scale: factor of the pixel shuffle.
        init: sets the filters before they are repeated.
    """
    filters = x.new_zeros(x.shape[0] // scale**2, *x.shape[1:])
    init(filters)
    x.copy_(filters.repeat_interleave(scale**2, dim=0))


class PixelShuffle_ICNR(nn.Module):
    """Upsampling by a 1x1 convolution and pixel shuffle, without a checkerboard at the start (`icnr`).

    Args:
        ni: channels of the input.
        nf: channels of the output, default `ni`.
        scale: factor of height and width.
        blur: True averages 2x2 pixels at the end (Sugawara et al. 2018, arXiv 1806.02658).
        norm_type: see `NormType`.
        leaky: slope of the ReLU below zero.
    """

    def __init__(
        self,
        ni: int,
        nf: int | None = None,
        scale: int = 2,
        blur: bool = False,
        norm_type: NormType | None = NormType.Weight,
        leaky: float | None = None,
    ) -> None:
        super().__init__()
        filters = (ni if nf is None else nf) * scale**2
        # As `init`, because weight norm put on first would compute the weight anew from its own parameters.
        self.conv = conv_layer(
            ni, filters, ks=1, norm_type=norm_type, use_activ=False, init=lambda weight: icnr(weight, scale)
        )
        self.shuf = nn.PixelShuffle(scale)
        self.do_blur = blur
        self.pad = nn.ReplicationPad2d((1, 0, 1, 0))
        self.blur = nn.AvgPool2d(2, stride=1)
        self.relu = relu(inplace=True, leaky=leaky)

    def forward(self, x: Tensor) -> Tensor:
        """Return `x`, `(batch, ni, height, width)`, as `(batch, nf, scale * height, scale * width)`."""
        up: Tensor = self.shuf(self.relu(self.conv(x)))
        return self.blur(self.pad(up)) if self.do_blur else up
