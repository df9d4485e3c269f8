"""Exported learners, written and read: which form a file has, and how a learner is made of what it holds."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from pickle import PicklingError
from typing import Any, Literal

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from ..basic_data import DataBunch
from ..callback import Callback
from ..checkpoint import try_save
from ..defaults import DefaultDevice, defaults
from ..errors import ArgumentError, FastloopWarning, NotOfferedError, UnexportableError
from ..inert_record import InertRecord, InertType
from ..learner_callback import LearnerCallback
from ..names import split_kwargs_by_func
from ..old_files.file_refusals import name_of_source, refusing
from ..old_files.safe_pickle import load_export
from .learner_folder import is_learner_folder, load_folder, save_folder

__all__ = ["EXPORTED", "callback_states", "exported_learner", "load_callback", "read_export", "write_export"]

# Settings of a learner that an export keeps, beside its model, class, callbacks and what describes its data.
EXPORTED = (
    "opt_func",
    "loss_func",
    "metrics",
    "true_wd",
    "bn_wd",
    "wd",
    "train_bn",
    "model_dir",
    "callback_fns",
)
_FORMATS, _DEFAULT_NAME = ("folder", "pickle"), "export.pkl"
_UNFIT = (ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError)


def write_export(
    state: dict[str, Any], path: Any, file: Any, form: Literal["folder", "pickle"] | None
) -> None:
    """Write what an export keeps as a folder, or as a pickle in v1's layout; the arguments as for `export`.

    Raises:
        ArgumentError: there is no such form, or an open file was given for a folder.
        UnexportableError: parts of the learner cannot be written; what was there is untouched.
        UnwritablePathError: it cannot be written there.
    """
    named = isinstance(file, (str, os.PathLike))
    if form not in (None, *_FORMATS) or (form == "folder" and not named):
        raise ArgumentError(
            f"format is {form!r} for the file {file!r}; allowed are {_FORMATS}, a folder by name."
        )
    # v1: the file is a pickle, most often named `export.pkl`.
    as_pickle = form == "pickle" or (form is None and not (named and Path(file).suffix == ""))
    try:
        if as_pickle:
            try_save(state, path, file)
        else:
            save_folder(state, Path(path) / Path(file).with_suffix(""))
    except (PicklingError, AttributeError, TypeError) as error:
        found = [f"{name} ({why})" for name, part in _parts(state) if (why := _why_not_written(part))]
        if not found:
            raise
        raise UnexportableError(
            f"The learner was not exported, as these parts cannot be written: {'; '.join(found)}. "
            "Functions and classes need a name in a module."
        ) from error


def _parts(state: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What an export holds, with names for a message; lists and the callbacks one by one."""
    for name, value in state.items():
        if isinstance(value, list):
            yield from ((f"{name}[{at}]", each) for at, each in enumerate(value))
        elif name == "cb_state":
            yield from ((f"the callback {kind.__name__}", (kind, held)) for kind, held in value.items())
        else:
            yield name, value


def _why_not_written(part: Any) -> str | None:
    try:
        torch.save(part, io.BytesIO())
    except (PicklingError, AttributeError, TypeError) as error:
        return str(error)
    return None


def read_export(path: Any, file: Any, device: Any = None, trust: Any = ()) -> dict[str, Any]:
    """What an exported learner keeps, its data replaced by a bunch without items that describes them.

    Raises:
        RefusedFileError: the file names something that is not allowed, or is damaged.
    """
    return _read(_source(path, file), path, device, trust)


def _read(source: Any, path: Any, device: Any, trust: Any) -> dict[str, Any]:
    load: Any = load_folder if isinstance(source, Path) and source.is_dir() else load_export
    state: dict[str, Any] = load(source, device=DefaultDevice.resolve(device), trust=trust)
    # The folder of the export, where that itself was given as the path.
    folder = source.parent if source == Path(path) else Path(path)
    with refusing(name_of_source(source)):
        return {**state, "data": _described_data(state.get("data", {}), folder, device)}


def _source(path: Any, file: Any) -> Any:
    """Return the file or folder that is meant: the path itself if it is an export, else what is below it."""
    if not isinstance(file, (str, os.PathLike)):
        return file
    below, folder = Path(path) / file, Path(path)
    if folder.is_file() or is_learner_folder(folder):
        return folder
    beside = below.with_suffix("")
    if below.suffix != ".pkl" or not is_learner_folder(beside):
        return below
    if not below.exists():
        return beside
    # Asked for by default, so perhaps not what is meant.
    if file == _DEFAULT_NAME and (beside / "learner.json").stat().st_mtime > below.stat().st_mtime:
        text = f"{below} was read, and {beside} is newer: load_learner(path, {beside.name!r}) reads it."
        warnings.warn(text, FastloopWarning, stacklevel=5)
    return below


class _NoItems(Dataset[Any]):
    """A data set without items that has the attributes an export keeps of the real one."""

    def __init__(self, description: dict[str, Any]) -> None:
        self.__dict__.update(description)

    def __len__(self) -> int:
        return 0

    def __getitem__(self, index: int) -> Any:
        raise IndexError(f"index is {index}, but an exported learner has no items.")


def _described_data(description: Any, path: Path, device: Any) -> DataBunch:
    if type(description) is not dict:
        raise TypeError(f"its data are described by a {type(description).__name__}, not by a dict")
    # v1: the names of the classes are kept by what processed the targets.
    found = [getattr(processor, "classes", None) for processor in description.get("y_proc") or ()]
    known = {"classes": classes, "c": len(classes)} if (classes := next(filter(None, found), None)) else {}
    train_dl, valid_dl = (DataLoader(_NoItems({**known, **description}), batch_size=1) for _ in range(2))
    return DataBunch(train_dl, valid_dl, path=path, device=device, no_check=True)


