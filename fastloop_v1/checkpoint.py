"""Saving and loading of states: whole files when written, no code run when read."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import torch

from .atomic_file import atomic_write
from .errors import FastloopError
from .old_files.pickle_machine import PickleMachine
from .old_files.pickle_rules import NotAllowedError, StateRules
from .old_files.torch_file import read_torch_file

__all__ = ["RefusedFileError", "load_state", "save_state", "torch_save", "try_save"]


class RefusedFileError(FastloopError, pickle.UnpicklingError):
    """A file that would run code, or that holds no state; nothing in it was run.

    Attributes:
        refused: name of the class or function the file wanted, or None if it is unreadable otherwise.
    """

    def __init__(self, message: str, refused: str | None = None) -> None:
        super().__init__(message)
        self.refused = refused


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
        source: a path, or a binary file, read from where it is.
        device: where tensors go, by default the CPU.

    Raises:
        RefusedFileError: the file names anything else, or is damaged; the message says what.
    """
    content = Path(source).read_bytes() if isinstance(source, (str, os.PathLike)) else source.read()
    place = torch.empty(0, device="cpu" if device is None else device).device
    rules = StateRules(map(_allowed_name, torch.serialization.get_safe_globals()), len(content))

    def read_pickle(file: IO[bytes], persistent: Callable[[Any], Any]) -> Any:
        return PickleMachine(rules, persistent).run(file)

    try:
        return read_torch_file(content, place, read_pickle)
    except NotAllowedError as error:
        why = f"it names {error.names[0]}, and a state may hold tensors, numbers and plain containers only"
        reason = f"{_name_of(source)} was not loaded: {why}. Nothing in it was run."
        raise RefusedFileError(reason, error.names[0]) from error
    except Exception as error:
        detail = f"{type(error).__name__}: {error}"
        raise RefusedFileError(f"{_name_of(source)} was not loaded: it holds no state ({detail}).") from error


def _allowed_name(allowed: Any) -> str:
    """Return the name under which an entry of torch's list of safe globals is found in files."""
    return str(allowed[1]) if isinstance(allowed, tuple) else f"{allowed.__module__}.{allowed.__qualname__}"


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


def _name_of(source: Any) -> str:
    """Return the path of a source, or of the file behind it, or what it is."""
    if isinstance(source, (str, os.PathLike)):
        return os.fspath(source)
    return str(getattr(source, "name", f"the given {type(source).__name__}"))
