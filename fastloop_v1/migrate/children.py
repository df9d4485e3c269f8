"""Processes that `multiprocessing` starts anew ("spawn", "forkserver") get the alias before they do anything.

Such a process imports the main script again, or unpickles what was made from `fastai`, in a fresh Python.
What it is told first is a dictionary with its name; here the name turns the alias on when it is unpickled.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from multiprocessing import spawn
from typing import Any

__all__ = ["preparation_with_alias", "with_alias"]

_plain_preparation: Callable[[str], dict[str, Any]] = spawn.get_preparation_data


class _Name(str):
    """Name of a process; unpickling it turns the alias on."""

    __slots__ = ()

    def __reduce__(self) -> tuple[Any, ...]:
        return with_alias, (str(self),)


def with_alias(name: str) -> str:
    """Turn the alias on in this process, whose parent has it on, and return the name."""
    # The parent has decided already whether an installed fastai may be hidden.
    import_module("fastloop_v1.migrate").install(force=True)
    return name


def preparation_with_alias(name: str) -> dict[str, Any]:
    """What a process is told at its beginning, for `multiprocessing.spawn.get_preparation_data`."""
    data = _plain_preparation(name)
    return {**data, "name": _Name(data["name"])}
