"""Annealing functions, the `Scheduler` that steps through one, and the moving average `SmoothenValue`."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

__all__ = [
    "AnnealFunction",
    "Scheduler",
    "SmoothenValue",
    "annealing_cos",
    "annealing_exp",
    "annealing_linear",
    "annealing_no",
    "annealing_poly",
    "do_annealing_poly",
]

AnnealFunction = Callable[[Any, Any, float], Any]


def annealing_no(start: Any, end: Any, pct: float) -> Any:
    """The start value, whatever the position."""
    return start


def annealing_linear(start: Any, end: Any, pct: float) -> Any:
    """Straight line: `start + pct * (end - start)`, `pct` from 0 to 1; numbers or arrays."""
    return start + pct * (end - start)


def annealing_exp(start: Any, end: Any, pct: float) -> Any:
    """Geometric path: `start * (end / start) ** pct`.

    Raises:
        ZeroDivisionError: `start` is the number 0.
    """
    return start * (end / start) ** pct


def annealing_cos(start: Any, end: Any, pct: float) -> Any:
    """Half a cosine wave: `end + (start - end) / 2 * (1 + cos(pi * pct))`.

    Source: Loshchilov and Hutter, SGDR (arXiv:1608.03983), equation 5.
    """
    # The same bits; numpy's takes arrays and tensors too, and longer.
    cos = math.cos(math.pi * pct) if type(pct) is float else np.cos(np.pi * pct)
    return end + (start - end) / 2 * (cos + 1)


def do_annealing_poly(start: Any, end: Any, pct: float, degree: float) -> Any:
    """Polynomial path: `end + (start - end) * (1 - pct) ** degree`."""
    return end + (start - end) * (1 - pct) ** degree


def annealing_poly(degree: float) -> AnnealFunction:
    """The polynomial annealing function of this degree."""
    return partial(do_annealing_poly, degree=degree)


class Scheduler:
    """Steps from a start to an end value in `n_iter` steps along an annealing function.

    Args:
        vals: a pair `(start, end)`, or one value; then the end is 0. Values are numbers or arrays.
        n_iter: number of steps; below 1 counts as 1.
        func: annealing function `(start, end, pct)`; linear for a pair and constant for one value if None.
    """

    def __init__(self, vals: Any, n_iter: int, func: AnnealFunction | None = None) -> None:
        pair: tuple[Any, ...] = vals if isinstance(vals, tuple) else (vals, 0)
        self.start, self.end = pair[0], pair[1]
        self.n_iter = max(1, n_iter)
        self.func = func or (annealing_linear if isinstance(vals, tuple) else annealing_no)
        self.n = 0

    def restart(self) -> None:
        """Go back to before the first step."""
        self.n = 0

    def step(self) -> Any:
        """Advance by one and return the value there; steps beyond the last go on past the end."""
        self.n += 1
        return self.func(self.start, self.end, self.n / self.n_iter)

    @property
    def is_done(self) -> bool:
        """Whether `n_iter` steps were taken."""
        return self.n >= self.n_iter


class SmoothenValue:
    """Exponential moving average without the pull of its start at 0.

    `mov_avg = beta * mov_avg + (1 - beta) * val` and `smooth = mov_avg / (1 - beta ** n)` after `n` values,
    the bias correction of Kingma and Ba, Adam (arXiv:1412.6980), section 3. `smooth` exists from the first
    value on.

    Args:
        beta: share of the past, at least 0 and below 1.
    """

    smooth: Any

    def __init__(self, beta: float) -> None:
        self.beta, self.n, self.mov_avg = beta, 0, 0.0

    def add_value(self, val: Any) -> None:
        """Take one more number or tensor into the average."""
        self.n += 1
        self.mov_avg = self.beta * self.mov_avg + (1 - self.beta) * val
        self.smooth = self.mov_avg / (1 - self.beta**self.n)
