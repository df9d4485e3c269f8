"""A callback that keeps the number of the last finished epoch in a file, to go on from there."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..atomic_file import atomic_write
from ..errors import FastloopWarning
from ..learner_callback import LearnerCallback
from ..processes import rank_distrib
from .lasting_epoch import is_lasting

if TYPE_CHECKING:
    from ..basic_train import Learner

__all__ = ["TrackEpochCallback"]


class TrackEpochCallback(LearnerCallback):
    """Writes each finished epoch to a file; a fit with a new one of these goes on behind the last of them.

    The file holds the number as text and is always whole. Weights are not part of it: see
    `SaveModelCallback(every="epoch")`.

    Args:
        learn: the learner.
        name: name of the file below `path/model_dir`.
        epoch_offset: epoch to go on at, 0 for the first; the one after that in the file if None.
    """

    _order = -20

    def __init__(self, learn: Learner, name: str = "epoch", epoch_offset: int | None = None) -> None:
        super().__init__(learn)
        self.path = Path(learn.path) / learn.model_dir / name
        self.start_epoch = self._next_epoch() if epoch_offset is None else epoch_offset

    def _next_epoch(self) -> int:
        """The epoch after that in the file, 0 without one."""
        if not self.path.is_file():
            return 0
        try:
            return int(self.path.read_text(encoding="utf-8")) + 1
        except ValueError:
            text = f"{self.path} holds no number of an epoch; training starts with epoch 0."
            warnings.warn(text, FastloopWarning, stacklevel=3)
            return 0

    def on_train_begin(self, **kwargs: Any) -> dict[str, int]:
        """Let the fit start there."""
        return {"epoch": self.start_epoch}

    def on_epoch_end(self, epoch: int, **kwargs: Any) -> None:
        """Write down the epoch."""
        if rank_distrib() == 0 and is_lasting(self.learn, kwargs):
            with atomic_write(self.path, "w") as file:
                file.write(str(epoch))

    def restart(self) -> None:
        """Remove the file, so that the next fit starts with epoch 0."""
        self.path.unlink(missing_ok=True)
        self.start_epoch = 0
