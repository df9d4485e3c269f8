"""Processes in rounds: everything once in each, shuffled, with runs of the base around."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .loops import base_of, jobs_of
from .workloads import Case

__all__ = ["Record", "in_order", "rounds", "run"]

Record = dict[str, Any]
Job = tuple[str, str]

_ROOT = Path(__file__).parents[1]
_BETWEEN_BASES = 5
_LONGEST = 3600  # seconds of one process
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
_IMPORT = """\
import json, time, torch
from pathlib import Path
from benchmarks.memory import own_megabytes
own, cpu, wall = own_megabytes(), time.process_time(), time.perf_counter()
{statement}
took = {{"cpu_s": [time.process_time() - cpu], "wall_s": [time.perf_counter() - wall]}}
Path({to!r}).write_text(json.dumps({{**took, "grown_mb": [own_megabytes() - own]}}))
"""


def in_order(jobs: Sequence[Job], bases: Sequence[Job], seed: str) -> list[Job]:
    """Return jobs shuffled, with the bases in front, behind and after every five.

    Other work on a machine comes and goes by the minute: a run is compared with its neighbours in time.
    """
    others = [job for job in jobs if job not in bases]
    random.Random(seed).shuffle(others)
    ordered = list(bases)
    for start in range(0, len(others), _BETWEEN_BASES):
        ordered += [*others[start : start + _BETWEEN_BASES], *bases]
    return ordered


def rounds(
    cases: Sequence[Case], names: list[str], variants: list[str], count: int, folder: Path
) -> Iterator[Record]:
    """Run and yield a record for each process; what failed once is not tried again.

    Args:
        cases: what is trained.
        names: the loops besides the hand-written one.
        variants: the ways of training.
        count: number of rounds.
        folder: for what the processes write; each case has a folder of its own in it.
    """
    failed: set[tuple[str, Job]] = set()
    for place, (number, case, job) in enumerate(_planned(cases, names, variants, count)):
        if (case.name, job) not in failed:
            record = run(case, job, folder / case.workload.name)
            failed |= {(case.name, job)} if "error" in record else set()
            yield record | {"round": number, "place": place}


def _planned(
    cases: Sequence[Case], names: list[str], variants: list[str], count: int
) -> Iterator[tuple[int, Case, Job]]:
    """Number of the round, case and job of each process."""
    for number in range(count):
        for case in cases:
            jobs = jobs_of(case.workload, names, variants)
            bases = [job for job in jobs if job == base_of(case.workload, job[1])]
            for job in in_order(jobs, bases, f"{case.name} {number}"):
                yield number, case, job


def run(case: Case, job: Job, folder: Path) -> Record:
    """Run one process to its end and return its record, with `error` in it if it failed."""
    folder.mkdir(parents=True, exist_ok=True)
    known = {"workload": case.workload.name, "shuffle": case.shuffle, "loop": job[0], "variant": job[1]}
    result = folder / "result.json"
    done = subprocess.run(
        [sys.executable, *_program(case, job, folder, result)],
        cwd=folder,  # some libraries write logs to where they are
        env=os.environ | dict.fromkeys(_THREADS, "1") | {"PYTHONPATH": _with_root()},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        timeout=_LONGEST,
        check=False,
    )
    if done.returncode or not result.exists():
        lines = done.stderr.decode(errors="replace").strip().splitlines() or ["nothing was written"]
        return known | {"error": lines[-1]}
    taken: Record = json.loads(result.read_text(encoding="utf-8"))
    result.unlink()
    return known | taken


def _program(case: Case, job: Job, folder: Path, result: Path) -> list[str]:
    if case.workload.kind == "import":
        return ["-c", _IMPORT.format(statement=job[1], to=str(result))]
    asked = {"workload": asdict(case.workload), "shuffle": case.shuffle, "loop": job[0], "variant": job[1]}
    return ["-m", "benchmarks.sample", json.dumps(asked | {"folder": str(folder), "to": str(result)})]


def _with_root() -> str:
    """The search path of the process: this checkout first."""
    before = os.environ.get("PYTHONPATH")
    return os.pathsep.join([str(_ROOT), *([before] if before else [])])
