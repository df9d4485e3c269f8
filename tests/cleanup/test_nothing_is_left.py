"""Hundreds of fits in one process, half of them failing, leave nothing behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MEGABYTE = 2**20


def left_by(number, *options):
    """What `many_fits.py` found before and after so many fits, and which of them had to wait for gc."""
    environment = os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "agg", "OMP_NUM_THREADS": "1"}
    program = [sys.executable, Path(__file__).with_name("many_fits.py"), str(number), *options]
    done = subprocess.run(program, env=environment, capture_output=True, text=True, timeout=1800, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def assert_flat(found, *, resident):
    before, after = found["before"], found["after"]
    for name in ("descriptors", "threads", "children", "figures", "bars"):
        assert after[name] == before[name], name
    assert after["children"] == after["figures"] == after["bars"] == 0
    assert before["objects"] == after["objects"] == {}
    assert after["all objects"] - before["all objects"] < 1000
    assert after["resident"] - before["resident"] < resident
    # A learner that is dropped is gone at once, with model, data, optimizer and a caught error.
    assert found["waiting for gc"] == {}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="reads Linux's /proc")
def test_two_hundred_fits_leave_nothing():
    assert_flat(left_by(200), resident=16 * MEGABYTE)


@pytest.mark.exhaustive
@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="reads Linux's /proc")
def test_a_thousand_fits_leave_nothing():
    found = left_by(1000, "traced")
    assert_flat(found, resident=32 * MEGABYTE)
    assert found["after"]["traced"] - found["before"]["traced"] < MEGABYTE / 4
