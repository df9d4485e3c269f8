"""Trains in processes that die at chosen moments, and resumes until one ends; run as a program of its own.

Torch is imported once; each training is a process forked from here. The answer is a line of JSON.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sys
import traceback
import warnings
from pathlib import Path
from typing import Any

import torch
from scenario import Scenario, learner, outcome, train

from fastloop_v1.callback import Callback
from fastloop_v1.events import EVENTS


class Steps:
    """Counts steps of training and of writing; at a given one the process kills itself."""

    def __init__(self, last: int = 0) -> None:
        self.n, self.last = 0, last

    def step(self) -> bool:
        """Count; whether this is the last one."""
        self.n += 1
        return self.n == self.last

    def die(self) -> None:
        """End as by the power switch."""
        os.kill(os.getpid(), signal.SIGKILL)

    def around(self, function: Any) -> Any:
        """A function with a step before it and one behind it."""

        def counted(*args: Any, **kwargs: Any) -> Any:
            if self.step():
                self.die()
            result = function(*args, **kwargs)
            if self.step():
                self.die()
            return result

        return counted

    def write_bytes(self, path: Path, content: bytes) -> None:
        """Write a file, or only a part of it."""
        with path.open("wb", buffering=0) as file:
            file.write(content[: len(content) // 2])
            if self.step():
                self.die()
            file.write(content[len(content) // 2 :])

    def put_in_place(self) -> None:
        """Let the operating system's calls for writing be steps."""
        for name in ("fsync", "rename", "replace", "mkdir", "rmdir", "unlink"):
            setattr(os, name, self.around(getattr(os, name)))
        Path.write_bytes = lambda path, content: self.write_bytes(path, content)


class Stepping(Callback):
    """Every event is a step."""

    outside_of_state = True

    def __init__(self, steps: Steps, order: int) -> None:
        self._order = order
        for event in EVENTS:
            setattr(self, f"on_{event}", self._heard)
        self.steps = steps

    def _heard(self, **state: Any) -> None:
        if self.steps.step():
            self.steps.die()


def in_process(work: Any) -> int:
    """Do some work in a process forked from this one; return its status as `waitpid` gives it."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            warnings.simplefilter("ignore")
            work()
            status = 0
        except SystemExit as error:
            status = error.code
        except Exception:
            traceback.print_exc()
            raise
        finally:
            os._exit(status)
    return os.waitpid(pid, 0)[1]


def run(path: Path, of: Scenario, seed: int, last: int = 0, timer: float = 0.0) -> int:
    """Train or go on training until the end or the given step or second."""

    def work() -> None:
        steps = Steps(last)
        steps.put_in_place()
        stepping = Stepping(steps, 0), Stepping(steps, 2**33)
        learn = learner(path, of, seed)
        if timer:
            signal.setitimer(signal.ITIMER_REAL, timer)
        train(learn, of, *stepping, resume=True)
        signal.setitimer(signal.ITIMER_REAL, 0)
        (path / "outcome.json").write_text(json.dumps([outcome(learn), steps.n]))

    return in_process(work)


def killed_until_it_ends(
    path: Path, of: Scenario, draw: random.Random, steps: int, kind: str
) -> dict[str, Any]:
    """Kill at a drawn moment, resume, kill again, ...; the fifth time it may end."""
    for kills in range(6):
        last = draw.randint(1, steps) if kind == "steps" and kills < 5 else 0
        timer = draw.uniform(0.001, 0.5) if kind == "timer" and kills < 5 else 0.0
        # Without a first checkpoint it starts afresh, as a script does: with the seed it always has.
        begun = any(path.glob("models/checkpoints/checkpoint-*"))
        status = run(path, of, draw.randrange(10**6) if begun else 0, last, timer)
        if status == 0:
            return {"kills": kills, "outcome": json.loads((path / "outcome.json").read_text())[0]}
        if not os.WIFSIGNALED(status):
            raise RuntimeError(f"status {status}")
    raise RuntimeError("it did not end")


def main(folder: str, kind: str, first: int, count: int) -> None:
    """Print what came out of undisturbed and of killed trainings."""
    results = []
    torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))])  # loads what the forked processes would load each
    for seed in range(first, first + count):
        draw = random.Random(seed)
        of = Scenario.drawn(draw, workers=0)
        path = Path(folder, str(seed))
        if run(path / "whole", of, 0) != 0:
            raise RuntimeError(f"seed {seed} cannot be trained")
        expected, steps = json.loads((path / "whole" / "outcome.json").read_text())
        found = killed_until_it_ends(path / "killed", of, draw, steps, kind)
        results.append({"seed": seed, "same": found["outcome"] == expected, **found, "expected": expected})
        shutil.rmtree(path)
    print(json.dumps(results))  # noqa: T201  (the answer of this program)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
