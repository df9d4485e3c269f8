"""Tables of what is more than time beside a hand-written loop: calls, memory, long fits, imports."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from .losses import equal
from .rounds import Record
from .table import Table
from .times import rows
from .workloads import CALLBACKS, WORKLOADS

__all__ = ["calls_table", "disk_table", "import_table", "long_table"]


def calls_table(title: str, records: Sequence[Record]) -> Table:
    """Return what twenty calls that do nothing cost."""
    body = [
        [
            row.variant,
            f"{len(row.records)}",
            f"{row.cpu:.1f}",
            "" if row.over is None else f"{row.over:+.1f}",
            "" if row.over is None or row.variant == "bare" else f"{row.over / CALLBACKS:.2f}",
            equal(row.records, records),
        ]
        for row in rows(records)
    ]
    return Table(title, ["callbacks", "runs", "us a batch", "over bare", "us a call", "equal"], body)


def disk_table(title: str, records: Sequence[Record]) -> Table:
    """Return time and memory of training from disk."""
    body = [
        [
            row.loop,
            f"{len(row.records)}",
            f"{row.cpu:.0f}",
            f"{row.wall:.0f}",
            "" if row.ratio is None else f"{row.ratio:.2f}",
            f"{_median(row.records, 'grown_mb'):+.1f}",
            f"{_median(row.records, 'peak_mb'):.0f}",
            f"{_median(row.records, 'worker_peak_mb'):.0f}",
            equal(row.records, records),
        ]
        for row in rows(records)
    ]
    head = ["loop", "runs", "us a batch", "wall", "x", "own MB grown", "peak MB", "worker's peak MB", "equal"]
    return Table(title, head, body)


def _median(records: Sequence[Record], name: str) -> float:
    """Median over processes, of the largest of a process's runs."""
    values = [record[name] for record in records]
    return float(median(max(value) if isinstance(value, list) else value for value in values))


def long_table(title: str, records: Sequence[Record]) -> Table:
    """Return the speed of the first and the last epoch, and the memory grown from the second epoch on."""
    body = []
    for row in rows(records):
        each = [_first_and_last(record) for record in row.records]
        first, last, grown, size = (median(column) for column in zip(*each, strict=True))
        ratio = median(end / begin for begin, end, _, _ in each)
        times = [f"{first:.1f}", f"{last:.1f}", f"{ratio:.2f}"]
        sizes = [f"{grown:+.1f}", f"{size:.0f}"]
        body.append([row.loop, f"{len(each)}", *times, *sizes, equal(row.records, records)])
    head = [
        "loop",
        "runs",
        "first us a batch",
        "last",
        "last / first",
        "own MB grown",
        "bytes a batch",
        "equal",
    ]
    return Table(title, head, body)


def _first_and_last(record: Record) -> tuple[float, float, float, float]:
    """Microseconds a batch in the first and last epoch; megabytes grown after the first, bytes a batch."""
    marks, epochs = record["marks"], WORKLOADS[record["workload"]].epochs
    if len(marks) != epochs + 1:
        raise ValueError(f"{record['loop']} called train() {len(marks) - 1} times in {epochs} epochs.")
    batches = record["batches"] / epochs
    first, last = (
        (after[0] - before[0]) / batches * 1e6
        for before, after in ((marks[0], marks[1]), (marks[-2], marks[-1]))
    )
    grown = marks[-1][1] - marks[1][1]
    return first, last, grown, grown * 1e6 / (batches * (epochs - 1))


def import_table(title: str, records: Sequence[Record]) -> Table:
    """Return the seconds of each statement."""
    statements: dict[str, list[Record]] = {}
    for record in records:
        if "error" not in record:
            statements.setdefault(record["variant"], []).append(record)
    body = [
        [
            f"`{statement}`",
            f"{len(taken)}",
            *(f"{median(record[clock][0] for record in taken):.2f}" for clock in ("cpu_s", "wall_s")),
            f"{_median(taken, 'grown_mb'):+.0f}",
        ]
        for statement, taken in statements.items()
    ]
    return Table(title, ["statement", "runs", "CPU s", "wall s", "own MB"], body)
