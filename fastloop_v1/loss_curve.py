"""The smoothed training losses of a fit: kept where they were computed, smoothed when somebody looks."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from .lazy_tensor import LazyTensor

__all__ = ["LossCurve", "LossLog", "SmoothLoss"]

_BLOCK = 512


class LossCurve:
    """The moving average of `schedule.SmoothenValue` over losses, without reading one before it is asked for.

    Losses wait on their device, stacked in blocks. A look at the average fetches all that wait in one go and
    takes them in one by one in float32, as v1 did with tensors at each batch.

    Args:
        beta: share of the past, at least 0 and below 1.

    Attributes:
        n: number of losses so far.
        leaves_out: whether losses that are no finite number leave the average as it is.
    """

    def __init__(self, beta: float) -> None:
        self.beta, self.n, self.leaves_out = beta, 0, False
        self._left_out = 0
        self._mov_avg = np.float32(0.0)
        self._smoothed = array("f")
        self._waiting: list[torch.Tensor] = []
        self._blocks: list[torch.Tensor] = []

    def add_value(self, val: torch.Tensor) -> None:
        """Take one more loss in; of several numbers, their mean."""
        self._waiting.append(val.mean() if val.dim() else val)
        self.n += 1
        if len(self._waiting) == _BLOCK:
            self._stack()

    @property
    def smooth(self) -> SmoothLoss:
        """The average after the latest loss, computed when it is looked at."""
        return SmoothLoss.over((self, self.n - 1))

    @property
    def mov_avg(self) -> torch.Tensor:
        """The average before its start is corrected for."""
        self._catch_up()
        return torch.tensor(self._mov_avg)

    def at(self, index: int) -> torch.Tensor:
        """The average after loss number `index`, from 0 on: float32, on the CPU."""
        if index >= len(self._smoothed):
            self._catch_up()
        return torch.tensor(self._smoothed[index], dtype=torch.float32)

    def _stack(self) -> None:
        self._blocks.append(torch.stack(self._waiting))
        self._waiting.clear()

    def _catch_up(self) -> None:
        if self._waiting:
            self._stack()
        if self._blocks:
            losses = torch.cat(self._blocks).float().cpu().numpy()
            self._blocks.clear()
            with np.errstate(all="ignore"):
                self._smooth(losses)

    def _smooth(self, losses: Any) -> None:
        beta, rest, mov_avg = np.float32(self.beta), np.float32(1 - self.beta), self._mov_avg
        for n, loss in enumerate(losses, start=len(self._smoothed) + 1):
            if self.leaves_out and not np.isfinite(loss):
                self._left_out += 1
                self._smoothed.append(self._smoothed[-1] if n > 1 else loss)
                continue
            mov_avg = beta * mov_avg + rest * loss
            self._smoothed.append(mov_avg / np.float32(1 - self.beta ** (n - self._left_out)))
        self._mov_avg = mov_avg


class SmoothLoss(LazyTensor):
    """A point of a curve: its source is the pair (curve, index)."""

    def _look(self) -> torch.Tensor:
        curve, index = self.source
        point: torch.Tensor = curve.at(index)
        return point


class LossLog:
    """Losses in the order they came; points of a curve are only counted until somebody looks."""

    def __init__(self, losses: Iterable[Any] = ()) -> None:
        self._seen = list(losses)
        self._curve: LossCurve | None = None
        self._from = self._to = 0

    def append(self, loss: Any) -> None:
        """Take one more in."""
        curve, index = loss.source if type(loss) is SmoothLoss else (None, 0)
        if curve is None:
            self.values.append(loss)
        elif curve is self._curve and index == self._to:
            self._to += 1
        else:
            self._seen = self.values
            self._curve, self._from, self._to = curve, index, index + 1

    def __len__(self) -> int:
        return len(self._seen) + self._to - self._from

    @property
    def values(self) -> list[Any]:
        """All of them, always the same list."""
        if self._curve is not None:
            self._seen += [self._curve.at(index) for index in range(self._from, self._to)]
            self._from = self._to
        return self._seen
