"""Going on with a fit that was interrupted, from a checkpoint of `CheckpointCallback`."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch

from ..callback import Callback
from ..errors import ArgumentError, FastloopWarning
from .checkpoint_folder import (
    Checkpoint,
    CheckpointFolder,
    CheckpointManifest,
    DamagedCheckpointError,
    read_checkpoint,
    read_manifest,
)
from .data_position import data_fingerprint, set_data_position
from .remaining_batches import remaining_batches
from .state_return import MismatchError, StateReturn
from .training_state import collect_state, module_modes, put_state_back

__all__ = [
    "CHECKPOINTS",
    "Resumption",
    "batches_in",
    "checkpoints_below",
    "epochs_to_run",
    "newest_checkpoint",
    "resumption",
]

CHECKPOINTS = "checkpoints"


class Resumption(Callback):
    """Among the callbacks of a fit, lets that go on from a checkpoint.

    Args:
        source: True for the newest intact checkpoint of the learner, if there is one; or the folder of a
            checkpoint, or one with several.
    """

    outside_of_state = True

    def __init__(self, source: Any) -> None:
        self.source = source


class _Wanted(NamedTuple):
    """Which checkpoints may be resumed: of this fit of a run, None for any."""

    fit: int | None = None
    run: str | None = None

    def matches(self, manifest: CheckpointManifest) -> bool:
        return self.fit in (None, manifest.fit) and self.run in (None, manifest.run)


def checkpoints_below(learn: Any, folder: str | os.PathLike[str] = CHECKPOINTS) -> CheckpointFolder:
    """Return the folder of a learner's checkpoints, below its folder of models."""
    return CheckpointFolder(
        Path(getattr(learn, "path", ".")) / getattr(learn, "model_dir", "models") / folder
    )


def resumption(source: Any) -> list[Resumption]:
    """Return the callback that resumes from there; none for None or False."""
    return [] if source is None or source is False else [Resumption(source)]


def epochs_to_run(learn: Any, handler: Any, epochs: int) -> int:
    """Put a checkpoint back if that is wanted; return how many epochs a fit that has just begun runs.

    Args:
        learn: the learner.
        handler: the fit's callback handler; a `Resumption` among the callbacks says what is wanted.
        epochs: epochs of the whole fit.

    Raises:
        ArgumentError: there is no checkpoint at the path.
        DamagedCheckpointError: there are checkpoints, and none is intact.
        MismatchError: the checkpoint is one of another model, optimizer or data.
    """
    keepers = [cb for cb in handler.callbacks if hasattr(type(cb), "enter_fit")]
    sources = [cb.source for cb in handler.callbacks if isinstance(cb, Resumption)]
    checkpoint = _wanted_checkpoint(learn, keepers, sources[0]) if sources else None
    is_over = False
    if checkpoint is not None:
        _go_on(learn, handler, checkpoint)
        handler.state_dict["n_epochs"] = epochs
        is_over = checkpoint.place["is_over"]
        _show_epochs_left(handler.state_dict, epochs)
    for keeper in keepers:
        keeper.enter_fit(handler, checkpoint)
    return 0 if is_over else max(0, epochs - int(handler.state_dict["epoch"]))


def _show_epochs_left(state: dict[str, Any], epochs: int) -> None:
    bar = getattr(state.get("pbar"), "main_bar", None)
    if bar is not None:
        bar.total = max(0, epochs - state["epoch"])


# --- which checkpoint ---------------------------------------------------------------------------------------


def _wanted_checkpoint(learn: Any, keepers: list[Any], resume: Any) -> Checkpoint | None:
    if resume is not True:
        if not isinstance(resume, (str, os.PathLike)):
            raise ArgumentError(f"resume is {resume!r}; allowed are True, a path, and None.")
        return _checkpoint_at(Path(resume))
    if not keepers:
        return newest_checkpoint(checkpoints_below(learn))
    keeper = keepers[0]
    return newest_checkpoint(keeper.folder, _Wanted(*keeper.fit_of_run()))


