"""A callback that writes the table of results to a file."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from ..atomic_file import atomic_write
from ..learner_callback import LearnerCallback
from ..optional import optional_import
from ..processes import rank_distrib
from ..recorder import format_time
from .lasting_epoch import is_lasting

if TYPE_CHECKING:
    from ..basic_train import Learner

__all__ = ["CSVLogger"]


class CSVLogger(LearnerCallback):
    """Writes a row for each finished epoch to a CSV file with the columns of the table.

    The file is not touched before the first epoch is through: its row and the titles then take the place of
    an older file in one step. Every later row is one write at the end of the file and on the disk before
    training goes on; in a resumed fit it follows the rows of the epochs before. No file stays open. `lr_find`
    and `Learner.validate` write nothing.

    Args:
        learn: the learner.
        filename: name of the file in the learner's `path`, without its ending `.csv`.
        append: whether rows go below those of an older file, whose titles then stay.
    """

    exclude = (*LearnerCallback.exclude, "_is_first", "_size", "_has_written")
    of_this_process = ("start_epoch", "_has_written")
    _is_first = True
    _has_written = False

    def __init__(self, learn: Learner, filename: str = "history", append: bool = False) -> None:
        super().__init__(learn)
        self.filename, self.append = filename, append
        self.path = Path(learn.path) / f"{filename}.csv"

    def read_logged_file(self) -> Any:
        """The file as a pandas data frame.

        Raises:
            MissingExtraError: pandas is not installed.
        """
        return optional_import("pandas", "pandas").read_csv(self.path)

    def on_train_begin(self, **kwargs: Any) -> None:
        """Start a new table."""
        self._is_first, self._has_written = True, False
        self._size = self.path.stat().st_size if self.path.is_file() else 0
        self.start_epoch = perf_counter()

    def on_epoch_begin(self, **kwargs: Any) -> None:
        """Take the time."""
        self.start_epoch = perf_counter()

    def on_epoch_end(
        self, epoch: int, smooth_loss: Any = None, last_metrics: Sequence[Any] = (), **kwargs: Any
    ) -> None:
        """Write a row."""
        if rank_distrib() != 0 or not is_lasting(self.learn, kwargs):
            return
        names = [str(name) for name in self.learn.recorder.names]
        cells = [_cell(value) for value in (epoch, smooth_loss, *(last_metrics or ()))]
        row = self._as_wide_as(names, cells)
        if self._is_first and not (self.append and self.path.is_file()):
            with atomic_write(self.path) as file:
                file.write(_line(names) + _line(row))
        else:
            if not self._has_written:
                self._drop_rows_to_come_again()
            _add_line(self.path, _line(row))
        self._is_first, self._has_written, self._size = False, True, self.path.stat().st_size

    def _drop_rows_to_come_again(self) -> None:
        """Take away what was written after the checkpoint that training goes on from."""
        if self.path.stat().st_size > self._size:
            os.truncate(self.path, self._size)

    def _as_wide_as(self, names: Sequence[str], cells: Sequence[str]) -> list[str]:
        """A cell for each title: what is missing is `#na#`, and the time, if it is wanted, comes last."""
        has_time = self.learn.recorder.add_time
        values = len(names) - has_time
        row = [*cells[:values], *["#na#"] * (values - len(cells))]
        return [*row, format_time(perf_counter() - self.start_epoch)] if has_time else row


def _cell(value: Any) -> str:
    """Six digits behind the point, whole numbers as they are, None as `#na#`, anything else as its text."""
    if value is None or isinstance(value, (int, str)):
        return "#na#" if value is None else str(value)
    try:
        return f"{value:.6f}"
    except (TypeError, ValueError):
        return str(value)


def _line(cells: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue().encode()


def _add_line(path: Path, line: bytes) -> None:
    """Put a line at the end of a file, on a line of its own whatever was there, and wait for the disk."""
    with path.open("a+b", buffering=0) as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            line = line if file.read(1) == b"\n" else b"\n" + line
        file.write(line)
        os.fsync(file.fileno())
