"""What a training run measured, and what it ran with, as files that come back exactly."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from dataclasses_json import DataClassJsonMixin, config

from . import __version__
from .atomic_file import atomic_write
from .errors import ArgumentError, UnknownVersionError, add_note

__all__ = ["EpochRow", "FileRecord", "History", "RunManifest"]

_KNOWN_VERSIONS = (1,)
_Stored = TypeVar("_Stored", bound="_JsonFile")


def _encoded(value: float | None) -> float | str | None:
    """Return the number, or for one that JSON does not have its name: NaN, Infinity, -Infinity."""
    return value if value is None or math.isfinite(value) else json.dumps(value)


def _decoded(value: float | str | None) -> float | None:
    """Return the number that `_encoded` was given."""
    return None if value is None else float(value)


def _number() -> Any:
    """Return a dataclass field for a float or None."""
    return field(metadata=config(encoder=_encoded, decoder=_decoded))


def _numbers() -> Any:
    """Return a dataclass field for a list of floats and Nones."""
    return field(
        metadata=config(
            encoder=lambda values: [_encoded(value) for value in values],
            decoder=lambda values: [_decoded(value) for value in values],
        )
    )


class _JsonFile(DataClassJsonMixin):
    """A dataclass with a `schema_version` that is kept in a JSON file."""

    def save_json(self, path: str | os.PathLike[str]) -> None:
        """Write everything as strict JSON, whole or not at all.

        Raises:
            UnwritablePathError: the path cannot be written; an older file there is untouched.
        """
        with atomic_write(path, "w") as file:
            file.write(self.to_json(allow_nan=False) + "\n")

    @classmethod
    def load_json(cls: type[_Stored], path: str | os.PathLike[str]) -> _Stored:
        """Return what `save_json` wrote.

        Raises:
            UnknownVersionError: the file has another schema version than those this package knows.
            ValueError: the file is no JSON; a note names it.
        """
        try:
            content = json.loads(Path(path).read_text(encoding="utf-8"))
        except ValueError as error:
            raise add_note(error, f"This happened while reading {os.fspath(path)}.") from None
        version = content.get("schema_version") if isinstance(content, dict) else None
        if version not in _KNOWN_VERSIONS:
            known = ", ".join(map(str, _KNOWN_VERSIONS))
            raise UnknownVersionError(f"{os.fspath(path)} has schema version {version}; known here: {known}.")
        return cls.from_dict(content)


@dataclass
class EpochRow(DataClassJsonMixin):
    """One epoch: its number, losses, metrics in the order of their columns, and the seconds it took."""

    epoch: int
    train_loss: float | None = _number()
    valid_loss: float | None = _number()
    metrics: list[float | None] = _numbers()
    seconds: float | None = _number()


@dataclass
class History(_JsonFile):
    """What a Recorder saw in one fit.

    Attributes:
        names: column titles, such as `epoch, train_loss, valid_loss, accuracy, time`.
        rows: one for each epoch that ended.
        losses: smoothed training loss after each iteration.
        lrs: learning rate of the last layer group in each iteration.
        moms: momentum of the last layer group in each iteration; None where the optimizer has none.
    """

    names: list[str]
    rows: list[EpochRow]
    losses: list[float | None] = _numbers()
    lrs: list[float | None] = _numbers()
    moms: list[float | None] = _numbers()
    schema_version: int = 1

    @classmethod
    def from_recorder(cls, recorder: Any, *, first_epoch: int = 0) -> History:
        """Return the history of the fit a Recorder listened to.

        The training loss of an epoch is the smoothed loss after its last batch. Metrics of which an epoch has
        none, as it was not validated, are an empty list; one that is no single number is None.

        Args:
            recorder: has names, losses, lrs, moms, val_losses, metrics, nb_batches and epoch_seconds, as
                v1's Recorder keeps them.
            first_epoch: number of the first row, above 0 in a fit that was resumed.
        """
        losses = [_plain(loss) for loss in recorder.losses]
        ends = accumulate(int(count) for count in recorder.nb_batches)
        valid_losses = [_plain(loss) for loss in recorder.val_losses]
        seconds = [_plain(each) for each in getattr(recorder, "epoch_seconds", [])]
        metrics = _aligned(recorder.metrics, valid_losses)
        rows = [
            EpochRow(
                epoch=first_epoch + i,
                train_loss=losses[end - 1] if 0 < end <= len(losses) else None,
                valid_loss=valid_losses[i] if i < len(valid_losses) else None,
                metrics=metrics[i] if i < len(metrics) else [],
                seconds=seconds[i] if i < len(seconds) else None,
            )
            for i, end in enumerate(ends)
        ]
        lrs, moms = ([_plain(value) for value in values] for values in (recorder.lrs, recorder.moms))
        return cls([str(name) for name in recorder.names], rows, losses, lrs, moms)

    def save_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the titles and a line for each epoch, whole or not at all; what is missing is an empty cell.

        Raises:
            UnwritablePathError: the path cannot be written; an older file there is untouched.
        """
        with atomic_write(path, "w") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(self.names)
            writer.writerows(self._cells(row) for row in self.rows)

    def _cells(self, row: EpochRow) -> list[float | None]:
        """Return the values of a row in the order of the columns."""
        metrics = iter(row.metrics)
        own = {"epoch": row.epoch, "train_loss": row.train_loss, "valid_loss": row.valid_loss}
        own["time"] = row.seconds
        return [own[name] if name in own else next(metrics, None) for name in self.names]


