"""A callback that saves the model, and loads the best one at the end of training."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..defaults import defaults
from ..errors import FastloopWarning
from ..processes import distrib_barrier, rank_distrib
from .lasting_epoch import is_lasting
from .tracker_callback import TrackerCallback

if TYPE_CHECKING:
    from ..basic_train import Learner

__all__ = ["SaveModelCallback"]


class SaveModelCallback(TrackerCallback):
    """Saves the model at each epoch or each better value, in the latter case loading the best in the end.

    Files are written by `Learner.save`, whole or not at all, by the first process only. What is loaded in
    the end is what this fit saved, also when it was interrupted from the keyboard, but not after an error.

    Args:
        learn: the learner.
        monitor: see `TrackerCallback`.
        mode: see `TrackerCallback`.
        every: `improvement`, or `epoch`, which puts `_0`, `_1`, ... behind the name.
        name: name of the file as `Learner.save` takes it.

    Attributes:
        saved: whether this fit has saved a best model.
    """

    saved = False
    not_min = ("saved",)
    _kept_on_resume = ("best", "saved")

    def __init__(
        self,
        learn: Learner,
        monitor: str = "valid_loss",
        mode: str = "auto",
        every: str = "improvement",
        name: str = "bestmodel",
    ) -> None:
        super().__init__(learn, monitor=monitor, mode=mode)
        self.every, self.name = every, name
        if every not in ("improvement", "epoch"):
            # v1: an unknown word is no error.
            self._warn(f'every {every} is invalid, falling back to "improvement".')
            self.every = "improvement"

    def on_train_begin(self, **kwargs: Any) -> None:
        """Start with nothing saved."""
        super().on_train_begin(**kwargs)
        self.saved = False

    def jump_to_epoch(self, epoch: int) -> None:
        """Load the model saved at the end of the epoch before."""
        super().jump_to_epoch(epoch)
        name = f"{self.name}_{epoch - 1}"
        if self._is_there(name):
            self.learn.load(name, purge=False)
            self._say(f"Loaded {name}")
        elif self.every == "epoch":
            text = f"Model {name} not found; training goes on at epoch {epoch} from the weights there are."
            warnings.warn(text, FastloopWarning, stacklevel=2)

    def on_epoch_end(self, epoch: int, **kwargs: Any) -> None:
        """Save the model if it is time to."""
        if self.every == "epoch":
            self._save_epoch(epoch, kwargs)
            return
        current = self._watched(kwargs)
        if current is not None and self.operator(current, self.best):
            self._say(f"Better model found at epoch {epoch} with {self.monitor} value: {current}.")
            self.best = float(current)
            self._save(self.name)
            self.saved = True

    def _save_epoch(self, epoch: int, state: Mapping[str, Any]) -> None:
        if is_lasting(self.learn, state):
            self._save(f"{self.name}_{epoch}")

    def on_train_end(self, **kwargs: Any) -> None:
        """Load the best model."""
        wanted = self.saved and not isinstance(kwargs.get("exception"), Exception)
        # v1: any file of that name is loaded, whoever wrote it and whatever happened.
        if self.every != "improvement" or not (wanted or defaults.v1_quirks):
            return
        distrib_barrier()
        if self._is_there(self.name):
            self.learn.load(self.name, purge=False)
        elif wanted:
            text = f"The best model {self.name} is gone; the weights stay as the last epoch left them."
            warnings.warn(text, FastloopWarning, stacklevel=2)

    def _save(self, name: str) -> None:
        if rank_distrib() == 0:
            self.learn.save(name)

    def _is_there(self, name: str) -> bool:
        return Path(self.learn.path, self.learn.model_dir, f"{name}.pth").is_file()
