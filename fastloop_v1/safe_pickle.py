"""Reading of exported learners, v1's and ours, without running anything that is in the file."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import partial
from pathlib import Path
from types import FunctionType, ModuleType
from typing import IO, Any, Literal

import torch

from .checkpoint import RefusedFileError
from .errors import ArgumentError, FastloopWarning
from .pickle_machine import PickleMachine, Rules
from .pickle_rules import NamedRules, NotAllowedError, TrustingRules
from .torch_file import read_torch_file

__all__ = ["load_export"]

_DEEPEST = 1000  # twice what Python's own pickle can write
_COPIES_PER_BYTE = 8
_PLAIN = (str, int, float, bool, bytes, type(None), type, FunctionType, ModuleType)


def load_export(
    source: str | os.PathLike[str] | IO[bytes],
    device: torch.device | str | int | None = "cpu",
    trust: Literal[True] | Collection[str] = (),
) -> dict[str, Any]:
    """Return the dict in a file of `Learner.export`, of v1 or of this package, and run nothing of it.

    It may hold tensors, plain values, modules and optimizer classes of torch, numbers and arrays of numpy,
    and classes and computing functions of v1, which are then those of this package. In place of v1's classes
    that are not here it gets records of the kind `InertRecord`. Modules come out as today's torch needs them.

    Args:
        source: a path, or a binary file, read from where it is.
        device: where tensors go; None is the CPU.
        trust: dotted names of your own classes and functions that the file may use as it likes. True trusts
            the file with everything, as plain pickle does: it may then run any code.

    Raises:
        RefusedFileError: the file names anything else, which was not run, or is damaged, or no export.
        ArgumentError: `trust` is neither True nor a list of dotted names.
    """
    names = _checked_trust(trust)
    content = _content(source)
    place = torch.empty(0, device="cpu" if device is None else device).device
    copies = _COPIES_PER_BYTE * len(content)
    rules: Rules = TrustingRules(copies) if trust is True else NamedRules(names, copies)

    def read_pickle(file: IO[bytes], persistent: Callable[[Any], Any]) -> Any:
        return PickleMachine(rules, persistent).run(file)

    try:
        return _checked_export(read_torch_file(content, place, read_pickle))
    except NotAllowedError as error:
        reason = f"{_name_of(source)} was not loaded: {_advice(error)}"
        raise RefusedFileError(reason, error.names[0]) from error
    except Exception as error:
        reason = f"its content cannot be read ({type(error).__name__}: {error})"
        raise RefusedFileError(f"{_name_of(source)} was not loaded: {reason}.") from error


def _checked_trust(trust: Any) -> frozenset[str]:
    if trust is True:
        text = "trust=True lets the file run any code; name the classes you trust instead, if you can."
        warnings.warn(text, FastloopWarning, stacklevel=3)
        return frozenset()
    listed = isinstance(trust, Iterable) and not isinstance(trust, str)
    names = list(trust) if listed else []
    if not listed or not all(isinstance(name, str) and "." in name for name in names):
        raise ArgumentError(f"trust is {trust!r}; allowed are True, or a list of dotted names.")
    return frozenset(names)


def _content(source: Any) -> bytes:
    content = Path(source).read_bytes() if isinstance(source, (str, os.PathLike)) else source.read()
    if not isinstance(content, bytes):
        raise ArgumentError(f"source gives {type(content).__name__}; allowed is a file open in binary mode.")
    return content


def _name_of(source: Any) -> str:
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


def _checked_export(found: Any) -> dict[str, Any]:
    """Return what was found, if it is a dict of names, not too deep for what walks through it later."""
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
