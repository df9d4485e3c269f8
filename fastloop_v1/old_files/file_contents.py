"""What is in an exported learner or a file of weights, found out without making anything of it."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from dataclasses_json import DataClassJsonMixin

from ..checkpoint import RefusedFileError, load_state
from ..errors import FastloopError
from ..exports.learner_folder import LEARNER_FILES, folder_content, is_learner_folder, load_folder
from ..exports.named_tensors import read_shelf
from ..exports.object_rebuilding import Rebuilding, names_described
from .pickle_machine import PickleMachine
from .pickled_names import name_today
from .safe_pickle import load_export
from .sketch import (
    Sketch,
    SketchRules,
    children_of,
    dotted_name,
    keyed,
    members_of,
    numbers_in,
    shape_of,
    status_of,
)

__all__ = ["FileContents", "ModuleOutline", "NameUse", "file_contents"]

_ZIP, _OLDER, _PICKLE, _FOLDER = (
    "file of torch.save, zip (torch 1.6 or later)",
    "file of torch.save, older format",
    "pickle, not of torch.save",
    "folder of an exported learner",
)
_MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
_MOST_MODULES, _MOST_NAMES = 10_000, 10_000


@dataclass
class NameUse(DataClassJsonMixin):
    """A class or function that a file names, and what the reader does with it.

    Attributes:
        name: dotted, as today's Python, torch and numpy have it.
        status: `allowed`; `record`, kept but never run; or `refused`, unless it is trusted.
    """

    name: str
    status: str


@dataclass
class ModuleOutline(DataClassJsonMixin):
    """One module of a model: its name in it, its class, and how many numbers its own parameters have."""

    name: str
    kind: str
    parameters: int


@dataclass
class FileContents(DataClassJsonMixin):
    """What is in a file or folder.

    Attributes:
        path: where it is.
        kind: what it is, in words.
        sizes: bytes of each file by name.
        digests: SHA-256 of each file by name.
        holds: `learner`, `weights`, or what else its outermost object is.
        names: what it names.
        learner: class, loss, optimizer, metrics, callbacks and data of a learner, as names.
        modules: the modules of a model, the outermost one first.
        tensors: the shapes of weights that are no model, by name.
        parameters: numbers in the parameters of a model, those that are shared counted once.
        versions: of the packages that wrote it, where it says so.
        problem: why it would not be loaded, or None.
        readable: whether it is of a known form and whole.
    """

    path: str
    kind: str = "nothing known"
    sizes: dict[str, int] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    holds: str | None = None
    names: list[NameUse] = field(default_factory=list)
    learner: dict[str, list[str]] = field(default_factory=dict)
    modules: list[ModuleOutline] = field(default_factory=list)
    tensors: dict[str, list[int]] = field(default_factory=dict)
    parameters: int | None = None
    versions: dict[str, str] = field(default_factory=dict)
    problem: str | None = None
    readable: bool = True


def file_contents(path: str | os.PathLike[str]) -> FileContents:
    """Return what is in a file or folder; what is hostile or damaged is told, not run.

    Raises:
        OSError: there is no such file, or it cannot be read.
    """
    found, rules, where = FileContents(os.fspath(path)), SketchRules(), Path(path)
    files = [where / name for name in LEARNER_FILES] if where.is_dir() else [where]
    contents = {each.name: each.read_bytes() for each in files if each.is_file() or each == where}
    found.sizes = {name: len(content) for name, content in contents.items()}
    found.digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    try:
        is_folder = where.is_dir()
        held = _in_folder(where, found, rules) if is_folder else _in_file(contents[where.name], found, rules)
        _describe(held, found)
    except FastloopError as error:
        found.problem, found.readable = str(error), False
    except Exception as error:  # noqa: BLE001  (whatever is wrong with the file is told in words)
        found.problem, found.readable = (
            f"it is damaged, or no such file: {type(error).__name__}: {error}",
            False,
        )
    found.names = [NameUse(name_today(*pair), status_of(*pair)) for pair in list(rules.names)[:_MOST_NAMES]]
    if found.readable:
        found.problem = _refusal(where, found)
    return found


def _in_folder(folder: Path, found: FileContents, rules: SketchRules) -> Any:
    if not is_learner_folder(folder):
        raise ValueError("the folder has no learner.json")
    found.kind = _FOLDER
    description, contents = folder_content(folder)
    found.versions = {
        name: getattr(description, f"{name}_version") for name in ("package", "torch", "python")
    }
    tensors = read_shelf(description.tensors, contents[description.tensors], torch.device("cpu"))
    rules.check(names_described(list(description.learner.values())))

    def sketched(node: dict[str, Any]) -> Sketch:
        size = tuple(node.get("shape", tensors[node["tensor"]].shape))
        return Sketch("torch._utils._rebuild_tensor_v2", (None, 0, size))

    rebuilding = Rebuilding(rules, sketched)
    return {name: rebuilding.of(node) for name, node in description.learner.items()}


def _in_file(content: bytes, found: FileContents, rules: SketchRules) -> Any:
    if content.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            found.kind = _ZIP
            records = [each for each in archive.infolist() if each.filename.endswith("/data.pkl")]
            if len(records) != 1 or records[0].file_size > len(content):
                raise ValueError("it is a zip, but not one of torch.save")
            return _read(io.BytesIO(archive.read(records[0])), rules)
    file = io.BytesIO(content)
    first = _read(file, rules)
    found.kind = _PICKLE
    if first != _MAGIC_NUMBER:
        return first
    found.kind = _OLDER
    _read(file, rules)
    _read(file, rules)
    return _read(file, rules)


def _read(file: io.BytesIO, rules: SketchRules) -> Any:
    return PickleMachine(rules, rules.persistent).run(file)


def _describe(held: Any, found: FileContents) -> None:
    state = keyed(held)
    found.holds = "learner" if {"model", "opt_func"} <= state.keys() else dotted_name(held)
    if found.holds == "learner":
        found.learner = {name: list(_named_parts(name, state)) for name in _PARTS}
    elif state:
        has_opt = set(state) == {"model", "opt"}
        found.holds = "weights and the state of an optimizer" if has_opt else "weights"
        shapes = {
            str(name): shape_of(each) for name, each in keyed(state["model"] if has_opt else held).items()
        }
        found.tensors = {name: list(shape) for name, shape in shapes.items() if shape is not None}
    model = state.get("model") if found.holds == "learner" else held
    if isinstance(model, Sketch) and type(model.state) is dict:
        _walk(model, found)


_PARTS = {
    "class": "cls",
    "loss": "loss_func",
    "optimizer": "opt_func",
    "metrics": "metrics",
    "callbacks": "cb_state",
    "made at each fit": "callback_fns",
    "data": "data",
}


def _named_parts(part: str, state: dict[str, Any]) -> Iterator[str]:
    held = state.get(_PARTS[part])
    if part == "data":
        parts = [each for value in keyed(held).values() for each in [value, *members_of(value)]]
        yield from dict.fromkeys(dotted_name(each) for each in parts if isinstance(each, Sketch))
    elif type(held) is dict:
        yield from (dotted_name(key) for key in held)
    else:
        yield from (
            dotted_name(each) for each in (held if type(held) is list else [held]) if each is not None
        )


def _walk(model: Sketch, found: FileContents) -> None:
    """List the modules of a model from the outside in, each once."""
    left, seen, counted = [("", model)], set[int](), dict[int, int]()
    while left and len(found.modules) < _MOST_MODULES:
        name, module = left.pop()
        if id(module) in seen:
            continue
        seen.add(id(module))
        own = numbers_in(module)
        counted.update(own)
        found.modules.append(ModuleOutline(name, module.dotted, sum(own.values())))
        below = [(f"{name}.{key}".lstrip("."), child) for key, child in children_of(module)]
        left += reversed(below)
    found.parameters = sum(counted.values())


def _refusal(where: Path, found: FileContents) -> str | None:
    """Return why the file would not be loaded, by the words of what loads it."""
    try:
        if where.is_dir():
            load_folder(where)
        elif found.holds == "learner":
            load_export(where)
        elif found.kind != _PICKLE:
            load_state(where)
        else:
            return "it was not written by torch.save, and neither learn.load nor load_learner reads it."
    except RefusedFileError as error:
        return str(error)
    return None
