"""A callback that keeps checkpoints from which training goes on exactly."""

from __future__ import annotations

import secrets
import signal
import warnings
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal

from ..errors import ArgumentError, FastloopWarning, NotOfferedError, UnwritablePathError
from ..learner_callback import LearnerCallback
from ..processes import num_distrib
from ..resume.checkpoint_folder import Checkpoint, CheckpointManifest, DamagedCheckpointError
from ..resume.data_position import data_fingerprint, data_position
from ..resume.remaining_batches import check_replayable, loader_state
from ..resume.resuming import CHECKPOINTS, batches_in, checkpoints_below
from ..resume.signal_watch import SignalWatch
from ..resume.state_table import StateTable, StateWriter
from ..resume.training_state import collect_state
from .lasting_epoch import is_lasting

if TYPE_CHECKING:
    from ..basic_train import Learner

__all__ = ["CheckpointCallback"]

# Points of the loop that are behind a state of this point.
_PASSED = {"batch": ("before_train",), "validation": ("before_train", "after_train", "before_validate")}


class CheckpointCallback(LearnerCallback):
    """Writes checkpoints that `fit(..., resume=True)` goes on from, bit for bit as if nothing had happened.

    There is one before the first batch, one whenever it is time to, and one at the end of the last epoch. A
    `SIGTERM` lets the batch finish, writes one and ends the program with status 143; in validation it writes
    what training had come to. Neither keeps training from its end: a checkpoint that cannot be written, but
    for the first, is a warning.

    Kept are model, optimizer, gradients, schedules, losses, all callbacks and metrics with what they hold,
    and the random numbers and positions of this process. What belongs to the process stays as it is: files,
    threads, functions.

    Args:
        learn: the learner.
        every: `epoch`; a whole number of iterations; or a float, seconds (or a `timedelta`) between two
            checkpoints, looked at after each batch.
        keep: so many newest checkpoints stay, at least 1, and the last one of each earlier fit.
        folder: name of their folder below the learner's `path/model_dir`.
        save_on_interrupt: True lets Ctrl-C finish the batch and write a checkpoint too; a second Ctrl-C
            interrupts at once.

    Raises:
        ArgumentError: `every` or `keep` has another value.
    """

    _order = 2**31
    outside_of_state = True
    exclude = (*LearnerCallback.exclude, "_handler", "_watch", "_start", "_waiting", "folder", "loop")

    def __init__(
        self,
        learn: Learner,
        every: Literal["epoch"] | int | float | timedelta = "epoch",
        keep: int = 3,
        folder: str | Path = CHECKPOINTS,
        *,
        save_on_interrupt: bool = False,
    ) -> None:
        _check(every, keep)
        earlier = getattr(learn, "checkpoint_callback", None)
        super().__init__(learn)
        self.every, self.keep, self.save_on_interrupt = every, keep, save_on_interrupt
        self.folder = checkpoints_below(learn, folder)
        # A fit that did not end is followed by itself, one that did by the next one of the run.
        self.run, self.fit = getattr(earlier, "run", None), getattr(earlier, "fit", 0)
        self._handler: Any = None
        self._watch = SignalWatch(())
        self._start: StateTable | None = None
        self._waiting: Checkpoint | None = None
        self._last, self._fingerprint = 0.0, ""

    def __getstate__(self) -> dict[str, Any]:
        fresh = {"_handler": None, "_watch": SignalWatch(()), "_start": None, "_waiting": None}
        state = {**super().__getstate__(), **fresh}
        return {name: value for name, value in state.items() if name != "loop"}

    # --- a fit ----------------------------------------------------------------------------------------------

    def fit_of_run(self) -> tuple[int, str | None]:
        """Return which fit begins next, and of which run; None before the first one."""
        return self.fit, self.run

    def enter_fit(self, handler: Any, checkpoint: Checkpoint | None) -> None:
        """Take part in a fit that has just begun; write a first checkpoint if it begins at its beginning.

        Args:
            handler: the fit's callback handler.
            checkpoint: what the fit goes on from, None if it starts afresh.

        Raises:
            ArgumentError: training could not be resumed with this data loader.
            NotOfferedError: there are several processes.
            UnwritablePathError: the folder cannot be written.
        """
        if not is_lasting(self.learn, {}):
            return
        if num_distrib() > 1:
            raise NotOfferedError(
                "CheckpointCallback keeps the state of one process; there are several here."
            )
        loader = self.learn.data.train_dl
        check_replayable(loader)
        if getattr(loader, "num_workers", 0) and getattr(loader, "persistent_workers", False):
            _warn("random numbers of persistent workers are lost at a resume; use persistent_workers=False.")
        self._handler, self._last, self._waiting = handler, monotonic(), None
        self._fingerprint = data_fingerprint(self.learn.data)
        self._watch = SignalWatch((signal.SIGTERM, *([signal.SIGINT] if self.save_on_interrupt else [])))
        self._watch.start()
        if checkpoint is not None:
            self.run, self.fit = checkpoint.manifest.run, checkpoint.manifest.fit
            self._start = checkpoint.tables.get("start")
            return
        if self.fit == 0 or self.run is None:
            self.run = secrets.token_hex(8)
        self._write(self._collected("epoch"))

    def at_point(self, name: str) -> None:
        """Note where the data begin, and before validation what training came to."""
        if self._handler is None:
            return
        if name == "before_train":
            self._start = data_position(self.learn.data)
        elif name == "before_validate":
            self._waiting = self._collected("validation", by_reference=False)
            self._end_if_asked()

    def on_batch_end(
        self, train: bool, iteration: int = 0, num_batch: int = 0, stop_epoch: Any = False, **kwargs: Any
    ) -> None:
        """Write a checkpoint if it is time to; end if a signal came."""
        if self._handler is None:
            return
        if train and (self._watch.caught or self._is_due(iteration + 1)):
            changes = {"iteration": iteration + 1, "num_batch": num_batch + 1}
            self._waiting = self._collected("batch", changes, done=None if stop_epoch else num_batch + 1)
            if not self._watch.caught:
                self._write_waiting()
        self._end_if_asked()

    def on_epoch_end(self, epoch: int, n_epochs: int, stop_training: Any = False, **kwargs: Any) -> None:
        """Write a checkpoint if it is time to, or after the last epoch; end if a signal came."""
        if self._handler is None:
            return
        self._waiting = None
        is_last = bool(stop_training) or epoch + 1 >= n_epochs
        if self.every == "epoch" or is_last or self._watch.caught:
            self._waiting = self._collected("epoch", {"epoch": epoch + 1}, is_over=bool(stop_training))
            if not self._watch.caught:
                self._write_waiting()
        self._end_if_asked()

    def on_train_end(self, exception: Any = False, **kwargs: Any) -> None:
        """Give signals back; the next fit is the next one of the run if this one ended by itself."""
        self._watch.stop()
        if self._handler is not None and not isinstance(exception, BaseException):
            self.fit += 1
        self._handler = self._start = self._waiting = None
        if not isinstance(exception, BaseException):
            self._watch.end()

    # --- when -----------------------------------------------------------------------------------------------

    def _is_due(self, iteration: int) -> bool:
        if isinstance(self.every, str):
            return False
        if isinstance(self.every, int):
            return iteration % self.every == 0
        seconds = self.every.total_seconds() if isinstance(self.every, timedelta) else self.every
        return monotonic() - self._last >= seconds

    def _end_if_asked(self) -> None:
        if self._watch.caught:
            self._write_waiting()
            self._watch.end()

    # --- what -----------------------------------------------------------------------------------------------

    def _collected(
        self,
        point: str,
        changes: Mapping[str, Any] | None = None,
        *,
        done: int | None = None,
        is_over: bool = False,
        by_reference: bool = True,
    ) -> Checkpoint:
        learn, handler = self.learn, self._handler
        training = collect_state(learn, handler, changes=changes, by_reference=by_reference)
        tables = {"training": training, "now": data_position(learn.data)}
        if point != "epoch" and self._start is not None:
            tables["start"] = self._start
        place = {"point": point, "done": done, "passed": list(_PASSED.get(point, ())), "is_over": is_over}
        place.update(batches=batches_in(learn.data.train_dl), loader=False, data=self._fingerprint)
        if done is not None and (state := loader_state(learn.data.train_dl)) is not None:
            writer = StateWriter(by_reference=False)
            writer.write("loader", state)
            tables["loader"], place["loader"] = writer.table, True
        now = {**handler.state_dict, **(changes or {})}
        manifest = CheckpointManifest(
            serial=-1,
            run=str(self.run),
            fit=self.fit,
            epoch=now["epoch"],
            iteration=now["iteration"],
            batches=0 if point == "epoch" else now["num_batch"],
            ended=is_over or now["epoch"] >= now["n_epochs"],
            files={},
            not_kept=training.not_kept,
        )
        return Checkpoint(manifest, tables, place)

    def _write_waiting(self) -> None:
        """Write what waits to be written; training goes on if that is impossible."""
        waiting, self._waiting = self._waiting, None
        if waiting is None:
            return
        try:
            self._write(waiting)
        except (UnwritablePathError, DamagedCheckpointError) as error:
            _warn(f"a checkpoint could not be written, and training goes on: {error}")

    def _write(self, checkpoint: Checkpoint) -> None:
        checkpoint.manifest.serial = self.folder.next_serial()
        self.folder.write(checkpoint)
        self._last = monotonic()
        self.folder.keep(self.folder.worth_keeping(checkpoint.manifest, self.keep))


def _check(every: Any, keep: Any) -> None:
    number = every.total_seconds() if isinstance(every, timedelta) else every
    is_number = isinstance(number, (int, float)) and not isinstance(number, bool)
    if every != "epoch" and not (is_number and number > 0):
        raise ArgumentError(
            f"every is {every!r}; allowed are 'epoch', a number of iterations above 0 as an int, "
            "seconds above 0 as a float, and a timedelta."
        )
    if not isinstance(keep, int) or isinstance(keep, bool) or keep < 1:
        raise ArgumentError(f"keep is {keep!r}; it must be a whole number from 1 on.")


def _warn(text: str) -> None:
    warnings.warn(f"CheckpointCallback: {text}", FastloopWarning, stacklevel=3)
