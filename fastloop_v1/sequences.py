"""Lists, tuples and dicts: telling them apart, making them, cutting them, walking them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence, Sized
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from .defaults import defaults
from .errors import ArgumentError

__all__ = [
    "LengthMismatchError",
    "chunks",
    "even_mults",
    "first_el",
    "idx_dict",
    "ifnone",
    "is_dict",
    "is_listy",
    "is_tuple",
    "listify",
    "partition",
    "partition_by_cores",
    "range_of",
    "recurse",
    "recurse_eq",
    "to_int",
    "uniqueify",
]

_Key = TypeVar("_Key", bound=Hashable)


class LengthMismatchError(ArgumentError, AssertionError):
    """Two things that must be of equal length are not."""


def is_listy(x: Any) -> bool:
    """Whether `x` is a list or a tuple; arrays and tensors are not."""
    return isinstance(x, (tuple, list))


def is_tuple(x: Any) -> bool:
    """Whether `x` is a tuple."""
    return isinstance(x, tuple)


def is_dict(x: Any) -> bool:
    """Whether `x` is a dict."""
    return isinstance(x, dict)


def ifnone(a: Any, b: Any) -> Any:
    """Return `a`, or `b` if `a` is None."""
    return b if a is None else a


def listify(p: Any = None, q: Any = None) -> list[Any]:
    """Make a list of `p`: None is empty, an iterable with a length is copied, anything else is one item.

    Args:
        p: what to make a list of; a string, a generator or a tensor of no dimension is one item.
        q: length the list must have, as a number or as something of that length; one item is repeated to it.

    Raises:
        LengthMismatchError: more or fewer than `q` items, and not just one; also an AssertionError.
        TypeError: `p` is a dict of one key, which v1 refused too.
    """
    items = _items_of(p)
    n = len(items) if q is None else q if isinstance(q, int) else len(q)
    if len(items) == 1:
        items = items * n
    if len(items) != n:
        raise LengthMismatchError(f"List len mismatch ({len(items)} vs {n})")
    return items


def _items_of(p: Any) -> list[Any]:
    if isinstance(p, list):
        return p[:]
    if p is None:
        return []
    if isinstance(p, str) or not isinstance(p, Iterable) or not _has_length(p):
        return [p]
    if isinstance(p, Mapping) and len(p) == 1:
        # v1: a dict of several keys gave its keys, a dict of one key this error.
        raise TypeError(f"listify cannot repeat a dict: got {p!r}; wrap it in a list or pass its keys.")
    return list(p)


def _has_length(p: Any) -> bool:
    try:
        len(p)
    except TypeError:
        return False
    return True


def first_el(x: Any) -> Any:
    """Return the first element that is no list, tuple or dict, looking inside the first of each."""
    if is_listy(x):
        return first_el(x[0])
    return first_el(next(iter(x.values()))) if is_dict(x) else x


def recurse(func: Callable[..., Any], x: Any, *args: Any, **kwargs: Any) -> Any:
    """Apply `func` to every leaf of nested lists, tuples and dicts; tuples come back as lists."""
    if is_listy(x):
        return [recurse(func, o, *args, **kwargs) for o in x]
    if is_dict(x):
        return {k: recurse(func, v, *args, **kwargs) for k, v in x.items()}
    return func(x, *args, **kwargs)


def recurse_eq(arr1: Any, arr2: Any) -> bool:
    """Whether two nested structures hold equal leaves in equal places; tensors and arrays as a whole."""
    if is_listy(arr1):
        same_shape = is_listy(arr2) and len(arr1) == len(arr2)
        return same_shape and all(recurse_eq(x, y) for x, y in zip(arr1, arr2, strict=True))
    equal = arr1 == arr2
    return bool(equal.all()) if hasattr(equal, "all") else bool(equal)


def to_int(b: Any) -> Any:
    """Return nested lists of numbers as ints, cut towards zero."""
    return recurse(int, b)


def uniqueify(x: Iterable[_Key], sort: bool = False) -> list[_Key]:
    """Return each value of `x` once, in order of first appearance, or sorted."""
    unique: list[Any] = list(dict.fromkeys(x))
    return sorted(unique) if sort else unique


def idx_dict(a: Iterable[_Key]) -> dict[_Key, int]:
    """Map each value of `a` to its index."""
    return {value: index for index, value in enumerate(a)}


def range_of(x: Sized) -> list[int]:
    """Return the indices of `x` as a list."""
    return list(range(len(x)))


def chunks(l: Sequence[Any], n: int) -> Iterator[Sequence[Any]]:  # noqa: E741  (v1's name)
    """Yield pieces of `n` items; the last may be shorter."""
    for start in range(0, len(l), n):
        yield l[start : start + n]


def partition(a: Sequence[Any], sz: int) -> list[Sequence[Any]]:
    """Return pieces of `sz` items; the last may be shorter."""
    return list(chunks(a, sz))


def partition_by_cores(a: Sequence[Any], n_cpus: int) -> list[Sequence[Any]]:
    """Return at most `n_cpus` pieces of `len(a) // n_cpus + 1` items."""
    return partition(a, len(a) // n_cpus + 1)


def even_mults(start: float, stop: float, n: int) -> NDArray[np.float64]:
    """Return `n` values from `start` to `stop`, each a constant factor after the one before.

    Value i is `start * (stop / start) ** (i / (n - 1))`; a single value is `stop`.
    """
    if n == 1 and not defaults.v1_quirks:
        return np.array([stop], dtype=np.float64)
    step = (stop / start) ** (1 / (n - 1))
    return np.array([start * step**i for i in range(n)], dtype=np.float64)
