"""Main and GPU memory used in each epoch, as columns of the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from ..errors import FastloopError
from .cpu_mem import CpuPeakMemMetric

if TYPE_CHECKING:
    from ..basic_train import Learner

__all__ = ["NoGpuError", "PeakMemMetric"]

_MIB = 2**20


class NoGpuError(FastloopError, AssertionError):
    """A GPU is needed and there is none (v1 raised an AssertionError for it)."""


class PeakMemMetric(CpuPeakMemMetric):
    """Adds `cpu used` and `cpu peak` as `CpuPeakMemMetric` does, and the same for the GPU.

    `gpu used` and `gpu peak` are MiB of tensors on the current device, as torch's allocator counts them.

    Args:
        learn: the learner.

    Raises:
        NoGpuError: torch sees no GPU.
    """

    names = (*CpuPeakMemMetric.names, "gpu used", "gpu peak")

    def __init__(self, learn: Learner) -> None:
        if not torch.cuda.is_available():
            raise NoGpuError("PeakMemMetric measures a GPU and torch sees none; use CpuPeakMemMetric.")
        super().__init__(learn)

    def on_epoch_begin(self, **kwargs: Any) -> None:
        """Start to look."""
        super().on_epoch_begin(**kwargs)
        torch.cuda.reset_peak_memory_stats()
        self._gpu_at_start = torch.cuda.memory_allocated()

    def measured(self) -> list[int]:
        """The values of the columns, for the epoch that ends."""
        now, highest = torch.cuda.memory_allocated(), torch.cuda.max_memory_allocated()
        gpu = [int((now - self._gpu_at_start) / _MIB), int((highest - now) / _MIB)]
        return [*super().measured(), *gpu]
