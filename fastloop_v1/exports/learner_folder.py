"""Exported learners as a folder without a pickle: a description in JSON, tensors beside it, their digests.

| file | what it holds |
|---|---|
| `learner.json` | what `LearnerDescription` says |
| `model.safetensors` | tensors by name: those of the model as in its `state_dict`, others by their place |
| `model.pth` | the same, by torch, where safetensors was not installed |
| `SHA256SUMS` | SHA-256 digest of each of the two, as `sha256sum -c` reads it |
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from dataclasses_json import DataClassJsonMixin
from torch import nn

from .. import __version__
from ..atomic_folder import atomic_folder
from ..old_files.file_refusals import checked_export, refusing, rules_for
from ..old_files.pickle_machine import Rules
from .named_tensors import SHELF_FILES, TensorShelf, read_shelf, shelf_content
from .object_description import Description
from .object_rebuilding import Rebuilding, names_described, strict_json

__all__ = [
    "LEARNER_FILES",
    "LearnerDescription",
    "described_learner",
    "folder_content",
    "is_learner_folder",
    "load_folder",
    "save_folder",
]

_DESCRIPTION, _DIGESTS = "learner.json", "SHA256SUMS"
LEARNER_FILES = (_DESCRIPTION, _DIGESTS, *SHELF_FILES)
_KNOWN_VERSIONS = (1,)
_DIGEST = re.compile(r"([0-9a-f]{64})  ([\w.]+)", re.ASCII)


@dataclass
class LearnerDescription(DataClassJsonMixin):
    """What an exported learner is made of.

    Attributes:
        package_version: version of this package that wrote it; the two after it are those it ran on.
        tensors: name of the file with the tensors.
        learner: what `Learner.export` keeps, by name, as `Description` describes it.
        schema_version: the one version there is, 1.
    """

    package_version: str
    torch_version: str
    python_version: str
    tensors: str
    learner: dict[str, Any]
    schema_version: int = 1


def is_learner_folder(path: str | os.PathLike[str]) -> bool:
    """Whether a folder has the files of an exported learner, of some version."""
    return Path(path, _DESCRIPTION).is_file()


def save_folder(state: dict[str, Any], path: str | os.PathLike[str]) -> None:
    """Write what an exported learner keeps as a folder, whole or not at all.

    Raises:
        PicklingError: a class or function in it has no name under which it is found again, as a lambda.
        ArgumentError: a tensor in it is none of numbers in memory.
        UnwritablePathError: the folder cannot be written, or holds anything else than an exported learner.
    """
    contents = described_learner(state)
    with atomic_folder(path, LEARNER_FILES) as folder:
        for name, content in contents.items():
            (folder / name).write_bytes(content)


def described_learner(state: dict[str, Any]) -> dict[str, bytes]:
    """Return the files that `save_folder` writes, by name; errors as there."""
    model = state.get("model")
    shelf = TensorShelf(model.state_dict(keep_vars=True) if isinstance(model, nn.Module) else {})
    description = Description(shelf)
    described = {name: description.of(value, name) for name, value in state.items()}
    file, tensors = shelf_content(shelf.layout())
    versions = __version__, str(torch.__version__), platform.python_version()
    text = LearnerDescription(*versions, file, described).to_json(indent=1, allow_nan=False) + "\n"
    contents = {_DESCRIPTION: text.encode(), file: tensors}
    digests = "".join(f"{hashlib.sha256(held).hexdigest()}  {name}\n" for name, held in contents.items())
    return {**contents, _DIGESTS: digests.encode()}


def load_folder(
    path: str | os.PathLike[str],
    device: torch.device | str | int | None = "cpu",
    trust: Literal[True] | Collection[str] = (),
) -> dict[str, Any]:
    """Return what `save_folder` wrote, and run nothing of it; for the arguments see `load_export`.

    Raises:
        RefusedFileError: a file is missing, damaged or no longer what its digest says, or names what is not
            allowed; the message says which.
        ArgumentError: `trust` is neither True nor a list of dotted names.
    """
    folder = Path(path)
    description, contents = folder_content(folder)
    rules = rules_for(trust, sum(map(len, contents.values())))
    return _rebuilt(folder, description, contents[description.tensors], device, rules)


def _rebuilt(
    folder: Path, description: LearnerDescription, content: bytes, device: Any, rules: Rules
) -> dict[str, Any]:
    place = torch.empty(0, device="cpu" if device is None else device).device
    with refusing(str(folder / description.tensors)):
        tensors = read_shelf(description.tensors, content, place)
    with refusing(str(folder / _DESCRIPTION)):
        rules.check(names_described(list(description.learner.values())))
        rebuilding = Rebuilding.over(rules, tensors)
        return checked_export({name: rebuilding.of(node) for name, node in description.learner.items()})


def folder_content(folder: Path) -> tuple[LearnerDescription, dict[str, bytes]]:
    """Return the description of an exported learner, and its files by name, which are what their digests say.

    Raises:
        RefusedFileError: a file is missing, damaged or no longer what its digest says.
    """
    contents = {}
    for name, digest in _digests(folder).items():
        with refusing(str(folder / name)):
            contents[name] = _read(folder / name)
            if hashlib.sha256(contents[name]).hexdigest() != digest:
                raise ValueError(f"it is not what its digest in {_DIGESTS} says: changed, or damaged")
    with refusing(str(folder / _DESCRIPTION)):
        description = _description(strict_json(contents[_DESCRIPTION]))
        if {description.tensors, _DESCRIPTION} != contents.keys():
            raise ValueError(f"its tensors are in {description.tensors!r}, of which {_DIGESTS} has no digest")
    return description, contents


def _digests(folder: Path) -> dict[str, str]:
    with refusing(str(folder / _DIGESTS)):
        lines = _read(folder / _DIGESTS).decode("ascii").splitlines()
        found = [_DIGEST.fullmatch(line) for line in lines]
        digests = {match[2]: match[1] for match in found if match}
        if (
            len(digests) != len(lines)
            or len(lines) != 2
            or not digests.keys() <= set(LEARNER_FILES) - {_DIGESTS}
        ):
            raise ValueError(f"it holds no digests of {_DESCRIPTION} and the tensors")
        if _DESCRIPTION not in digests:
            raise ValueError(f"it holds no digest of {_DESCRIPTION}")
        return digests


def _read(path: Path) -> bytes:
    if path.exists() and not path.is_file():
        raise ValueError("it is no regular file")
    return path.read_bytes()


def _description(found: Any) -> LearnerDescription:
    if type(found) is not dict:
        raise TypeError(f"it holds a {type(found).__name__}, not an object")
    version = found.get("schema_version")
    if version not in _KNOWN_VERSIONS or type(version) is not int:
        known = ", ".join(map(str, _KNOWN_VERSIONS))
        raise ValueError(f"it has schema version {version!r}; known here: {known}")
    expected = {
        "learner": dict,
        **dict.fromkeys(("package_version", "torch_version", "python_version", "tensors"), str),
    }
    wrong = [name for name, kind in expected.items() if type(found.get(name)) is not kind]
    if wrong:
        raise TypeError(f"its {wrong[0]} is missing or of a wrong type")
    return LearnerDescription.from_dict(found)
