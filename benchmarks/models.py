"""The models that are trained."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from .memory import own_megabytes

__all__ = ["MODELS", "Chain", "Marked", "Scalar", "convnet", "mlp"]


class Scalar(nn.Module):
    """One parameter that all inputs are multiplied by."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(1.0))

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs, shaped like the inputs (batch, 2)."""
        return x * self.weight


class Marked(Scalar):
    """Notes CPU seconds and megabytes at the start of each epoch, when a loop calls `train()`."""

    def __init__(self) -> None:
        super().__init__()
        self.marks: list[tuple[float, float]] = []

    def mark(self) -> None:
        """Note them now."""
        self.marks.append((time.process_time(), own_megabytes()))

    def train(self, mode: bool = True) -> Marked:  # noqa: FBT001, FBT002  (torch's signature)
        """Change the mode, and take training mode for the start of an epoch."""
        if mode:
            self.mark()
        super().train(mode)
        return self


def mlp() -> nn.Module:
    """Return a net of one hidden layer."""
    return nn.Sequential(nn.Linear(784, 50), nn.ReLU(), nn.Linear(50, 10))


def convnet() -> nn.Module:
    """Return a net of three convolutions, each of which halves the image."""
    channels = (1, 8, 16, 32)
    layers: list[nn.Module] = []
    for before, after in zip(channels, channels[1:], strict=False):
        layers += [
            nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(),
        ]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10))


class Chain(nn.Module):
    """Linear layers of 8 units one behind the other, each added to what comes in."""

    def __init__(self, layers: int = 200, width: int = 8) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(width, width) for _ in range(layers))
        self.share = 1 / layers

    def forward(self, x: Tensor) -> Tensor:
        """Return the outputs, shaped like the inputs (batch, 8)."""
        for layer in self.layers:
            x = torch.add(x, layer(x), alpha=self.share)
        return x


MODELS: dict[str, Callable[[], nn.Module]] = {
    "chain": Chain,
    "convnet": convnet,
    "marked": Marked,
    "mlp": mlp,
    "scalar": Scalar,
}
