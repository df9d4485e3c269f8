"""`TableRows`: rows of the table as v2's `logger` gets and writes them."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import Any

from ..recorder import Recorder
from .callback import Callback

__all__ = ["TableRows", "no_row"]


def no_row(row: Sequence[Any]) -> None:
    """A logger that writes nothing."""


class TableRows:
    """Lets what somebody put in the place of `learn.logger` have the rows of the table.

    As long as nobody did, v1's recorder writes them as ever. Otherwise it is silent when its turn comes, and
    v2's hands the row to the logger.

    Args:
        learn: the learner; not kept alive by this.

    Attributes:
        held: whether the row of this epoch was held back.
    """

    def __init__(self, learn: Any) -> None:
        self._learn: Any = weakref.ref(learn)
        self._silenced: list[tuple[Recorder, bool]] = []
        self.held = False

    def __getstate__(self) -> dict[str, Any]:
        return {"learn": self._learn()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._learn = weakref.ref(state["learn"])
        self._silenced, self.held = [], False

    def write(self, row: Sequence[Any]) -> None:
        """Write a row: the epoch, values, and the time, if it is that of `recorder.log`."""
        learn = self._learn()
        recorder, time = vars(learn).get("recorder"), learn.v2_view.recorder.log[-1:]
        if isinstance(recorder, Recorder):
            # It writes the time by itself.
            has_time = bool(row) and isinstance(row[-1], str) and list(row[-1:]) == time
            recorder.format_stats(row[:-1] if has_time else row)

    @property
    def is_taken(self) -> bool:
        """Whether somebody else writes the rows."""
        logger = vars(self._learn()).get("logger", self.write)
        return callable(logger) and not isinstance(logger, Callback) and logger != self.write

    def begin(self) -> None:
        """Before a fit: write no titles either, if nothing is to be written."""
        self.held = False
        if vars(self._learn()).get("logger") is no_row:
            self._silence()

    def hold(self) -> None:
        """Keep v1's recorder from writing the row of this epoch, if somebody else does."""
        if self.is_taken:
            self.held = True
            self._silence()

    def _silence(self) -> None:
        recorder = vars(self._learn()).get("recorder")
        if isinstance(recorder, Recorder) and not self._silenced:
            self._silenced.append((recorder, recorder.silent))
            recorder.silent = True

    def release(self) -> None:
        """Let v1's recorder speak again."""
        while self._silenced:
            recorder, was_silent = self._silenced.pop()
            recorder.silent = was_silent

    def hand_over(self, row: Sequence[Any]) -> None:
        """Give the logger the row that was held back, if one was."""
        held, self.held = self.held, False
        if held:
            self._learn().logger(row)
