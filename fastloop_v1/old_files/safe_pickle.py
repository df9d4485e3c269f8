"""Reading of exported learners, v1's and ours, without running anything that is in the file."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from pathlib import Path
from typing import IO, Any, Literal

import torch

from ..errors import ArgumentError
from .file_refusals import checked_export, name_of_source, refusing, rules_for
from .pickle_machine import PickleMachine
from .torch_file import read_torch_file

__all__ = ["load_export"]


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
    content = _content(source)
    rules = rules_for(trust, len(content))
    place = torch.empty(0, device="cpu" if device is None else device).device

    def read_pickle(file: IO[bytes], persistent: Callable[[Any], Any]) -> Any:
        return PickleMachine(rules, persistent).run(file)

    with refusing(name_of_source(source)):
        return checked_export(read_torch_file(content, place, read_pickle))


def _content(source: Any) -> bytes:
    content = Path(source).read_bytes() if isinstance(source, (str, os.PathLike)) else source.read()
    if not isinstance(content, bytes):
        raise ArgumentError(f"source gives {type(content).__name__}; allowed is a file open in binary mode.")
    return content
