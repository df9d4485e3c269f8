"""Files and folders: joining and listing paths, temporary names, the working directory, unpacking."""

from __future__ import annotations

import bz2
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .atomic_file import atomic_write
from .errors import ArgumentError

__all__ = [
    "bunzip",
    "find_classes",
    "get_tmp_file",
    "is_pathlike",
    "join_path",
    "join_paths",
    "ls",
    "working_directory",
]


def is_pathlike(x: Any) -> bool:
    """Whether `x` is a path: a string or a `pathlib.Path`."""
    return isinstance(x, (str, Path))


def ls(path: str | os.PathLike[str]) -> list[Path]:
    """Return what is in a folder; v1 called it as a method, `path.ls()`."""
    return list(Path(path).iterdir())


def join_path(fname: str | os.PathLike[str], path: str | os.PathLike[str] = ".") -> Path:
    """Return the path of the file `fname` in the folder `path`."""
    return Path(path) / Path(fname)


def join_paths(fnames: Iterable[Any], path: str | os.PathLike[str] = ".") -> list[Path]:
    """Return the paths of several files in the folder `path`."""
    return [join_path(fname, path) for fname in fnames]


def find_classes(folder: Path) -> list[Path]:
    """Return the folders in `folder`, sorted by name, hidden ones left out.

    Raises:
        ArgumentError: there is none.
    """
    found = [entry for entry in Path(folder).iterdir() if entry.is_dir() and not entry.name.startswith(".")]
    if not found:
        raise ArgumentError(f"folder={str(folder)!r} has no folders; one for each class is needed.")
    return sorted(found, key=lambda entry: entry.name)


def get_tmp_file(dir: str | os.PathLike[str] | None = None) -> str:
    """Return the name of a new, empty temporary file, in `dir` or where the system keeps such files."""
    handle, name = tempfile.mkstemp(dir=dir)
    os.close(handle)
    return name


@contextmanager
def working_directory(path: str | os.PathLike[str]) -> Iterator[None]:
    """Work in another folder inside the block, and come back after it."""
    before = Path.cwd()
    os.chdir(path)
    try:
        yield
    finally:
        os.chdir(before)


def bunzip(fn: str | os.PathLike[str]) -> None:
    """Unpack `name.bz2` to `name` beside it.

    Raises:
        ArgumentError: the packed file is not there, has another ending, or the unpacked one is there already.
    """
    packed = Path(fn)
    target = packed.with_suffix("")
    if packed.suffix != ".bz2" or not packed.exists():
        raise ArgumentError(f"fn={str(fn)!r} must be an existing file that ends in .bz2.")
    if target.exists():
        raise ArgumentError(f"fn={str(fn)!r}: {target} exists already; remove it first.")
    with bz2.open(packed, "rb") as source, atomic_write(target, "wb") as copy:
        shutil.copyfileobj(source, copy)
