"""Which of several training processes this is, and waiting for the others."""

from __future__ import annotations

import os

from torch import distributed

__all__ = ["distrib_barrier", "num_distrib", "rank_distrib"]


def num_distrib() -> int:
    """Return the number of processes a launcher set in `WORLD_SIZE`; 0 outside distributed training."""
    return int(os.environ.get("WORLD_SIZE", 0))


def rank_distrib() -> int:
    """Return the number of this process a launcher set in `RANK`; 0 outside distributed training."""
    return int(os.environ.get("RANK", 0))


def distrib_barrier() -> None:
    """Wait until every process is here; does nothing without a process group."""
    if num_distrib() > 1 and distributed.is_available() and distributed.is_initialized():
        distributed.barrier()
