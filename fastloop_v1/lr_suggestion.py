"""Learning rates suggested by the curve of a learning rate finder."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

import numpy as np

from .errors import ArgumentError

__all__ = ["minimum", "slide", "steep", "steepest", "valley"]


def steepest(lrs: Sequence[float], losses: Sequence[float]) -> float:
    """Return the learning rate where the loss falls fastest from one point to the next.

    This is `min_grad_lr` of v1: `lrs[i]` with the smallest `g[i]`, the first of equals. Inside, `g[i]` is
    `(losses[i+1] - losses[i-1]) / 2`; at both ends it is the difference of two neighbours (`numpy.gradient`).
    Source: the page of v1's documentation on the learning rate finder, section on the suggested rate.

    Args:
        lrs: rates tried, one for each loss.
        losses: losses seen; points from the first one on that is not finite are left out.

    Raises:
        ArgumentError: fewer than two points, or numbers of rates and losses that differ.
    """
    rates, values = _finite_points(lrs, losses, 2)
    return float(rates[np.argmin(np.gradient(values))])


def steep(lrs: Sequence[float], losses: Sequence[float]) -> float:
    """Return the learning rate where the curve, drawn over a logarithmic axis of rates, falls most steeply.

    It is `lrs[i]` with the smallest `d loss / d ln(lr)`, in differences of second order inside and of first
    order at both ends; rates evenly spaced on the axis give the same as `steepest`. It has the name fastai v2
    gives to the steepest slope. Source: v1's page on the learning rate finder, which draws that axis and
    advises the middle of the sharpest downward slope.

    Args:
        lrs: rates tried, above 0 and rising, one for each loss.
        losses: losses seen; points from the first one on that is not finite are left out.

    Raises:
        ArgumentError: fewer than two points, rates that do not rise, or another number of rates than losses.
    """
    rates, values = _finite_points(lrs, losses, 2)
    if rates[0] <= 0 or np.any(np.diff(rates) <= 0):
        raise ArgumentError(f"lrs is {rates.tolist()}; allowed are rates above 0, each above the one before.")
    return float(rates[np.argmin(np.gradient(values, np.log(rates)))])


def minimum(lrs: Sequence[float], losses: Sequence[float]) -> float:
    """Return a tenth of the learning rate with the smallest loss.

    It is `lrs[i] / 10` with the smallest `losses[i]`, the first of equals. v1 prints it as "min loss divided
    by 10", fastai v2 calls it `minimum`. Source: S. Gugger, "How Do You Find A Good Learning Rate", which
    advises one order of magnitude before the minimum.

    Args:
        lrs: rates tried, one for each loss.
        losses: losses seen; points from the first one on that is not finite are left out.

    Raises:
        ArgumentError: no point at all, or numbers of rates and losses that differ.
    """
    rates, values = _finite_points(lrs, losses, 1)
    return float(rates[np.argmin(values)] / 10)


def valley(lrs: Sequence[float], losses: Sequence[float]) -> float:
    """Return the learning rate two thirds of the way down the longest valley.

    The valley is the longest series of points, noise between them left out, in which each loss is below the
    one before (the longest falling subsequence); of several, the one that ends lowest. With its first and
    last points numbered `a` and `b`, the result is `lrs[a + round(2/3 * (b - a))]`. fastai v2's documentation
    credits the rule to ESRI and describes it as a point roughly two thirds through the longest valley.

    Args:
        lrs: rates tried, one for each loss.
        losses: losses seen; points from the first one on that is not finite are left out.

    Raises:
        ArgumentError: fewer than two points, or numbers of rates and losses that differ.
    """
    rates, values = _finite_points(lrs, losses, 2)
    first, last = _longest_fall(values)
    return float(rates[first + round(2 / 3 * (last - first))])


def _longest_fall(values: Any) -> tuple[int, int]:
    """Numbers of the first and last point of the longest falling subsequence, by patience sorting."""
    tops: list[float] = []
    ends: list[int] = []
    before: list[int] = []
    lengths: list[int] = []
    for i, value in enumerate(-values):
        length = bisect_left(tops, value)
        tops[length : length + 1], ends[length : length + 1] = [value], [i]
        before.append(ends[length - 1] if length else -1)
        lengths.append(length)
    first = last = max(range(len(values)), key=lambda i: (lengths[i], -values[i]))
    while before[first] >= 0:
        first = before[first]
    return first, last


def slide(
    lrs: Sequence[float],
    losses: Sequence[float],
    lr_diff: int = 15,
    loss_thresh: float = 0.05,
    adjust_value: float = 1,
) -> float:
    """Return the learning rate where an interval, slid down from the highest rate, first finds an even slope.

    The interval spans `lr_diff` points. It slides to lower rates as long as the slope of the losses
    (`numpy.gradient`) differs between its two ends by more than `loss_thresh`; the rate at its lower end,
    times `adjust_value`, is the result. fastai v2's documentation credits the rule to A. Chang, Novetta.

    Args:
        lrs: rates tried, one for each loss.
        losses: losses seen; points from the first one on that is not finite are left out.
        lr_diff: points between the two ends, at least 1.
        loss_thresh: largest difference of slopes that counts as even, at least 0.
        adjust_value: factor on the result, above 0.

    Raises:
        ArgumentError: not more than `lr_diff` points, or numbers of rates and losses that differ.
    """
    if lr_diff < 1:
        raise ArgumentError(f"lr_diff is {lr_diff}; it must be at least 1.")
    rates, values = _finite_points(lrs, losses, lr_diff + 1)
    slopes = np.gradient(values)
    low = len(rates) - 1 - lr_diff
    while low > 0 and abs(slopes[low + lr_diff] - slopes[low]) > loss_thresh:
        low -= 1
    return float(rates[low] * adjust_value)


def _finite_points(lrs: Sequence[float], losses: Sequence[float], needed: int) -> tuple[Any, Any]:
    """Return rates and losses as float64 arrays, up to the first loss that is not finite."""
    rates, values = (np.array([float(each) for each in points]) for points in (lrs, losses))
    if len(rates) != len(values):
        raise ArgumentError(f"lrs has {len(rates)} values, losses has {len(values)}; there must be as many.")
    finite = np.isfinite(values)
    count = len(values) if finite.all() else int(np.argmin(finite))
    if count < needed:
        raise ArgumentError(f"losses has {count} finite values at its start; at least {needed} are needed.")
    return rates[:count], values[:count]
