"""The command `python -m benchmarks`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from .loops import LOOPS
from .machine import machine
from .options import parser
from .page import check_page, write_between
from .report import faults, tables
from .results import append, read
from .rounds import Record, rounds
from .times import microseconds
from .workloads import WORKLOADS, Case, Workload, disk_rows

__all__ = ["main"]

_INTERRUPTED = 130
_NOTE = """\
CPU time is compared with that of the hand-written runs next in time; the hand-written loop's own ratio shows
how much noise there is. Megabytes are peaks of the process."""


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit status.

    Raises:
        SystemExit: help was shown (0), or the arguments cannot be used (2).
    """
    arguments = parser().parse_args(argv)
    interrupted = False
    try:
        if arguments.write is not None:
            check_page(arguments.write)
        if arguments.read is not None:
            facts, records = read(arguments.read)
        else:
            facts, records, interrupted = _measured(arguments)
        _show(arguments, facts, records)
    except (OSError, ValueError) as error:
        print(f"python -m benchmarks: error: {error}", file=sys.stderr)
        return 2
    wrong = faults(records)
    print(*wrong, sep="\n", end="\n" if wrong else "", file=sys.stderr)
    return _INTERRUPTED if interrupted else 1 if wrong else 0


def _measured(arguments: argparse.Namespace) -> tuple[dict[str, str], list[Record], bool]:
    """Facts of the machine, records, and whether the run was interrupted."""
    names = [name for name in arguments.peers if LOOPS[name].is_installed]
    missing = [LOOPS[name].distribution for name in arguments.peers if name not in names]
    facts = machine(LOOPS[name].distribution for name in names)
    if missing:
        facts["not installed, left out"] = ", ".join(missing)
        print(f"Not installed, left out: {', '.join(missing)}.", file=sys.stderr)
    if arguments.out is not None:
        append(arguments.out, [{"machine": facts}])
    records: list[Record] = []
    try:
        for record in _run(arguments, names):
            records.append(record)
            if arguments.out is not None:
                append(arguments.out, [record])
    except KeyboardInterrupt:
        return facts, records, True
    return facts, records, False


def _run(arguments: argparse.Namespace, names: list[str]) -> Iterator[Record]:
    """Run the processes, saying on the error stream what each of them took."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        cases = _cases(arguments)
        for record in rounds(cases, names, arguments.variants, arguments.rounds, Path(folder)):
            _say(record, arguments.rounds, time.perf_counter() - start)
            yield record


def _cases(arguments: argparse.Namespace) -> list[Case]:
    """The workloads asked for in the sizes asked for, in order, then shuffled if that is asked for too."""
    workloads = [_sized(WORKLOADS[name], arguments) for name in arguments.workloads]
    shuffled = [workload for workload in workloads if workload.kind == "loop" and arguments.shuffle]
    cases = [Case(workload) for workload in workloads]
    return cases + [Case(workload, shuffle=True) for workload in shuffled]


def _sized(workload: Workload, arguments: argparse.Namespace) -> Workload:
    if workload.storage == "disk":
        workload = replace(workload, train=disk_rows(arguments.disk_mb))
    if workload.kind == "long":
        workload = replace(workload, train=max(1, arguments.long_batches // workload.epochs))
    if arguments.batches is not None:
        workload = replace(workload, train=min(workload.train, arguments.batches * workload.batch))
    return workload


def _say(record: Record, rounds: int, seconds: float) -> None:
    shuffled = " shuffled" if record["shuffle"] else ""
    found = record.get("error") or (
        f"{microseconds(record):.1f} us a batch" if "batches" in record else f"{record['cpu_s'][0]:.2f} s"
    )
    which = f"{record['workload']}{shuffled} {record['loop']} {record['variant']}"
    place = f"round {record['round'] + 1}/{rounds}"
    print(f"{seconds:5.0f} s  {place}  {which}: {found}", file=sys.stderr)


def _show(arguments: argparse.Namespace, facts: dict[str, str], records: Sequence[Record]) -> None:
    """Print the tables, and put them on the page if one is named."""
    found = tables(records)
    lines = [f"- {name}: {fact}" for name, fact in facts.items()]
    markdown = "\n\n".join(["\n".join(lines), _NOTE, *(table.markdown() for table in found)])
    plain = "\n\n".join(["\n".join(lines), _NOTE, *(table.plain() for table in found)])
    print(markdown if arguments.markdown else plain)
    if arguments.write is not None:
        write_between(arguments.write, markdown)


if __name__ == "__main__":
    sys.exit(main())
