"""What an exported learner may be read with and must look like, whatever its form, and how it is refused."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FunctionType, ModuleType
from typing import Any

from ..checkpoint import RefusedFileError
from ..errors import ArgumentError, FastloopWarning
from .pickle_machine import Rules
from .pickle_rules import NamedRules, NotAllowedError, TrustingRules

__all__ = ["checked_export", "name_of_source", "refusing", "rules_for"]

_DEEPEST = 1000  # twice what Python's own pickle can write
_COPIES_PER_BYTE = 8
_PLAIN = (str, int, float, bool, bytes, type(None), type, FunctionType, ModuleType)


def rules_for(trust: Any, size: int) -> Rules:
    """Return the rules for reading `size` bytes with `trust` in them, as `load_export` takes it.

    Raises:
        ArgumentError: `trust` is neither True nor a list of dotted names.
    """
    copies = _COPIES_PER_BYTE * size
    if trust is True:
        text = "trust=True lets the file run any code; name the classes you trust instead, if you can."
        warnings.warn(text, FastloopWarning, stacklevel=4)
        return TrustingRules(copies)
    listed = isinstance(trust, Iterable) and not isinstance(trust, str)
    names = list(trust) if listed else []
    if not listed or not all(isinstance(name, str) and "." in name for name in names):
        raise ArgumentError(f"trust is {trust!r}; allowed are True, or a list of dotted names.")
    return NamedRules(frozenset(names), copies)


@contextmanager
def refusing(source: str) -> Iterator[None]:
    """Turn whatever happens while a file is read into an error that names it.

    Raises:
        RefusedFileError: anything happened.
    """
    try:
        yield
    except RefusedFileError:
        raise
    except NotAllowedError as error:
        raise RefusedFileError(f"{source} was not loaded: {_advice(error)}", error.names[0]) from error
    except Exception as error:
        reason = f"its content cannot be read ({type(error).__name__}: {error})"
        raise RefusedFileError(f"{source} was not loaded: {reason}.") from error


def name_of_source(source: Any) -> str:
    """Return the path of a source, or of the file behind it, or what it is."""
    if isinstance(source, (str, os.PathLike)):
        return os.fspath(source)
    return str(getattr(source, "name", f"the given {type(source).__name__}"))


def _advice(error: NotAllowedError) -> str:
    names = ", ".join(f'"{name}"' for name in error.names)
    return (
        f"{error}, which an export may not. Nothing in it was run. If you know where the file comes from and "
        f"trust it that far, allow this with trust=[{names}]."
    )


def checked_export(found: Any) -> dict[str, Any]:
    """Return what was found, if it is a dict of names, not too deep for what walks through it later.

    Raises:
        TypeError, ValueError: it is not.
    """
    if type(found) is not dict or not all(type(name) is str for name in found):
        raise TypeError(f"it holds a {type(found).__name__}, not a dict of names")
    _check_depth(found)
    return found


def _check_depth(found: Any) -> None:
    """Walk through everything without recursion, the longest way down from each object counted once."""
    depths: dict[int, int] = {id(found): 0}
    way: list[tuple[Any, Iterator[Any]]] = [(found, _parts(found))]
    while way:
        above, parts = way[-1]
        part = next(parts, None)
        if part is None:
            way.pop()
            if way:
                _deepen(depths, way[-1][0], depths[id(above)] + 1)
        elif id(part) in depths:
            _deepen(depths, above, depths[id(part)] + 1)
        else:
            depths[id(part)] = 0
            way.append((part, _parts(part)))
        if way and len(way) + depths[id(way[-1][0])] > _DEEPEST:
            raise ValueError(f"it is nested more than {_DEEPEST} deep")


def _deepen(depths: dict[int, int], above: Any, depth: int) -> None:
    depths[id(above)] = max(depths[id(above)], depth)


def _parts(found: Any) -> Iterator[Any]:
    """Yield what an object holds that may hold more in turn."""
    held: list[Any] = []
    if isinstance(found, dict):
        # Asked of the class: an attribute of the object may have the name of its method.
        held += [*dict.keys(found), *dict.values(found)]
    elif isinstance(found, (list, tuple, set, frozenset)):
        held += found
    elif isinstance(found, partial):
        held += [found.func, found.args, found.keywords]
    held.append(getattr(found, "__dict__", None))
    return (part for part in held if not isinstance(part, _PLAIN))
