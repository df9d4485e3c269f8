"""The part of a learner that reads and writes files: weights, exports, and letting go of what it holds."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from torch import nn

from .callback import Callback
from .checkpoint import RefusedFileError, load_state, save_state
from .defaults import DefaultDevice, defaults
from .errors import ArgumentError, FastloopWarning
from .exports.exported_learner import EXPORTED, callback_states, write_export
from .layer_groups import LayerGroups
from .modules import get_model, remove_module_load
from .names import with_v1_signature
from .old_files.file_refusals import name_of_source
from .on_cpu import ModelOnCPU
from .sequences import ifnone

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["LearnerFiles"]


class LearnerFiles(LayerGroups):
    """Saving, loading and exporting."""

    data: Any
    path: Any
    model_dir: Any
    wd: Any
    callbacks: Any
    recorder: Any
    _say_what_export_leaves: Any

    def save(self, file: Any = None, return_path: bool = False, with_opt: bool = True) -> Any:
        """Write the weights, and the optimizer's state if there is one, whole or not at all.

        Args:
            file: name below `path/model_dir` without its ending `.pth`, or an open binary file.
            return_path: whether to return the path.
            with_opt: whether to write the optimizer's state too.

        Raises:
            UnwritablePathError: the file cannot be written there.
        """
        target = self._weights_file(file)
        state: Any = get_model(self.model).state_dict()
        if with_opt and getattr(self, "opt", None) is not None:
            state = {"model": state, "opt": _plain_numbers(self.opt.state_dict())}
        save_state(state, target)
        return target if return_path else None

    def _weights_file(self, file: Any) -> Any:
        return Path(self.path) / self.model_dir / f"{file}.pth" if isinstance(file, (str, Path)) else file

    def load(
        self,
        file: Any = None,
        device: Any = None,
        strict: bool = True,
        with_opt: bool | None = None,
        purge: bool = False,
        remove_module: bool = False,
    ) -> Self:
        """Read weights that `save` or v1 wrote; no code in the file is run.

        Args:
            file: name below `path/model_dir` without its ending `.pth`, or an open binary file.
            device: where tensors go first; the data's device if None.
            strict: whether every weight must be there.
            with_opt: whether to read the optimizer's state; None reads it if there is one.
            purge: whether to drop caches before.
            remove_module: whether to take `module.` off the names, as written from a parallel model; that is
                also done where only then the names are those of the model.

        Raises:
            RefusedFileError: the file holds more than a state, or no weights.
        """
        if purge:
            self.purge(clear_opt=bool(with_opt))
        own = DefaultDevice.resolve(getattr(self.data, "device", None))
        source = self._weights_file(file)
        state = load_state(source, ifnone(device, own))
        if not _is_state(state):
            raise RefusedFileError(f"{name_of_source(source)} was not loaded: it holds no weights by name.")
        has_opt = set(state) == {"model", "opt"}
        weights, model = (state["model"] if has_opt else state), get_model(self.model)
        weights = remove_module_load(weights) if remove_module else _named_as(model, weights)
        model.load_state_dict(weights, strict=strict)
        if has_opt and with_opt is not False:
            self._load_opt(state["opt"])
        elif with_opt:
            warnings.warn("Saved file doesn't contain an optimizer state.", FastloopWarning, stacklevel=2)
        return self

    def _load_opt(self, state: dict[str, Any]) -> None:
        """Load an optimizer's state, or say why it does not fit; it is then as it was."""
        if getattr(self, "opt", None) is None:
            self.create_opt(defaults.lr, self.wd)
        before = self.opt.state_dict()
        try:
            self.opt.load_state_dict(state)
            _check_same_keys(before, self.opt.state_dict())
        except (ValueError, KeyError, RuntimeError, TypeError, AttributeError) as error:
            self.opt.load_state_dict(before)
            why = f"{type(error).__name__}: {error}"
            text = f"The optimizer's state in the file does not fit and was not loaded ({why})."
            warnings.warn(text, FastloopWarning, stacklevel=3)

    @with_v1_signature
    def export(
        self,
        file: Any = "export.pkl",
        destroy: bool = False,
        *,
        format: Literal["folder", "pickle"] | None = None,
    ) -> None:
        """Write all but the data, to predict elsewhere, whole or not at all.

        Args:
            file: name below `path`; or, for a pickle, an open binary file.
            destroy: whether to let go of model and data afterwards.
            format: `pickle` is v1's single file. `folder` holds no pickle: the model described in JSON, its
                tensors, and digests of both, in a folder of that name without an ending. None takes `folder`
                for a name without an ending and `pickle` for all others, as `export.pkl`.

        Raises:
            ArgumentError: another format, or an open file for a folder.
            UnwritablePathError: it cannot be written there; what was there is untouched.
        """
        self._say_what_export_leaves()
        state = {name: getattr(self, name) for name in EXPORTED}
        describe = getattr(getattr(self.data, "valid_ds", None), "get_state", dict)
        state.update(callback_states(self.callbacks), data=describe(), cls=type(self))
        with ModelOnCPU(self.model) as model:
            write_export({**state, "model": model}, self.path, file, format)
        if destroy:
            self.destroy()

    def purge(self, clear_opt: bool = True) -> Self:
        """Drop callbacks and histories of earlier fits and, with `clear_opt`, the optimizer; return self."""
        kept = {id(cb) for cb in self.callbacks}
        for name, value in list(self.__dict__.items()):
            if isinstance(value, Callback) and id(value) not in kept:
                delattr(self, name)
        if clear_opt and "opt" in self.__dict__:
            del self.opt
        return self

    def destroy(self) -> None:
        """Let go of model and data; every method then only warns that the learner is gone."""
        self.__dict__.clear()
        methods = {name: _say_destroyed for name in dir(type(self)) if not name.startswith("__")}
        self.__class__ = type("ZombieLearner", (type(self),), methods)


