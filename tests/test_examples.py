"""Every example runs as it stands, in any folder."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


@pytest.fixture(scope="module", params=EXAMPLES, ids=lambda example: example.name)
def ran(request, tmp_path_factory):
    """An example, the folder it ran in, and what came of it; warnings are errors."""
    folder = tmp_path_factory.mktemp(request.param.stem)
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    done = subprocess.run(
        [sys.executable, "-W", "error", str(request.param)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path, "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    return request.param, folder, done


def net(file):
    """The layers of the one `nn.Sequential` that a file writes down."""
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    (call,) = [n for n in nodes if isinstance(n, ast.Call) and ast.unparse(n.func) == "nn.Sequential"]
    return ast.unparse(call)


def test_example_runs(ran):
    _, _, done = ran
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("ran", [ROOT / "examples" / "digits.py"], indirect=True, ids=["digits.py"])
def test_digits_are_learnt_and_the_model_saved(ran):
    _, folder, done = ran
    assert float(re.search(r"^accuracy ([\d.]+)$", done.stdout, re.MULTILINE)[1]) >= 0.97
    assert re.search(r"^epoch     train_loss  valid_loss  accuracy  time    $", done.stdout, re.MULTILINE)
    assert [path.relative_to(folder).as_posix() for path in folder.rglob("*.*")] == ["models/digits.pth"]


def test_digits_are_short_and_train_the_net_of_the_demo():
    example = ROOT / "examples" / "digits.py"
    assert len(example.read_text(encoding="utf-8").splitlines()) <= 40
    assert net(example) == net(ROOT / "fastloop_v1" / "demo.py")
