"""Statistics over records: medians of rounds, beside the runs of the base next in time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, median

from .loops import base_of
from .rounds import Record
from .workloads import WORKLOADS

__all__ = ["Row", "microseconds", "rows", "timed"]

Key = tuple[str, bool, str, str]


@dataclass(frozen=True)
class Row:
    """What a loop took, over all rounds.

    Args:
        loop: its name.
        variant: the way of training.
        records: its records.
        cpu: median CPU microseconds a batch.
        wall: median microseconds a batch on the clock.
        spread: largest less smallest CPU time as a share of the median.
        ratio: median ratio of CPU times to those of the base; None for the base of a single run.
        over: median difference of CPU times to the base, microseconds a batch.
        peak: median megabytes of the peak over that of the base.
    """

    loop: str
    variant: str
    records: Sequence[Record]
    cpu: float
    wall: float
    spread: float
    ratio: float | None
    over: float | None
    peak: float | None


def timed(records: Sequence[Record]) -> list[Record]:
    """Return the records of what trained without an error."""
    return [record for record in records if "batches" in record]


def microseconds(record: Record, clock: str = "cpu_s") -> float:
    """Return the median over a process's runs, a batch."""
    return float(median(record[clock]) / record["batches"] * 1e6)


def _key(record: Record) -> Key:
    return record["workload"], record["shuffle"], record["loop"], record["variant"]


def _base_key(record: Record) -> Key:
    base = base_of(WORKLOADS[record["workload"]], record["variant"])
    return record["workload"], record["shuffle"], *base


def _neighbours(record: Record, bases: Sequence[Record]) -> list[Record]:
    """The base's run before and its run after, of the same round."""
    same = [base for base in bases if base["round"] == record["round"]]
    before = [base for base in same if base["place"] < record["place"]]
    after = [base for base in same if base["place"] > record["place"]]
    return before[-1:] + after[:1]


def rows(records: Sequence[Record]) -> list[Row]:
    """Return a row for each loop and variant of one case, in the order of their first runs."""
    groups: dict[Key, list[Record]] = {}
    for record in timed(records):
        groups.setdefault(_key(record), []).append(record)
    return [_row(group, groups) for group in groups.values()]


def _row(group: Sequence[Record], groups: Mapping[Key, Sequence[Record]]) -> Row:
    bases = groups.get(_base_key(group[0]), ())
    beside = [(record, near) for record in group if (near := _neighbours(record, bases))]
    pairs = [(microseconds(record), mean(map(microseconds, near))) for record, near in beside]
    peaks = [record["peak_mb"] - mean(base["peak_mb"] for base in near) for record, near in beside]
    cpu = [microseconds(record) for record in group]
    return Row(
        loop=group[0]["loop"],
        variant=group[0]["variant"],
        records=group,
        cpu=median(cpu),
        wall=median(microseconds(record, "wall_s") for record in group),
        spread=(max(cpu) - min(cpu)) / median(cpu),
        ratio=median(own / base for own, base in pairs) if pairs else None,
        over=median(own - base for own, base in pairs) if pairs else None,
        peak=median(peaks) if peaks else None,
    )
