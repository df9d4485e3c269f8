"""Containers and other plain objects as pickles spell them out, made again from checked parts.

`CONTAINER_CALLS` holds, by dotted name, what answers a call that a pickle asks for. No answer runs anything
it is given, none makes more than it is given; what else it is given is a ValueError or TypeError.
"""

from __future__ import annotations

import os
import pathlib
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import Any

import numpy as np

__all__ = ["CONTAINER_CALLS", "KeyGuard", "checked_key", "checked_state"]

_PACKAGE = __name__.partition(".")[0]
_KEY_PARTS = 1000
_MOST_ALIKE = 100
_SMALL = (1 << 61) - 1  # whole numbers below have hashes of their own
_SEEDED = (str, bytes, bool, type(None))
_QUICK_HASHES: tuple[Any, ...] = (object.__hash__, type.__hash__, Enum.__hash__)
_FACTORIES: tuple[type, ...] = (bool, int, float, str, list, dict, set, tuple)
_PATHS: dict[str, type[pathlib.PurePath]] = {
    "PosixPath": pathlib.PurePosixPath,
    "PurePosixPath": pathlib.PurePosixPath,
    "PureWindowsPath": pathlib.PureWindowsPath,
    "WindowsPath": pathlib.PureWindowsPath,
    # v1: files exported on Windows are read on Linux and the other way round; only here is it a real path.
    "WindowsPath" if os.name == "nt" else "PosixPath": pathlib.Path,
}


def checked_key(key: Any) -> Any:
    """Return a key of a dict or set, if hashing it is quick and cannot exhaust the stack.

    Raises:
        ValueError: tuples in tuples, or frozen sets, of more than 1,000 members in all.
        TypeError: an object of this package whose class hashes it by what it holds.
    """
    left, parts = [key], 0
    while left:
        part = left.pop()
        kind = type(part)
        if isinstance(part, (tuple, frozenset)):
            parts += len(part)
            if parts > _KEY_PARTS:
                raise ValueError(f"a key has more than {_KEY_PARTS} parts")
            left += part
        elif kind.__hash__ not in _QUICK_HASHES and kind.__module__.startswith(_PACKAGE):
            raise TypeError(f"a key is a {kind.__name__}")
    return key


class KeyGuard:
    """Sees to it that keys and members find their place quickly, whatever numbers a file makes them of."""

    def __init__(self) -> None:
        self._counts: dict[int, tuple[Any, dict[int, int]]] = {}

    def checked(self, container: Any, key: Any) -> Any:
        """Return a key that is about to be put into a dict or set.

        Raises:
            ValueError: more than 100 keys have the same hash, or hashing it takes long.
            TypeError: it cannot be hashed, or hashes by what it holds.
        """
        kind = type(key)
        if kind in _SEEDED or (kind is int and -_SMALL < key < _SMALL) or kind.__hash__ in _QUICK_HASHES[:2]:
            return key
        # The container is kept, so that its id stays its own.
        _, counts = self._counts.setdefault(id(container), (container, {}))
        place = hash(checked_key(key))
        counts[place] = counts.get(place, 0) + 1
        if counts[place] > _MOST_ALIKE:
            raise ValueError(f"more than {_MOST_ALIKE} keys have the same hash")
        return key


def checked_state(state: Any) -> dict[str, Any]:
    """Return the attributes of an object, if that is what they are.

    Raises:
        TypeError: they are no dict, or have names that are no strings.
    """
    if type(state) is not dict or not all(type(name) is str for name in state):
        raise TypeError("the attributes of an object are no dict of names")
    return state


def _members(found: Any) -> Any:
    if type(found) not in (list, tuple, set, frozenset):
        raise TypeError(f"members come as {type(found).__name__}, not as a list")
    return found


def _sequence(kind: Callable[..., Any], found: Any = ()) -> Any:
    return kind(_members(found))


def _set(kind: Callable[..., Any], found: Any = ()) -> Any:
    guard, members = KeyGuard(), _members(found)
    return kind([guard.checked(members, key) for key in members])


def _mapping(kind: Callable[..., Any], found: Any = None) -> Any:
    if found is not None and type(found) is not dict:
        raise TypeError(f"pairs come as {type(found).__name__}, not as a dict")
    return kind(found or {})


def _defaultdict(factory: Any = None) -> defaultdict[Any, Any]:
    if factory is not None and not any(factory is kind for kind in _FACTORIES):
        raise TypeError("the default of a dict comes from no plain type")
    return defaultdict(factory)


def _bytes(text: Any, encoding: Any) -> bytes:
    if type(text) is not str or encoding not in ("latin1", "latin-1"):
        raise TypeError("bytes come neither as such nor as latin1")
    return text.encode("latin1")


def _empty_bytes() -> bytes:
    return b""


def _bytearray(found: Any = b"", *encoding: Any) -> bytearray:
    found = _bytes(found, *encoding) if encoding else found
    if type(found) is not bytes:
        raise TypeError("a bytearray comes from no bytes")
    return bytearray(found)


def _numbers(kind: Callable[..., Any], allowed: tuple[type, ...], *found: Any) -> Any:
    if not all(type(number) in allowed for number in found):
        raise TypeError("a range, slice or complex number is made of something else than numbers")
    return kind(*found)


def _path(kind: str, *parts: Any) -> pathlib.PurePath:
    if not all(type(part) is str for part in parts):
        raise TypeError("a path has parts that are no strings")
    return _PATHS[kind](*parts)


CONTAINER_CALLS: dict[str, Callable[..., Any]] = {
    "_codecs.encode": _bytes,
    "builtins.bytearray": _bytearray,
    "builtins.bytes": _empty_bytes,
    "builtins.complex": partial(_numbers, complex, (int, float)),
    "builtins.dict": partial(_mapping, dict),
    "builtins.frozenset": partial(_set, frozenset),
    "builtins.list": partial(_sequence, list),
    "builtins.range": partial(_numbers, range, (int,)),
    "builtins.set": partial(_set, set),
    "builtins.slice": partial(_numbers, slice, (int, float, np.float64, np.float32, type(None))),
    "builtins.tuple": partial(_sequence, tuple),
    "collections.Counter": partial(_mapping, Counter),
    "collections.OrderedDict": partial(_mapping, OrderedDict),
    "collections.defaultdict": _defaultdict,
    **{f"{home}.{kind}": partial(_path, kind) for home in ("pathlib", "pathlib._local") for kind in _PATHS},
}
