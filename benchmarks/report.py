"""The tables of a set of records, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from .loops import HANDWRITTEN
from .losses import TOLERANCE, differs, equal
from .rounds import Record
from .special_tables import calls_table, disk_table, import_table, long_table
from .table import Table
from .times import Row, rows, timed
from .workloads import WORKLOADS, Case

__all__ = ["faults", "tables"]

_VARIANTS = ("usual", "bare", "fused")
_HEAD = [
    *("loop", "runs", "us a batch", "wall", "spread", "x", "us over", "peak MB over"),
    *("train loss", "valid loss", "equal"),
]


def tables(records: Sequence[Record]) -> list[Table]:
    """Return a summary, then the tables of each case."""
    cases = list(dict.fromkeys((record["workload"], record["shuffle"]) for record in records))
    loops = [case for case in cases if WORKLOADS[case[0]].kind == "loop"]
    found = [_summary(loops, records)] if len(loops) > 1 else []
    for case in cases:
        found += _of_case(case, _in_case(case, records))
    return [table for table in found if table.rows]


def _in_case(case: tuple[str, bool], records: Sequence[Record]) -> list[Record]:
    return [record for record in records if (record["workload"], record["shuffle"]) == case]


def _of_case(case: tuple[str, bool], records: Sequence[Record]) -> list[Table]:
    workload = WORKLOADS[case[0]]
    name = Case(workload, case[1]).name
    batches = {record["batches"] for record in timed(records)}
    size = f"; {'/'.join(f'{count:,}' for count in sorted(batches))} batches a run" if batches else ""
    special: dict[str, Callable[[str, Sequence[Record]], Table]] = {
        "calls": calls_table,
        "long": long_table,
        "import": import_table,
    }
    make = disk_table if workload.storage == "disk" else special.get(workload.kind)
    if make is not None:
        return [make(f"{name}: {workload.title}{size}", records)]
    found = rows(records)
    return [
        Table(
            f"{name} {variant}: {workload.title}{size}",
            _HEAD,
            [_cells(row, records) for row in found if row.variant.partition("_")[0] == variant],
        )
        for variant in _VARIANTS
    ]


def _cells(row: Row, records: Sequence[Record]) -> list[str]:
    record = row.records[-1]
    return [
        _named(row),
        f"{len(row.records)}",
        f"{row.cpu:.1f}",
        f"{row.wall:.1f}",
        f"{row.spread:.0%}",
        _or_nothing(row.ratio, ".2f"),
        _or_nothing(row.over, "+.1f"),
        _or_nothing(row.peak, "+.0f"),
        f"{record['train_loss']:.6f}",
        f"{record['valid_loss']:.6f}",
        equal(row.records, records),
    ]


def _named(row: Row) -> str:
    """A loop's name; the hand-written one with what is different about it."""
    return f"{row.loop}, OneCycleLR" if row.variant == "usual_torch" else row.loop


def _or_nothing(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _summary(cases: Iterable[tuple[str, bool]], records: Sequence[Record]) -> Table:
    """A row for each loop, a column for each case: ratio and microseconds over the hand-written loop."""
    columns: list[str] = []
    cells: dict[str, dict[str, str]] = {HANDWRITTEN: {}}
    for case in cases:
        for row in rows(_in_case(case, records)):
            if row.variant == "usual_torch":
                continue
            column = f"{Case(WORKLOADS[case[0]], case[1]).name} {row.variant}"
            columns += [column] if column not in columns else []
            is_base = row.loop == HANDWRITTEN and row.variant != "fused"
            beside = f"{row.ratio or 0:.2f} ({row.over or 0:+.0f})"
            shown = f"{row.cpu:.0f} us" if is_base or row.ratio is None else beside
            cells.setdefault(row.loop, {})[column] = shown
    # One line for each case reads better than columns beyond the edge of a page.
    body = [[column, *(of_loop.get(column, "") for of_loop in cells.values())] for column in columns]
    title = "Times the hand-written loop, and microseconds a batch over it (CPU, medians)"
    return Table(title, ["", *cells], body)


def faults(records: Sequence[Record]) -> list[str]:
    """Return a line for each process that failed and each pair of losses that are not equal."""
    failed = [f"{_which(record)} failed: {record['error']}" for record in records if "error" in record]
    apart = {
        f"{_which(record)} ends with other losses than the hand-written loop: {difference:.1e} apart"
        for record in timed(records)
        if (difference := differs(record, records)) is not None and difference > TOLERANCE
    }
    return failed + sorted(apart)


def _which(record: Record) -> str:
    name = Case(WORKLOADS[record["workload"]], record["shuffle"]).name
    return f"{name} {record['loop']} {record['variant']}"