def exported_learner(base: type, path: Any, file: Any, device: Any = None, trust: Any = ()) -> Any:
    """Return the learner that was exported, ready to predict.

    Args:
        base: the class of learners, of which it is made unless the file names one below it.
        path: folder of the file, and the learner's `path`; or the file or folder of an export itself.
        file: name in that folder, or an open binary file.
        device: where it goes; the default device if None.
        trust: as for `load_export`.

    Raises:
        RefusedFileError: the file is damaged, or names something that is not allowed.
        NotOfferedError: its model is of a v1 layer that is not here.
    """
    found = _source(path, file)
    state, source = _read(found, path, device, trust), name_of_source(found)
    with refusing(source):
        kind, callbacks = state.pop("cls", base), state.pop("cb_state", {})
        callbacks = _listed(callbacks, state.pop("cb_list", None))
        _check_state(state, callbacks, trust)
        absent = _not_offered(state["model"])
    if absent:
        raise NotOfferedError(
            f"{source} was not loaded: {absent}. `fastloop-v1 inspect` shows what it holds."
        )
    with refusing(source):
        is_learner = isinstance(kind, type) and issubclass(kind, base)
        learn = (kind if is_learner else base)(path=state["data"].path, **state)
    # v1: the list holds the recorder already.
    learn.callback_fns = list(state.get("callback_fns") or learn.callback_fns)
    restored = [_restored(kind, each, learn, source) for kind, each in callbacks]
    learn.callbacks = [callback for callback in restored if callback is not None]
    return learn


def callback_states(callbacks: Sequence[Any]) -> dict[str, Any]:
    """What an export keeps of callbacks: states by class as in v1, all in a list if two are of one class."""
    listed = [(type(cb), cb.get_state()) for cb in callbacks]
    by_class = dict(listed)
    return {"cb_state": by_class} | ({"cb_list": listed} if len(by_class) < len(listed) else {})


def _listed(by_class: Any, listed: Any) -> list[tuple[Any, Any]]:
    """Classes and states of callbacks, from the list of all if there is one.

    Raises:
        TypeError: they are something else.
    """
    if listed is None and type(by_class) is dict:
        return list(by_class.items())
    if type(listed) is list and all(type(pair) in (tuple, list) and len(pair) == 2 for pair in listed):
        return [(kind, each) for kind, each in listed]
    raise TypeError("its callbacks are no dict of states")


def _check_state(state: dict[str, Any], callbacks: list[tuple[Any, Any]], trust: Any) -> None:
    if unknown := sorted(state.keys() - {*EXPORTED, "data", "model"}):
        raise ValueError(f"it holds {', '.join(unknown[:3])}, which is no part of a learner")
    if not isinstance(state.get("model"), (nn.Module, InertRecord)):
        raise TypeError(f"its model is a {type(state.get('model')).__name__}")
    for kind, each in callbacks:
        if type(each) is not dict or not all(type(name) is str for name in each):
            raise TypeError("its callbacks have no dicts of states")
        _check_callback(kind, each, trust)
    if type(state.get("callback_fns", [])) is not list:
        raise TypeError("its callback_fns are no list")


def _not_offered(model: Any) -> str | None:
    """Return which part of a model is of a v1 layer that is not here, if one is."""
    left = [("the model", model)]
    while left:
        name, module = left.pop()
        if isinstance(module, InertRecord):
            kind = f"{type(module).__module__}.{type(module).__name__}"
            return f"{name} is a {kind}, and that layer of v1 is not offered here"
        left += [(f"{name}'s {key}", child) for key, child in module._modules.items() if child is not None]
    return None


def _check_callback(kind: Any, state: dict[str, Any], trust: Any) -> None:
    """See that a callback is one, so that no other class is called with arguments from the file."""
    is_callback = isinstance(kind, type) and issubclass(kind, (Callback, InertRecord))
    if not is_callback and trust is not True and f"{kind.__module__}.{kind.__qualname__}" not in trust:
        raise TypeError(f"it holds {kind!r} as a callback, which is none")
    if any(name.startswith("__") for name in state):
        raise ValueError(f"the state of {kind.__name__} has a name with two underscores")


def _restored(kind: Any, state: dict[str, Any], learn: Any, source: str) -> Any:
    """Return a callback as it was, or None with a warning: no callback is needed to predict."""
    try:
        if isinstance(kind, InertType):
            raise TypeError("it is not offered here")
        return load_callback(kind, state, learn)
    except _UNFIT as error:
        text = f"{source} was loaded without the callback {kind.__name__}: {error}."
        warnings.warn(text, FastloopWarning, stacklevel=5)
        return None


def load_callback(class_func: Any, state: dict[str, Any], learn: Any) -> Any:
    """Make a callback of this class with the attributes that `get_state` gave."""
    arguments, others = split_kwargs_by_func(state, class_func.__init__)
    with_learner = issubclass(class_func, LearnerCallback)
    callback = class_func(learn, **arguments) if with_learner else class_func(**arguments)
    # v1: an attribute with the name of an argument goes through the constructor alone, which may change it.
    for name, value in (others if defaults.v1_quirks else state).items():
        setattr(callback, name, value)
    return callback
