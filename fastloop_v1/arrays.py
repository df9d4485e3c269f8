"""Numpy arrays made of lists, and lists of arrays split in two."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Sized
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from .sequences import LengthMismatchError

__all__ = ["arange_of", "array", "arrays_split", "index_row", "is1d", "one_hot", "random_split"]


def array(a: Any, dtype: DTypeLike | None = None, **kwargs: Any) -> NDArray[Any]:
    """Return a numpy array of `a`, generators included; whole numbers are 64-bit on every system.

    Args:
        a: anything numpy takes, or any iterable.
        dtype: type of the elements; by default numpy's choice.
        kwargs: further arguments of `numpy.array`.
    """
    if isinstance(a, Iterable) and not isinstance(a, Sized) and not hasattr(a, "__array_interface__"):
        a = list(a)
    made: NDArray[Any] = np.array(a, dtype=dtype, **kwargs)
    platform_sized = dtype is None and not hasattr(a, "dtype") and made.dtype == np.int32
    return made.astype(np.int64) if platform_sized else made


def arange_of(x: Sized) -> NDArray[Any]:
    """Return the indices of `x` as an array."""
    return np.arange(len(x))


def is1d(a: Any) -> bool:
    """Whether `a` has exactly one dimension."""
    return len(a.shape if hasattr(a, "shape") else np.shape(a)) == 1


def one_hot(x: Sequence[int], c: int) -> NDArray[np.float32]:
    """Return a vector of `c` zeros with ones at the indices `x`."""
    encoded = np.zeros((c,), np.float32)
    encoded[list(x)] = 1.0
    return encoded


def index_row(a: Any, idxs: Any) -> Any:
    """Return rows of an array, or of a data frame or series by position, of a frame as a copy."""
    if not hasattr(a, "iloc"):
        return a[idxs]
    rows = a.iloc[idxs]
    return rows.copy() if hasattr(rows, "copy") else rows


def arrays_split(mask: Any, *arrs: Any) -> list[tuple[NDArray[Any], ...]]:
    """Split arrays in two: the elements where `mask` is true, and those where it is not.

    Raises:
        LengthMismatchError: the arrays differ in length; also an AssertionError.
    """
    lengths = [len(arr) for arr in arrs]
    if len(set(lengths)) > 1:
        raise LengthMismatchError(f"arrs have lengths {lengths}; all must be equally long.")
    mask = array(mask, dtype=bool)
    return [tuple(array(arr)[chosen] for arr in arrs) for chosen in (mask, ~mask)]


def random_split(valid_pct: float, *arrs: Any) -> list[tuple[NDArray[Any], ...]]:
    """Split arrays at random in a large and a small part, by numpy's global generator.

    Args:
        valid_pct: expected share of the second part, 0 to 1.
        arrs: arrays of equal length, all split alike.
    """
    is_train = np.random.uniform(size=(len(arrs[0]),)) > valid_pct
    return arrays_split(is_train, *arrs)