def _say_destroyed(*args: Any, **kwargs: Any) -> None:
    warnings.warn("This learner was destroyed; make or load another one.", FastloopWarning, stacklevel=2)


def _is_state(state: Any) -> bool:
    """Whether this is weights by name, alone or beside the state of an optimizer."""
    if isinstance(state, dict) and set(state) == {"model", "opt"}:
        state = state["model"]
    return isinstance(state, dict) and all(isinstance(name, str) for name in state)


def _named_as(model: nn.Module, weights: dict[str, Any]) -> dict[str, Any]:
    """Return weights by their names in the model, if all that differs is the mark of a parallel model."""
    own = model.state_dict().keys()
    if own & weights.keys():
        return weights
    without = {name.removeprefix("module."): tensor for name, tensor in weights.items()}
    marked = {f"module.{name}": tensor for name, tensor in weights.items()}
    return next((found for found in (without, marked) if own & found.keys()), weights)


def _check_same_keys(before: dict[str, Any], after: dict[str, Any]) -> None:
    """See that loading took no hyper-parameter away, as the state of another kind of optimizer does."""
    groups = zip(before["param_groups"], after["param_groups"], strict=True)
    missing = sorted({key for old, new in groups for key in old if key not in new})
    if missing:
        raise ArgumentError(f"it has no {', '.join(missing)}; another kind of optimizer wrote it.")


def _plain_numbers(state: Any) -> Any:
    """A state with numpy numbers as Python's, so that any torch reads it without trusting numpy.

    A slice, which stands for a learning rate between `freeze` and the next fit, becomes its end.
    """
    if isinstance(state, slice):
        return _plain_numbers(state.stop)
    if isinstance(state, Mapping):
        return {key: _plain_numbers(value) for key, value in state.items()}
    if isinstance(state, (list, tuple)):
        return type(state)(_plain_numbers(value) for value in state)
    return state.item() if isinstance(state, np.generic) else state
