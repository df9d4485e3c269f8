"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Literal

from .errors import ArgumentError, UnwritablePathError

__all__ = ["atomic_write"]

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def atomic_write(path: str | os.PathLike[str], mode: Literal["wb", "w"] = "wb") -> Iterator[IO[Any]]:
    """Give a file to write in; at the end of the block it takes the place of `path` in one step.

    The bytes go to a hidden temporary file in the same folder, reach the disk, and only then get the name.
    Whoever opens `path` sees the old content or the new one, never a part. An exception inside the block
    removes the temporary file and leaves `path` as it was; a killed process leaves both, the temporary one
    ending in `.tmp`. Missing folders are made, links are followed, the permissions of an old file are kept.

    Args:
        path: the file to write or replace.
        mode: `wb` for bytes, `w` for text in UTF-8 whose line ends are written as given.

    Raises:
        ArgumentError: another mode.
        UnwritablePathError: the path is no place for a file, may not be written, or the disk is full.
    """
    if mode not in ("wb", "w"):
        raise ArgumentError(f"mode is {mode!r}; allowed are 'wb' and 'w'.")
    with _naming(path):
        target = _checked_target(path)
        temporary = target.with_name(f".{target.name[:60]}.{secrets.token_hex(6)}.tmp")
        file = _open_beside(target, temporary, mode)
    try:
        with file:
            yield file
            with _naming(path):
                file.flush()
                os.fsync(file.fileno())
        with _naming(path):
            os.replace(temporary, target)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            raise _unwritable(path, error) from error
        raise
    _sync_folder(target.parent)


@contextmanager
def _naming(path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn an error of the operating system into one that names the path asked for."""
    try:
        yield
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: str | os.PathLike[str], error: OSError) -> UnwritablePathError:
    """Return the error for `path` with the reason the operating system gave."""
    return UnwritablePathError(f"{os.fspath(path)} cannot be written: {error.strerror or error}.")


def _checked_target(path: str | os.PathLike[str]) -> Path:
    """Return the path behind all links, its folder made; OSError if what stands there may not be replaced."""
    target = Path(path).resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        if not target.is_file():
            # A rename would silently put a file in the place of a device or fail late on a folder.
            raise OSError("it exists and is no regular file")
        if not os.access(target, os.W_OK):
            raise PermissionError(errno.EACCES, "the file there is read-only")
    return target


def _open_beside(target: Path, temporary: Path, mode: str) -> IO[Any]:
    """Open the temporary file with the permissions the target has, or those of any new file."""
    file = temporary.open("xb") if mode == "wb" else temporary.open("x", encoding="utf-8", newline="")
    if target.exists():
        temporary.chmod(target.stat().st_mode & 0o7777)
    return file


def _sync_folder(folder: Path) -> None:
    """Bring the new name to the disk; systems that cannot sync a folder keep names safe on their own."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
