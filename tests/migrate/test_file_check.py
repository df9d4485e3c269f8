"""The verdict on a file agrees with what happens when it is run through the alias."""

from __future__ import annotations

import importlib.util
import runpy
from pathlib import Path

import pytest

from fastloop_v1.migrate.file_check import check_file
from fastloop_v1.migrate.findings import BROKEN, NEEDS_WORK, NO_V1, RUNS

HERE = Path(__file__).parent
_spec = importlib.util.spec_from_file_location("agreement_snippets", HERE / "agreement_snippets.py")
agreement = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(agreement)
SNIPPETS = agreement.snippets()


def _check(folder, code):
    path = folder / "code.py"
    path.write_text(code, encoding="utf-8")
    return check_file(path)


@pytest.mark.parametrize("name", SNIPPETS)
@pytest.mark.filterwarnings("ignore")
@pytest.mark.usefixtures("fastai")
def test_verdict_is_what_happens(name, tmp_path, monkeypatch):
    code, verdict = SNIPPETS[name]
    monkeypatch.chdir(tmp_path)
    assert _check(tmp_path, agreement.PRELUDE + code).verdict == verdict
    error = None
    try:
        runpy.run_path(str(tmp_path / "code.py"))
    except Exception as raised:  # noqa: BLE001  (any error is one)
        error = raised
    assert (error is None) == verdict.startswith("runs"), error


@pytest.mark.parametrize(
    "script", sorted(HERE.parent.joinpath("legacy/scripts").glob("*.py")), ids=lambda p: p.stem
)
def test_legacy_scripts_that_run_are_said_to_run(script):
    # This one is about what is not offered, and expects the errors where the check does not see it.
    assert check_file(script).fails == (script.stem == "not_offered")


def test_names_have_their_status_and_lines(tmp_path):
    report = _check(
        tmp_path, "from fastai.vision import *\nLearner(1)\nnp\nSaveModelCallback\nImageList\nLearner"
    )
    assert [(name.name, name.status, name.lines) for name in report.names] == [
        ("basic_train.Learner", "here", (2, 6)),
        ("callbacks.tracker.SaveModelCallback", "changed", (4,)),
        ("vision.data.ImageList", "not offered", (5,)),
    ]


@pytest.mark.parametrize("code", ["", "import torch", "# fastai", "from .fastai import x", "import fastaix"])
def test_file_without_v1_says_so(tmp_path, code):
    assert _check(tmp_path, code).verdict == NO_V1


def test_broken_file_is_reported(tmp_path):
    report = _check(tmp_path, "import fastai\nprint 'x'")
    assert report.verdict == BROKEN
    assert report.fails
    assert "line 2" in report.broken


def test_broken_cell_needs_work_and_the_rest_is_checked(tmp_path):
    path = tmp_path / "a.ipynb"
    cells = ("from fastai.vision import *", "print 'x'", "\\n!ls\\ncnn_learner()")
    path.write_text(
        '{"cells": [' + ", ".join(f'{{"cell_type": "code", "source": "{cell}"}}' for cell in cells) + "]}"
    )
    report = check_file(path)
    assert report.verdict == NEEDS_WORK
    assert report.broken.startswith("cell 2")
    assert [(finding.cell, finding.line) for finding in report.findings] == [(3, 3)]


def test_code_is_never_run(tmp_path):
    marker = tmp_path / "ran"
    assert _check(tmp_path, f"import fastai\nopen({str(marker)!r}, 'w')").verdict == RUNS
    assert not marker.exists()
