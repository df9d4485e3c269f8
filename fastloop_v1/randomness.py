"""Random numbers, one or a tensor of them, and the seed of all generators."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np
import torch

from .sequences import listify

__all__ = ["log_uniform", "rand_bool", "set_all_seed", "uniform", "uniform_int"]


def set_all_seed(seed: int) -> None:
    """Seed the global generators of Python, numpy and PyTorch, those of its devices included."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def uniform(low: float, high: float | None = None, size: Any = None) -> Any:
    """Draw evenly between `low` and `high`.

    Args:
        low: lower end; if `high` is None, both ends.
        high: upper end.
        size: shape of the float32 tensor to draw; None draws one number, from Python's generator.
    """
    high = low if high is None else high
    if size is None:
        return random.uniform(low, high)
    return torch.empty(*listify(size), dtype=torch.float32).uniform_(low, high)


def log_uniform(low: float, high: float, size: Any = None) -> Any:
    """Draw between `low` and `high`, both above 0, so that the logarithm is even; `size` as in `uniform`."""
    drawn = uniform(math.log(low), math.log(high), size)
    return math.exp(drawn) if size is None else drawn.exp_()


def rand_bool(p: float, size: Any = None) -> Any:
    """Draw True with probability `p`, 0 to 1; `size` as in `uniform`."""
    return uniform(0, 1, size) < p


def uniform_int(low: int, high: int, size: Any = None) -> Any:
    """Draw a whole number between `low` and `high`, both included; with `size` an int64 tensor of them."""
    if size is None:
        return random.randint(low, high)
    return torch.randint(low, high + 1, tuple(listify(size)))
