"""Runs old scripts with the command, in processes of their own or in forks of one that has loaded PyTorch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
collect_ignore_glob = ["scripts/*", "clients/*"]


def _environment():
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return os.environ | {"PYTHONPATH": path, "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="session")
def run_alone():
    """Runs `python -m fastloop_v1 run ARGUMENTS...` in a folder; returns its status and what it printed."""

    def run(arguments, folder, **more):
        done = subprocess.run(
            [sys.executable, "-m", "fastloop_v1", "run", *arguments],
            cwd=folder,
            env=_environment() | more,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=120,
        )
        return SimpleNamespace(status=done.returncode, printed=done.stdout)

    return run


@pytest.fixture(scope="session")
def run_in_fork(run_alone):
    """The same in a fork of a process that has loaded the package; alone where processes cannot be forked."""
    if not hasattr(os, "fork"):
        yield run_alone
        return
    command = [sys.executable, str(HERE / "preloaded.py")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=_environment(), **pipes) as loaded:

        def run(arguments, folder):
            output = Path(folder) / "printed.txt"
            loaded.stdin.write(json.dumps([["run", *arguments], str(folder), str(output)]) + "\n")
            loaded.stdin.flush()
            status = int(loaded.stdout.readline())
            return SimpleNamespace(status=status, printed=output.read_text(encoding="utf-8"))

        yield run
        loaded.stdin.close()
