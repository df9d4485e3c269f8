"""Saving and loading of states: whole files when written, no code run when read."""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from types import FunctionType
from typing import IO, Any

import numpy as np
import torch

from .atomic_file import atomic_write
from .errors import FastloopError, add_note

__all__ = ["RefusedFileError", "load_state", "save_state", "torch_save", "try_save"]

_NOT_A_STATE = (pickle.UnpicklingError, ArithmeticError, EOFError, LookupError, TypeError, ValueError)


class RefusedFileError(FastloopError, pickle.UnpicklingError):
    """A file that would run code, or that holds no state; nothing in it was run.

    Attributes:
        refused: name of the class or function the file wanted, or None if it is unreadable otherwise.
    """

    def __init__(self, message: str, refused: str | None = None) -> None:
        super().__init__(message)
        self.refused = refused


class _NumberType:
    """Stands for `numpy.dtype` while a file is read and knows booleans and numbers only."""

    def __init__(self, code: str, *flags: object) -> None:
        self.dtype = np.dtype(code)
        if self.dtype.kind not in "biufc":
            raise pickle.UnpicklingError(f"numpy type {code!r} is no number")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        """Take the byte order, all that the state of a number type holds."""
        self.dtype = self.dtype.newbyteorder(state[1])


def _number(kind: _NumberType, data: bytes) -> Any:
    """Return the numpy scalar in `data`, stored in the byte order of `kind`."""
    value = np.frombuffer(data, kind.dtype, count=1)
    return value.astype(kind.dtype.newbyteorder("="))[0]


def _in_place_of(module: str) -> Any:
    """`_number` under the name that numpy's own function has in files; torch finds allowed things by name."""
    function = FunctionType(_number.__code__, globals(), "scalar")
    function.__module__, function.__qualname__ = module, "scalar"
    return function


# v1: learning rates are numpy float64, and parameter groups in files hold them; numpy 2 moved the module.
_NUMPY_NUMBERS: tuple[Any, ...] = (
    type("dtype", (_NumberType,), {"__module__": "numpy"}),
    _in_place_of("numpy.core.multiarray"),
    _in_place_of("numpy._core.multiarray"),
)
_one_reader = RLock()


@contextmanager
def _numpy_numbers_allowed() -> Iterator[None]:
    """Let torch's safe reader read numpy numbers by the functions above, whatever else has those names.

    A program may have allowed numpy's own functions; the two kinds do not work together.
    """
    serialization = torch.serialization
    with _one_reader:
        theirs = serialization.get_safe_globals()
        names = {_allowed_name(each) for each in _NUMPY_NUMBERS}
        serialization.clear_safe_globals()
        serialization.add_safe_globals([each for each in theirs if _allowed_name(each) not in names])
        # v1: after freeze or unfreeze the parameter groups hold `defaults.lr` as it is, a slice.
        serialization.add_safe_globals([*_NUMPY_NUMBERS, slice])
        try:
            yield
        finally:
            serialization.clear_safe_globals()
            serialization.add_safe_globals(theirs)


def _allowed_name(allowed: Any) -> str:
    """Return the name under which an entry of torch's list of safe globals is found in files."""
    return str(allowed[1]) if isinstance(allowed, tuple) else f"{allowed.__module__}.{allowed.__qualname__}"


def save_state(state: Any, target: str | os.PathLike[str] | IO[bytes]) -> None:
    """Write tensors, numbers, strings and their lists and dicts to a path, whole or not at all, or to a file.

    Raises:
        UnwritablePathError: the path cannot be written; an older file there is untouched.
    """
    _save(state, target)


def load_state(
    source: str | os.PathLike[str] | IO[bytes], device: torch.device | str | int | None = None
) -> Any:
    """Return what a file of `torch.save` holds, without running any code in it.

    Tensors, plain values and numpy numbers are read, in the formats of old and new torch, and what
    `torch.serialization.add_safe_globals` was told to trust.

    Args:
        source: a path, or a binary file open at its start.
        device: where tensors go, by default the CPU.

    Raises:
        RefusedFileError: the file names anything else; the message says what.
    """
    place = torch.device("cpu" if device is None else device)
    try:
        with _numpy_numbers_allowed():
            return torch.load(source, map_location=place, weights_only=True)
    except _NOT_A_STATE as error:
        raise _refusal(_name_of(source), error) from error
    except RuntimeError as error:
        raise add_note(error, f"This happened while reading {_name_of(source)}.") from None


def torch_save(*args: Any, _use_new_zipfile_serialization: bool = False, **kwargs: Any) -> None:
    """Call `torch.save` with its own arguments, whole or not at all for a path.

    Files come in the older format, which torch before 1.6 reads too, unless the flag asks for the new one.

    Raises:
        UnwritablePathError: the path cannot be written; an older file there is untouched.
    """
    _save(*args, _use_new_zipfile_serialization=_use_new_zipfile_serialization, **kwargs)


def try_save(
    state: dict[str, Any],
    path: str | os.PathLike[str] | None = None,
    file: str | os.PathLike[str] | IO[bytes] | None = None,
) -> None:
    """Save a state as `file` in the folder `path`, or in `file` itself when that is open for writing.

    Raises:
        UnwritablePathError: the file cannot be written; an older file there is untouched.
    """
    if isinstance(file, (str, os.PathLike)):
        torch_save(state, os.path.join(path or "", file))
    else:
        torch_save(state, path if file is None else file)


def _save(obj: Any, f: Any, *args: Any, **kwargs: Any) -> None:
    """Call `torch.save`, through a temporary file if `f` is a path; the names are those of `torch.save`."""
    if isinstance(f, (str, os.PathLike)):
        with atomic_write(f) as file:
            torch.save(obj, file, *args, **kwargs)
    else:
        torch.save(obj, f, *args, **kwargs)


def _refusal(name: str, error: Exception) -> RefusedFileError:
    """Return the error that names the file and what torch's safe reader refused in it."""
    reason = str(error).rpartition("WeightsUnpickler error: ")[2]
    found = re.search(r"(?:GLOBAL|class) (?!whose)([\w.]+\w)", reason)
    if found:
        why = f"it names {found[1]}, and a state may hold tensors, numbers and plain containers only"
        return RefusedFileError(f"{name} was not loaded: {why}. Nothing in it was run.", found[1])
    detail = f"{type(error).__name__}: {reason.strip().partition(chr(10))[0]}"
    return RefusedFileError(f"{name} was not loaded: it holds no state ({detail}).")


def _name_of(source: Any) -> str:
    """Return the path of a source, or of the file behind it, or what it is."""
    if isinstance(source, (str, os.PathLike)):
        return os.fspath(source)
    return str(getattr(source, "name", f"the given {type(source).__name__}"))