@dataclass
class FileRecord(DataClassJsonMixin):
    """Size and SHA-256 digest, in hexadecimal, of a file."""

    bytes: int
    sha256: str

    @classmethod
    def of(cls, path: str | os.PathLike[str]) -> FileRecord:
        """Return the record of the file as it is now."""
        with open(path, "rb") as file:
            digest = hashlib.sha256()
            size = 0
            while block := file.read(1 << 20):
                digest.update(block)
                size += len(block)
        return cls(size, digest.hexdigest())


@dataclass
class RunManifest(_JsonFile):
    """What a run started from and what it wrote.

    Attributes:
        package_version: version of this package; the three after it are those of what it runs on.
        seed: seed of the random numbers, or None.
        started: time of the start, ISO 8601 in UTC, such as `2024-05-01T12:00:00+00:00`.
        seconds: how long the run took.
        arguments: what the command was told, by name; plain JSON values.
        files: size and digest of each file the run wrote, by file name.
    """

    package_version: str
    torch_version: str
    numpy_version: str
    python_version: str
    seed: int | None
    started: str
    seconds: float
    arguments: dict[str, Any]
    files: dict[str, FileRecord]
    schema_version: int = 1

    @classmethod
    def of_run(
        cls,
        arguments: dict[str, Any],
        files: Iterable[str | os.PathLike[str]],
        *,
        started: datetime,
        seconds: float,
        seed: int | None = None,
    ) -> RunManifest:
        """Return the manifest of a run that ends now, with the versions in use and the files as they are.

        Raises:
            ArgumentError: `started` has no time zone.
        """
        if started.tzinfo is None:
            raise ArgumentError(f"started is {started.isoformat()}; it must have a time zone.")
        return cls(
            package_version=__version__,
            torch_version=torch.__version__,
            numpy_version=np.__version__,
            python_version=platform.python_version(),
            seed=seed,
            started=started.astimezone(timezone.utc).isoformat(),
            seconds=seconds,
            arguments=arguments,
            files={Path(path).name: FileRecord.of(path) for path in files},
        )


def _plain(value: Any) -> float | None:
    """Return a number, or a tensor or array of one number, as a float; None for anything else."""
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError, RuntimeError):
        return None


def _aligned(metrics: Iterable[Iterable[Any]], valid_losses: list[float | None]) -> list[list[float | None]]:
    """Return the metrics of each epoch; v1 keeps no entry for an epoch without validation and metrics."""
    entries = [[_plain(value) for value in values] for values in metrics]
    if len(entries) >= len(valid_losses):
        return entries
    left = iter(entries)
    return [[] if loss is None else next(left, []) for loss in valid_losses]
