"""`fastloop-v1 check` as a process: what it prints, its exit status, and that it is fast."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUNS = "from fastai.vision import *\nlearn = Learner(data, nn.Linear(1, 1))\n".replace("data", "None")
WORK = "from fastai.vision import *\nlearn = cnn_learner(None, models.resnet34)\n"


def _check(*arguments, cwd):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-X", "importtime", "-m", "fastloop_v1", "check", *map(str, arguments)]
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", env=environment, cwd=cwd, check=False, timeout=120
    )
    errors = [line for line in done.stderr.splitlines() if not line.startswith("import time:")]
    assert not [line for line in done.stderr.splitlines() if line.endswith("| torch")]
    return done.returncode, done.stdout, "\n".join(errors)


def _files(folder, **codes):
    for name, code in codes.items():
        folder.joinpath(f"{name}.py").write_text(code, encoding="utf-8")


def test_project_that_runs_gives_0(tmp_path):
    _files(tmp_path, train=RUNS, other="x = 1")
    status, shown, errors = _check(".", cwd=tmp_path)
    assert (status, errors) == (0, "")
    assert shown == "train.py: runs as is\n2 files: 1 runs as is, 1 no fastai v1 code\n"


def test_file_that_needs_work_gives_1_with_line_and_replacement(tmp_path):
    _files(tmp_path, train=RUNS, vision=WORK)
    status, shown, _ = _check(".", cwd=tmp_path)
    assert status == 1
    assert "vision.py: needs work\n  2: needs work [not-offered] `cnn_learner`" in shown
    assert "Learner(data, model)" in shown


def test_broken_file_gives_1_and_the_others_are_checked(tmp_path):
    _files(tmp_path, a="print 'x'", b=RUNS)
    status, shown, _ = _check(".", cwd=tmp_path)
    assert status == 1
    assert "a.py: broken" in shown
    assert "b.py: runs as is" in shown


def test_quiet_says_nothing_where_all_runs(tmp_path):
    _files(tmp_path, train=RUNS)
    assert _check("--quiet", "train.py", cwd=tmp_path) == (0, "", "")


def test_verbose_names_what_is_used(tmp_path):
    _files(tmp_path, train=RUNS)
    assert "  uses basic_train.Learner (here)\n" in _check("-v", "train.py", cwd=tmp_path)[1]


@pytest.mark.parametrize(
    ("form", "start"), [("json", "{"), ("markdown", "# Check"), ("html", "<!DOCTYPE html>")]
)
def test_form_is_chosen(tmp_path, form, start):
    _files(tmp_path, vision=WORK)
    status, shown, _ = _check("--format", form, ".", cwd=tmp_path)
    assert status == 1
    assert shown.startswith(start)
    assert form != "json" or json.loads(shown)["totals"]["needs work"] == 1


@pytest.mark.parametrize("arguments", [["nowhere.py"], [], ["--format", "xml", "."], ["-q", "-v", "."]])
def test_wrong_arguments_give_2(tmp_path, arguments):
    status, shown, errors = _check(*arguments, cwd=tmp_path)
    assert (status, shown) == (2, "")
    assert errors.startswith("fastloop-v1 check: error: ")
    assert len(errors.splitlines()) == 1


@pytest.mark.slow
def test_two_thousand_files_are_checked(tmp_path):
    body = WORK + "\n".join(f"def f{n}(x):\n    y = x + {n}\n    return np.array([y, x])" for n in range(60))
    for number in range(2000):
        tmp_path.joinpath(f"f{number}.py").write_text(body)
    status, shown, _ = _check(".", cwd=tmp_path)
    assert status == 1
    assert shown.endswith("2000 files: 2000 needs work\n")
