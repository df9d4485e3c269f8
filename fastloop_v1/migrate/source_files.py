"""The Python files and notebooks below some paths, and the check of all of them."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_all_start_methods, get_context
from pathlib import Path

from .file_check import check_file
from .findings import FileReport

__all__ = ["check_paths", "source_files"]

_SUFFIXES = (".py", ".ipynb")
_SKIPPED = frozenset({"__pycache__", "env", "node_modules", "site-packages", "venv"})
# Fewer files are checked in this process: starting others takes longer.
_FEW = 100


def source_files(paths: Iterable[Path]) -> Iterator[Path]:
    """The files to check, each once, in a fixed order.

    A path that is a file counts whatever its name; folders are walked without hidden folders, virtual
    environments, installed packages and links to folders.
    """
    seen: set[Path] = set()
    for path in paths:
        for found in _walk(path) if path.is_dir() else (path,):
            if found not in seen:
                seen.add(found)
                yield found


def _walk(top: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(top):
        folders[:] = sorted(name for name in folders if not _is_skipped(folder, name))
        yield from (Path(folder, name) for name in sorted(files) if _is_source(name))


def _is_source(name: str) -> bool:
    return name.endswith(_SUFFIXES) and not name.startswith(".")


def _is_skipped(folder: str, name: str) -> bool:
    hidden = name.startswith(".") or name in _SKIPPED
    return hidden or os.path.exists(os.path.join(folder, name, "pyvenv.cfg"))


def check_paths(paths: Iterable[Path]) -> list[FileReport]:
    """Check every file below the paths, in the order of `source_files`; many files in several processes."""
    files = list(source_files(paths))
    workers = min(os.cpu_count() or 1, 8)
    can_fork = "fork" in get_all_start_methods() and threading.active_count() == 1
    if len(files) < _FEW or workers == 1 or not can_fork:
        return [check_file(file) for file in files]
    with ProcessPoolExecutor(workers, mp_context=get_context("fork")) as pool:
        return list(pool.map(check_file, files, chunksize=25))
