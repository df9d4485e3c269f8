"""Importing the package, all of it, changes nothing in the process it is imported into."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROBE = Path(__file__).with_name("import_probe.py")
SUBJECTS = [
    "class DataLoader",
    "class Dataset",
    "class Tensor",
    "class Module",
    "class DataParallel",
    "class Optimizer",
    "class Path",
    "functions of torch",
    "functions of torch.cuda",
    "functions of torch.utils.data",
    "functions of torch.nn",
    "functions of torch.nn.functional",
    "functions of torch.optim",
    "functions of numpy",
    "functions of random",
    "functions of warnings",
    "numpy print options",
    "numpy error handling",
    "warning filters",
    "random state",
    "numpy random state",
    "torch random state",
    "torch default dtype",
    "torch threads",
    "search path",
    "import finders",
    "environment",
    "working folder",
    "threads",
    "log handlers",
    "hooks",
]
OPTIONAL = {"matplotlib", "pandas", "IPython", "sklearn", "scipy", "mlflow", "tensorboard"}


def _run(root, *arguments):
    return subprocess.run(
        [sys.executable, *arguments],
        env=os.environ | {"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def run(root, tmp_path_factory):
    """The finished process of the probe, and what it wrote down."""
    result = tmp_path_factory.mktemp("probe") / "result.json"
    done = _run(root, str(PROBE), str(result))
    if done.returncode:
        pytest.fail(done.stderr, pytrace=False)
    return done, json.loads(result.read_text(encoding="utf-8"))


def test_every_subject_is_compared(run):
    assert sorted(run[1]["before"]) == sorted(SUBJECTS)


@pytest.mark.parametrize("subject", SUBJECTS)
def test_import_leaves_alone(run, subject):
    assert run[1]["after"][subject] == run[1]["before"][subject]


def test_import_reaches_every_module(run, sources):
    expected = {f"fastloop_v1.{name}" for name in sources if name and not name.endswith("__main__")}
    assert set(run[1]["modules"]) == expected


def test_import_prints_nothing(run):
    assert (run[0].stdout, run[0].stderr) == ("", "")


def test_import_loads_no_optional_package(run):
    assert OPTIONAL.isdisjoint(run[1]["packages"])


def test_bare_package_loads_neither_torch_nor_numpy(root):
    code = "import sys, fastloop_v1; sys.exit(any(name in sys.modules for name in ('torch', 'numpy')))"
    assert _run(root, "-c", code).returncode == 0
