"""Short fits of fastloop_v1 and of the hand-written loop by turns: `python -m benchmarks.pairs`.

A machine that does other work changes its speed from second to second, and processes in rounds are seconds
apart. Here each fit stands between two of the hand-written loop that take a fraction of a second each, and is
compared with the mean of both.
"""

from __future__ import annotations

import argparse
import gc
import io
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from statistics import mean, median, quantiles

import torch

from . import fastloop, handwritten
from .loops import base_of
from .options import VARIANTS, count, names
from .table import Table
from .task import Task
from .workloads import WORKLOADS, Case, Workload

__all__ = ["Pairs", "main", "measured"]

# Batches of a fit, so that it takes some tenths of a second.
_BATCHES = {"W0": 800, "W1": 200, "W1f": 200, "W2": 50, "W3": 50}
_HEAD = ("", "fits", "hand-written us", "fastloop_v1 us", "x", "quartiles", "us over")


@dataclass(frozen=True)
class Pairs:
    """Microseconds a batch of fits by turns.

    Args:
        base: of the hand-written loop; one more than of ours, which stand between them.
        ours: of fastloop_v1.
    """

    base: Sequence[float]
    ours: Sequence[float]

    @property
    def ratios(self) -> list[float]:
        """Each fit of ours divided by the mean of the two beside it."""
        return [own / mean(beside) for own, beside in zip(self.ours, pairwise(self.base), strict=True)]

    @property
    def over(self) -> float:
        """Median of the differences, microseconds a batch."""
        return median(own - mean(beside) for own, beside in zip(self.ours, pairwise(self.base), strict=True))

    def cells(self) -> list[str]:
        """What a table shows of it, from the number of fits on."""
        low, middle, high = quantiles(self.ratios, n=4, method="inclusive")
        times = f"{median(self.base):.0f}", f"{median(self.ours):.0f}"
        return [f"{len(self.ours)}", *times, f"{middle:.2f}", f"{low:.2f} to {high:.2f}", f"{self.over:+.0f}"]


def measured(task: Task, variant: str, fits: int) -> Pairs:
    """Train by turns, each time with a model and a trainer of its own; to make them is not timed.

    Args:
        task: what is trained.
        variant: the way of training; the hand-written loop does without a fused optimizer.
        fits: number of fits of ours, at least 2. One more of each loop goes before them and is not counted.
    """

    def hand() -> float:
        return _microseconds(task, handwritten.prepare, base_of(task.workload, variant)[1])

    def own() -> float:
        return _microseconds(task, fastloop.prepare, variant)

    own()
    hand()
    base, ours = [hand()], list[float]()
    for _ in range(fits):
        ours.append(own())
        base.append(hand())
    return Pairs(base, ours)


def _microseconds(task: Task, prepare: Callable[[Task, str], Callable[[], object]], variant: str) -> float:
    run = prepare(task, variant)
    gc.collect()
    start = time.process_time()
    with redirect_stdout(io.StringIO()):
        run()
    return (time.process_time() - start) / task.workload.batches * 1e6


def _short(name: str, batches: int | None) -> Workload:
    small = WORKLOADS[name].of_batches(batches or _BATCHES[name])
    return replace(small, valid=max(small.batch, small.train // 10))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pairs", description=__doc__)
    names(parser, "--workloads", tuple(_BATCHES), "what to train")
    names(parser, "--variants", VARIANTS, "ways of training")
    parser.add_argument("--shuffle", action="store_true", help="shuffle the training samples")
    parser.add_argument("--fits", type=count, default=12, metavar="N", help="fits of each, from 2 on (12)")
    parser.add_argument("--batches", type=count, metavar="N", help="batches of a fit (50 to 800)")
    parser.add_argument("--markdown", action="store_true", help="print the table in Markdown")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Measure what the arguments ask for, print a table, and return 0.

    Raises:
        SystemExit: help was shown (0), or the arguments cannot be used (2).
    """
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.fits < 2:
        parser.error(f"argument --fits: {arguments.fits} is too few for quartiles; from 2 on")
    torch.set_num_threads(1)
    rows = []
    with tempfile.TemporaryDirectory(prefix="benchmarks-") as folder:
        for name in arguments.workloads:
            case = Case(_short(name, arguments.batches), arguments.shuffle)
            for variant in arguments.variants:
                found = measured(Task(case, Path(folder)), variant, arguments.fits)
                rows.append([f"{case.name} {variant}", *found.cells()])
                print(*rows[-1], file=sys.stderr)
    table = Table("CPU time a batch of fits by turns: medians, and quartiles of the ratio", _HEAD, rows)
    print(table.markdown() if arguments.markdown else table.plain())
    return 0


if __name__ == "__main__":
    sys.exit(main())
