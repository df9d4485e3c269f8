"""Which of several training processes this is, and waiting for the others."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import distributed

__all__ = ["any_process", "distrib_barrier", "num_distrib", "rank_distrib", "summed_over_processes"]


def num_distrib() -> int:
    """Return the number of processes a launcher set in `WORLD_SIZE`; 0 outside distributed training."""
    return int(os.environ.get("WORLD_SIZE", 0))


def rank_distrib() -> int:
    """Return the number of this process a launcher set in `RANK`; 0 outside distributed training."""
    return int(os.environ.get("RANK", 0))


def distrib_barrier() -> None:
    """Wait until every process is here; does nothing without a process group."""
    if _in_group():
        distributed.barrier()


def summed_over_processes(total: Any, count: int) -> tuple[Any, int]:
    """Return sums of all processes; every process has to call. Without a group, what was given.

    Args:
        total: a number or a tensor of one element.
        count: how many values are in `total`.
    """
    if not _in_group():
        return total, count
    given = torch.as_tensor(total)
    pair = torch.stack(
        [given.detach().double().reshape(()), torch.tensor(float(count), device=given.device).double()]
    )
    pair = pair.cuda() if distributed.get_backend() == "nccl" else pair.cpu()
    distributed.all_reduce(pair)
    return pair[0].to(given.dtype), int(pair[1])


def any_process(flag: Any) -> Any:
    """Return whether the flag is true in any process; every one has to call. Without a group, the flag."""
    return bool(summed_over_processes(float(bool(flag)), 1)[0]) if _in_group() else flag


def _in_group() -> bool:
    return num_distrib() > 1 and distributed.is_available() and distributed.is_initialized()
