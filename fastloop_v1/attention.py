"""Self-attention over the positions of a feature map."""

# v1's signatures hold positional booleans.

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import spectral_norm

__all__ = ["PooledSelfAttention2d", "SelfAttention", "conv1d"]


def conv1d(ni: int, no: int, ks: int = 1, stride: int = 1, padding: int = 0, bias: bool = False) -> nn.Conv1d:
    """Return a 1d convolution with Kaiming weights, zero bias and spectral norm."""
    conv = nn.Conv1d(ni, no, ks, stride, padding, bias=bias)
    nn.init.kaiming_normal_(conv.weight)
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return spectral_norm(conv)


class SelfAttention(nn.Module):
    """Self-attention of Zhang et al. 2018, arXiv 1805.08318; returns its input until `gamma` is trained.

    With queries `f`, keys `g` and values `h` of the input `x` at its positions, output `j` is
    `gamma * sum_i(h_i * softmax_i(f_i . g_j)) + x_j`.

    Args:
        n_channels: channels of input and output, at least 8; queries and keys have an eighth of them.
    """

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.query = conv1d(n_channels, n_channels // 8)
        self.key = conv1d(n_channels, n_channels // 8)
        self.value = conv1d(n_channels, n_channels)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """Return the attended `x`, `(batch, channels, *positions)`."""
        flat = x.flatten(2)
        scores = self.query(flat).transpose(1, 2) @ self.key(flat)
        attended = self.value(flat) @ scores.softmax(dim=1)
        mixed: Tensor = self.gamma * attended + flat
        return mixed.reshape(x.shape)


class PooledSelfAttention2d(nn.Module):
    """Self-attention of Brock et al. 2018, arXiv 1809.11096: keys and values are max-pooled by 2.

    Args:
        n_channels: channels of input and output, at least 8; queries and keys have an eighth of them,
            values a half.
    """

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.theta = _conv1x1(n_channels, n_channels // 8)
        self.phi = _conv1x1(n_channels, n_channels // 8)
        self.g = _conv1x1(n_channels, n_channels // 2)
        self.o = _conv1x1(n_channels // 2, n_channels)
        self.gamma = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        """Return the attended `x`, `(batch, channels, height, width)`."""
        queries = self.theta(x).flatten(2)
        keys = F.max_pool2d(self.phi(x), 2).flatten(2)
        values = F.max_pool2d(self.g(x), 2).flatten(2)
        weights = (queries.transpose(1, 2) @ keys).softmax(dim=-1)
        attended = (values @ weights.transpose(1, 2)).unflatten(2, x.shape[2:])
        mixed: Tensor = self.gamma * self.o(attended) + x
        return mixed


def _conv1x1(ni: int, no: int) -> nn.Conv2d:
    conv = nn.Conv2d(ni, no, 1, bias=False)
    nn.init.kaiming_normal_(conv.weight)
    return spectral_norm(conv)
