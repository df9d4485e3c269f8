"""What the check says about a file: findings, v1 names used, and the verdict they come to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

__all__ = [
    "BROKEN",
    "NEEDS_WORK",
    "NO_V1",
    "REMARKS",
    "RUNS",
    "FileReport",
    "Finding",
    "Level",
    "UsedName",
    "verdict",
]

Level = Literal["remark", "work"]

RUNS = "runs as is"
REMARKS = "runs with remarks"
NEEDS_WORK = "needs work"
NO_V1 = "no fastai v1 code"
BROKEN = "broken"


@dataclass(frozen=True, order=True)
class Finding:
    """One thing to know about a line.

    Attributes:
        line: line of the file, or of the notebook's cell.
        level: `work` if the line cannot run here, `remark` if it runs and something is to be known.
        kind: a word for what it is about, such as `not-offered`, `changed`, `old-return`, `v2`.
        name: the name it is about.
        text: what is to be known, a sentence without its full stop.
        instead: what to do instead, empty if nothing is to be done.
        cell: number of the notebook's code cell, from 1; 0 in a Python file.
    """

    line: int
    level: Level
    kind: str
    name: str
    text: str
    instead: str = ""
    cell: int = 0


@dataclass(frozen=True)
class UsedName:
    """A name of v1 that the file uses.

    Attributes:
        name: with its module, such as `basic_train.Learner`.
        status: `here`, `changed`, `not offered` or `unknown`.
        lines: where, in order; in a notebook counted over all code cells.
    """

    name: str
    status: str
    lines: tuple[int, ...]


@dataclass(frozen=True)
class FileReport:
    """What the check found in one file.

    Attributes:
        path: as it was found.
        verdict: one of the five words of this module.
        names: v1 names used, sorted.
        findings: by cell and line.
        broken: why the file, or a cell of it, could not be read; empty otherwise.
    """

    path: str
    verdict: str
    names: tuple[UsedName, ...] = ()
    findings: tuple[Finding, ...] = ()
    broken: str = ""

    @property
    def fails(self) -> bool:
        """Whether the file cannot run as it is."""
        return self.verdict in (NEEDS_WORK, BROKEN)


def verdict(findings: Iterable[Finding], *, is_v1: bool) -> str:
    """The word for a file with these findings; `is_v1` says whether it uses v1 at all."""
    levels = {finding.level for finding in findings}
    if "work" in levels:
        return NEEDS_WORK
    if not is_v1:
        return NO_V1
    return REMARKS if levels else RUNS