def _checkpoint_at(path: Path) -> Checkpoint:
    if (path / "manifest.json").is_file() or path.name.startswith("checkpoint-"):
        if not path.is_dir():
            raise ArgumentError(f"resume is {str(path)!r}; there is no such folder.")
        return read_checkpoint(path)
    found = newest_checkpoint(CheckpointFolder(path))
    if found is None:
        raise ArgumentError(f"resume is {str(path)!r}; there is no checkpoint.")
    return found


def newest_checkpoint(folder: CheckpointFolder, wanted: Any = None) -> Checkpoint | None:
    """Return the newest checkpoint that is intact, None if nothing was ever written.

    Every newer one that is damaged or was left unfinished is named in a warning.

    Args:
        folder: where to look.
        wanted: has a method `matches` that says of a manifest whether it may be that one.

    Raises:
        DamagedCheckpointError: there are some, and none is intact.
    """
    matches: Callable[[CheckpointManifest], bool] = getattr(wanted, "matches", lambda manifest: True)
    for path in folder.unfinished():
        _warn(f"{path} was left unfinished and is not used.")
    damaged = []
    intact = 0
    for path in folder.paths():
        try:
            intact += 1
            if matches(read_manifest(path)):
                return read_checkpoint(path)
        except DamagedCheckpointError as error:
            intact -= 1
            damaged.append(str(error))
            _warn(f"A checkpoint is damaged and is not used: {error}.")
    if damaged and not intact:
        raise DamagedCheckpointError(f"No checkpoint in {folder.path} is intact: {'; '.join(damaged)}.")
    return None


def _warn(text: str) -> None:
    warnings.warn(text, FastloopWarning, stacklevel=2)


# --- putting it back ----------------------------------------------------------------------------------------


def _go_on(learn: Any, handler: Any, checkpoint: Checkpoint) -> None:
    place, tables = checkpoint.place, checkpoint.tables
    _check_data(learn, place)
    if place["data"] != data_fingerprint(learn.data):
        _warn("The data sets or samplers choose other samples than in the checkpoint; results will differ.")
    problems = put_state_back(tables["training"], learn, handler)
    # What stands there now is read once more: nothing is taken on trust.
    problems = problems or tables["training"].differences(collect_state(learn, handler))[:10]
    if problems:
        _warn(f"Training goes on, but not all is as it was: {'; '.join(problems)}.")
    written, here = checkpoint.manifest.torch_version, str(torch.__version__)
    if written != here:
        _warn(f"The checkpoint was written with torch {written}, this is {here}: results may differ.")
    if place["point"] == "epoch":
        set_data_position(tables["now"], learn.data)
    else:
        handler.going_on = partial(_go_on_in_epoch, learn, handler, checkpoint, module_modes(learn.model))


def _check_data(learn: Any, place: dict[str, Any]) -> None:
    """See that the data have as many batches as before.

    Raises:
        MismatchError: they have not.
    """
    here = batches_in(learn.data.train_dl)
    if place["batches"] != here:
        raise MismatchError(
            f"train_dl has {here} batches and had {place['batches']} in the checkpoint; nothing was changed."
        )


def batches_in(dl: Any) -> int | None:
    """Return how many batches a loader has, None if it does not know."""
    try:
        return len(dl)
    except TypeError:
        return None


def _go_on_in_epoch(learn: Any, handler: Any, checkpoint: Checkpoint, modes: list[tuple[Any, bool]]) -> None:
    """Let the epoch begin where it was left: the loop has just put the model in training mode."""
    for module, training in modes:
        module.training = training
    place, tables, data = checkpoint.place, checkpoint.tables, learn.data
    handler.passed = set(place["passed"])
    whole = data.train_dl
    data.train_dl = remaining_batches(
        whole,
        place["done"],
        _loader_state(checkpoint) if place["loader"] else None,
        begun=partial(setattr, data, "train_dl", whole),
        rewind=lambda: set_data_position(tables["start"], data),
        forward=lambda: set_data_position(tables["now"], data),
    )


def _loader_state(checkpoint: Checkpoint) -> Any:
    returned = StateReturn(checkpoint.tables["loader"])
    state = returned.root("loader")
    returned.apply()
    return state
