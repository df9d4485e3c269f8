"""Schedules of fastai v2: functions of the share of training done, from 0 to 1, and one made of several."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial, wraps
from typing import Any

import numpy as np
import torch

from ..schedule import annealing_cos, annealing_exp, annealing_linear, annealing_no

__all__ = [
    "SchedCos",
    "SchedExp",
    "SchedLin",
    "SchedNo",
    "SchedPoly",
    "Schedule",
    "annealer",
    "combine_scheds",
    "combined_cos",
    "hypers_at",
]

Schedule = Callable[[float], Any]


def annealer(f: Callable[[Any, Any, float], Any]) -> Callable[[Any, Any], Schedule]:
    """Turn a function `(start, end, pos)` into one of start and end that returns a schedule."""

    @wraps(f)
    def schedule_of(start: Any, end: Any) -> Schedule:
        return partial(f, start, end)

    return schedule_of


def SchedLin(start: Any, end: Any) -> Schedule:
    """Straight line: `start + pos * (end - start)`; numbers or arrays."""
    return partial(annealing_linear, start, end)


def SchedCos(start: Any, end: Any) -> Schedule:
    """Half a cosine wave: `end + (start - end) / 2 * (1 + cos(pi * pos))`; numbers or arrays.

    Source: Loshchilov and Hutter, SGDR (arXiv:1608.03983), equation 5.
    """
    return partial(annealing_cos, start, end)


def SchedNo(start: Any, end: Any) -> Schedule:
    """The start value, whatever the position."""
    return partial(annealing_no, start, end)


def SchedExp(start: Any, end: Any) -> Schedule:
    """Geometric path: `start * (end / start) ** pos`; its call raises ZeroDivisionError if `start` is 0."""
    return partial(annealing_exp, start, end)


def SchedPoly(start: Any, end: Any, power: float) -> Schedule:
    """Polynomial path: `start + (end - start) * pos ** power`; v1's `annealing_poly` runs the other way."""
    return partial(_poly, start, end, power)


def _poly(start: Any, end: Any, power: float, pos: float) -> Any:
    return start + (end - start) * pos**power


class _Combined:
    """Schedules one after the other, each over its share of the way."""

    def __init__(self, pcts: Sequence[float], scheds: Sequence[Schedule]) -> None:
        # v2: borders and positions are float32, which decides at the borders and in the last digits.
        self.borders = torch.cumsum(torch.tensor([0.0, *pcts]), 0).numpy()
        self.scheds = list(scheds)

    def __call__(self, pos: float) -> Any:
        """Return the value at a position from 0 to 1."""
        here = np.float32(pos)
        at = int(np.searchsorted(self.borders, here, side="right")) - 1
        at = min(max(at, 0), len(self.scheds) - 1)
        start, end = self.borders[at], self.borders[at + 1]
        return self.scheds[at](float((here - start) / (end - start)) if end > start else 1.0)


def combine_scheds(pcts: Sequence[float], scheds: Sequence[Schedule]) -> Schedule:
    """Return a schedule that runs through several, each over its share of training.

    Args:
        pcts: shares, at least 0 and adding up to 1.
        scheds: as many schedules; each runs from 0 to 1 over its share.

    Raises:
        AssertionError: the shares are negative or do not add up, or there are not as many as schedules.
    """
    # v2: the plain error, and no allowance for rounding: [0.7, 0.2, 0.1] adds up to less than 1.
    if sum(pcts) != 1 or any(pct < 0 for pct in pcts):
        raise AssertionError(f"pcts is {list(pcts)}, which adds up to {sum(pcts)!r}; shares make 1.")
    if len(pcts) != len(scheds):
        raise AssertionError(f"pcts has {len(pcts)} shares for {len(scheds)} schedules; each needs one.")
    return _Combined(pcts, scheds)


def combined_cos(pct: float, start: Any, middle: Any, end: Any) -> Schedule:
    """Return the schedule of one cycle: cosines from `start` to `middle` over `pct`, then to `end`."""
    return combine_scheds([pct, 1 - pct], [SchedCos(start, middle), SchedCos(middle, end)])


def hypers_at(scheds: Mapping[str, Schedule], pos: float) -> dict[str, Any]:
    """Return the value of each named schedule at a position, ready for `opt.set_hypers(**values)`."""
    return {name: sched(pos) for name, sched in scheds.items()}
