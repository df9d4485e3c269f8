"""Folders that are written whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import UnwritablePathError

__all__ = ["atomic_folder"]


@contextmanager
def atomic_folder(path: str | os.PathLike[str], names: Collection[str]) -> Iterator[Path]:
    """Give an empty folder to write in; at the end of the block it takes the place of `path`.

    The files go to a hidden folder beside `path`, reach the disk, and only then get the name. An exception
    inside the block removes the hidden folder and leaves `path` as it was. An older folder is moved aside by
    one rename and replaced by the next; a process killed between the two leaves both, hidden, beside `path`.

    Args:
        path: the folder to write or replace.
        names: of the files an older folder at `path` may hold and lose.

    Raises:
        UnwritablePathError: the path cannot be written, or what stands there is no folder of such files.
    """
    target = Path(path).resolve()
    _check_replaceable(target, names)
    hidden = f".{target.name[:60]}.{secrets.token_hex(6)}"
    made, old = target.with_name(f"{hidden}.tmp"), target.with_name(f"{hidden}.old")
    try:
        made.mkdir(parents=True)
    except OSError as error:
        raise _unwritable(path, error.strerror or str(error)) from error
    try:
        yield made
        for each in [*made.iterdir(), made]:
            _sync(each)
        _replace(target, made, old)
    except BaseException as error:
        shutil.rmtree(made, ignore_errors=True)
        if isinstance(error, OSError) and not isinstance(error, UnwritablePathError):
            raise _unwritable(path, error.strerror or str(error)) from error
        raise
    shutil.rmtree(old, ignore_errors=True)
    with suppress(OSError):  # systems that cannot sync a folder keep names safe on their own
        _sync(target.parent)


def _check_replaceable(target: Path, names: Collection[str]) -> None:
    if target.exists() and not target.is_dir():
        raise _unwritable(target, "a file of that name exists")
    others = (
        sorted(each.name for each in target.iterdir() if each.name not in names) if target.exists() else []
    )
    if others:
        raise _unwritable(target, f"the folder exists and holds something else: {', '.join(others[:3])}")


def _replace(target: Path, made: Path, old: Path) -> None:
    """Put the folder made in the place of an older one, which comes back if that fails."""
    if target.exists():
        target.rename(old)
    try:
        made.rename(target)
    except OSError:
        if old.exists():
            old.rename(target)
        raise


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unwritable(path: str | os.PathLike[str], reason: str) -> UnwritablePathError:
    return UnwritablePathError(f"{os.fspath(path)} cannot be written: {reason}.")
