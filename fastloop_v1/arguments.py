"""What numbers may be given to training: refused in words, before anything is touched, if they cannot be."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from .defaults import defaults
from .errors import ArgumentError, ArgumentTypeError
from .sequences import LengthMismatchError

__all__ = ["check_count", "check_number", "check_numbers"]

_MOST = 2**53  # beyond, not every whole number is a float, which schedules count in


def check_count(name: str, value: Any, least: int = 0) -> Any:
    """Return a number of epochs or batches if it is a whole one.

    Args:
        name: the argument, for the message.
        value: an int, or any number of Python, numpy or torch that is whole.
        least: the smallest that is allowed.

    Raises:
        ArgumentTypeError: it is no number.
        ArgumentError: it is not whole, too small or beyond `2 ** 53`.
    """
    allowed = f"a whole number from {least} on"
    if defaults.v1_quirks:
        return value
    number = _number(name, value, allowed)
    if not (math.isfinite(number) and number == int(number) and least <= number <= _MOST):
        raise _refused(name, value, allowed)
    return value if isinstance(value, int) else int(number)


def check_number(
    name: str,
    value: Any,
    least: float,
    most: float = math.inf,
    *,
    above: bool = False,
    below: bool = False,
) -> Any:
    """Return a number if it is finite and in its range.

    Args:
        name: the argument, for the message.
        value: a number, also of numpy or torch; an array or a list is refused.
        least: the smallest that is allowed.
        most: the largest that is allowed.
        above: whether `least` itself is not allowed.
        below: whether `most` itself is not allowed.

    Raises:
        ArgumentTypeError: it is no number.
        ArgumentError: it is NaN, infinite or out of range.
    """
    if defaults.v1_quirks:
        return value
    allowed = f"a finite number {_range(least, most, above=above, below=below)}"
    number = _number(name, value, allowed)
    at_an_end = (above and number == least) or (below and number == most)
    if not math.isfinite(number) or not least <= number <= most or at_an_end:
        raise _refused(name, value, allowed)
    return value


def check_numbers(
    name: str,
    value: Any,
    least: float,
    most: float = math.inf,
    *,
    above: bool = False,
    below: bool = False,
    groups: int | None = None,
    slices: bool = False,
) -> Any:
    """Return a number, or several by layer group, if each of them is as `check_number` wants it.

    Args:
        name: the argument, for the message.
        value: a number, or a list, tuple, array or tensor of them.
        least: the smallest that is allowed.
        most: the largest that is allowed.
        above: whether `least` itself is not allowed.
        below: whether `most` itself is not allowed.
        groups: how many there may be, if there are several; None for any number.
        slices: whether it may be a slice, with a stop and perhaps a start.

    Raises:
        ArgumentTypeError: there is something that is no number.
        ArgumentError: one is NaN, infinite or out of range, or there are too many or too few.
    """
    if defaults.v1_quirks:
        return value
    if isinstance(value, slice) and slices and value.stop is not None:
        several: list[Any] | None = [end for end in (value.start, value.stop) if end is not None]
    else:
        several = _several(value)
    if several is not None and not isinstance(value, slice):
        if groups is not None and len(several) not in (1, groups):
            # v1: the same kind of error, and words to know it by.
            raise LengthMismatchError(
                f"List len mismatch ({len(several)} vs {groups}): {name} is {value!r}; allowed is one number "
                f"or {groups} of them."
            )
        if not several:
            raise _refused(name, value, "at least one number")
    for number in [value] if several is None else several:
        check_number(name, number, least, most, above=above, below=below)
    return value


def _several(value: Any) -> list[Any] | None:
    """The numbers of what holds several, None for anything else."""
    if isinstance(value, (np.ndarray, torch.Tensor)) and value.ndim > 0:
        return list(value.reshape(-1).tolist())
    return list(value) if isinstance(value, (list, tuple)) else None


def _number(name: str, value: Any, allowed: str) -> float:
    is_array = isinstance(value, (np.ndarray, torch.Tensor))
    try:
        number = value.item() if is_array else value
        if isinstance(number, (str, bytes)) or (is_array and value.ndim > 0):
            raise TypeError(number)
        return float(number)
    except OverflowError:
        return math.inf
    except (TypeError, ValueError, RuntimeError) as error:
        raise _refused(name, value, allowed, ArgumentTypeError) from error


def _range(least: float, most: float, *, above: bool, below: bool) -> str:
    low = f"above {least}" if above else f"of at least {least}"
    if math.isinf(most):
        return low
    return f"{low} and {'below' if below else 'at most'} {most}"


def _refused(name: str, value: Any, allowed: str, kind: type[ArgumentError] = ArgumentError) -> ArgumentError:
    text = repr(value) if not isinstance(value, int) or abs(value) < _MOST else "a number beyond 2 ** 53"
    return kind(f"{name} is {text}; it must be {allowed}.")
