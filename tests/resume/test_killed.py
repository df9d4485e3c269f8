"""Real processes are killed in the middle of anything; resuming them ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def _results(folder, kind, first, count):
    command = [sys.executable, HERE / "killing.py", folder, kind, str(first), str(count)]
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent.parent), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def _differing(results):
    return [
        (one["seed"], [name for name, digest in one["outcome"].items() if digest != one["expected"][name]])
        for one in results
        if not one["same"]
    ]


SOME = [
    ("steps", 0, 5),
    *(pytest.param(*each, marks=pytest.mark.slow) for each in [("steps", 5, 15), ("timer", 0, 5)]),
]


@pytest.mark.parametrize(("kind", "first", "count"), SOME)
def test_killed_training_ends_as_an_undisturbed_one(tmp_path, kind, first, count):
    results = _results(tmp_path, kind, first, count)
    assert _differing(results) == []
    assert sum(one["kills"] for one in results) >= (count if kind == "steps" else 1)


@pytest.mark.exhaustive
@pytest.mark.parametrize(("kind", "first", "count"), [("steps", 2000, 150), ("timer", 3000, 60)])
def test_training_killed_at_hundreds_of_moments_ends_as_an_undisturbed_one(tmp_path, kind, first, count):
    results = _results(tmp_path, kind, first, count)
    assert _differing(results) == []
    assert sum(one["kills"] for one in results) >= count / 2
