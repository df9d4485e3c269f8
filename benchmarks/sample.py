"""One process that trains one workload by one loop and writes down what it took.

`python -m benchmarks.sample` takes one argument, a JSON object: `workload` (its fields), `shuffle`, `loop`,
`variant`, `folder`, and `to`, the file that the measurements are written to, as JSON too.
"""

from __future__ import annotations

import gc
import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .loops import LOOPS
from .memory import own_megabytes, peak_megabytes
from .models import Marked
from .task import Task
from .workloads import Case, Workload

__all__ = ["main", "measured"]

_WARM_UP = 100  # batches, at most

Run = Callable[[], nn.Module]


def measured(case: Case, loop: str, variant: str, folder: Path) -> dict[str, Any]:
    """Train and return times, memory and final losses.

    A throw-away model is trained first, on a few batches. Then each timed run has a model and a trainer of
    its own; to make them is not timed.
    """
    before = time.perf_counter()
    prepare: Callable[[Task, str], Run] = import_module(f"benchmarks.{LOOPS[loop].module}").prepare
    record: dict[str, Any] = {"import_s": time.perf_counter() - before, "batches": case.workload.batches}
    task = Task(case, folder)
    task.train_set()  # whoever needs arrays on disk first writes them, all of them
    small = replace(case, workload=case.workload.of_batches(_WARM_UP))
    prepare(Task(small, folder), variant)()
    runs = [_timed(prepare, task, variant) for _ in range(case.workload.repeats)]
    model: nn.Module = runs[-1].pop("model")
    record.update({name: [run[name] for run in runs] for name in ("cpu_s", "wall_s", "grown_mb")})
    record.update(peak_mb=peak_megabytes(), worker_peak_mb=peak_megabytes(of_workers=True))
    if isinstance(model, Marked):
        model.mark()
        record["marks"] = model.marks
    return record | task.final_losses(model)


def _timed(prepare: Callable[[Task, str], Run], task: Task, variant: str) -> dict[str, Any]:
    gc.collect()  # what the run before left must not count in the peak of this one
    run = prepare(task, variant)
    gc.collect()
    own, cpu, wall = own_megabytes(), _cpu_seconds(), time.perf_counter()
    model = run()
    wall, cpu = time.perf_counter() - wall, _cpu_seconds() - cpu
    return {"cpu_s": cpu, "wall_s": wall, "grown_mb": own_megabytes() - own, "model": model}


def _cpu_seconds() -> float:
    """Of this process and of its workers that have ended."""
    workers = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + workers.ru_utime + workers.ru_stime


def main(argument: str) -> None:
    """Measure what the JSON object asks for."""
    asked = json.loads(argument)
    facts: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in asked["workload"].items()
    }
    torch.set_num_threads(1)
    case = Case(Workload(**facts), asked["shuffle"])
    record = measured(case, asked["loop"], asked["variant"], Path(asked["folder"]))
    Path(asked["to"]).write_text(json.dumps(record), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
