"""Folders are walked without what is not the project's; many files are checked in order."""

from __future__ import annotations

import os
from pathlib import Path

from fastloop_v1.migrate.findings import BROKEN, NO_V1, RUNS
from fastloop_v1.migrate.source_files import check_paths, source_files


def _make(folder, *names):
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("import fastai\n")


def _found(folder, *paths):
    return [path.relative_to(folder).as_posix() for path in source_files(paths or [folder])]


def test_sources_are_found_in_order(tmp_path):
    _make(tmp_path, "b.py", "a.ipynb", "c/d.py", "c/e.txt", "c/.hidden.py")
    assert _found(tmp_path) == ["a.ipynb", "b.py", "c/d.py"]


def test_what_is_not_the_projects_is_left_out(tmp_path):
    _make(
        tmp_path,
        ".git/a.py",
        "node_modules/a.py",
        "venv/a.py",
        "mine/pyvenv.cfg",
        "mine/lib/a.py",
        "x/__pycache__/a.py",
    )
    _make(tmp_path, "lib/site-packages/a.py", ".ipynb_checkpoints/a.ipynb")
    assert _found(tmp_path) == []


def test_named_path_counts_wherever_it_is(tmp_path):
    _make(tmp_path, ".git/a.py", "b")
    assert _found(tmp_path, tmp_path / ".git", tmp_path / "b", tmp_path / "b") == [".git/a.py", "b"]


def test_loop_of_links_ends(tmp_path):
    _make(tmp_path, "a/b.py")
    tmp_path.joinpath("a", "again").symlink_to(tmp_path, target_is_directory=True)
    tmp_path.joinpath("a", "loop.py").symlink_to(tmp_path / "a" / "loop.py")
    assert _found(tmp_path) == ["a/b.py", "a/loop.py"]
    assert [report.verdict for report in check_paths([tmp_path])] == [RUNS, BROKEN]


def test_unreadable_and_odd_files_are_survived(tmp_path):
    _make(tmp_path, "a.py", "locked.py")
    tmp_path.joinpath("locked.py").chmod(0)
    tmp_path.joinpath("binary.py").write_bytes(os.urandom(1000) + b"\0\xff")
    tmp_path.joinpath("cut.ipynb").write_text('{"cells": [')
    tmp_path.joinpath("deep.py").write_text("fastai = " + "[" * 5000)
    verdicts = {Path(report.path).name: report.verdict for report in check_paths([tmp_path])}
    locked = RUNS if os.access(tmp_path / "locked.py", os.R_OK) else BROKEN
    assert verdicts == {
        "a.py": RUNS,
        "binary.py": BROKEN,
        "cut.ipynb": BROKEN,
        "deep.py": BROKEN,
        "locked.py": locked,
    }


def test_many_files_are_reported_in_order(tmp_path):
    for number in range(250):
        code = "from fastai.vision import *\nLearner" if number % 2 else "x = 1"
        tmp_path.joinpath(f"f{number:03}.py").write_text(code)
    reports = check_paths([tmp_path])
    assert [report.path for report in reports] == [
        str(tmp_path / f"f{number:03}.py") for number in range(250)
    ]
    assert [report.verdict for report in reports] == [NO_V1, RUNS] * 125
