"""`fastloop-v1 port` as a process: shows a diff, writes only when asked, and keeps the file's mode."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("libcst", reason="the extra `port` is not installed")

ROOT = Path(__file__).parents[2]
CODE = b"from fastai.basics import *  # \xc3\xa9\r\nLearner\r\n"


def _port(*arguments, cwd):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-m", "fastloop_v1", "port", *arguments]
    done = subprocess.run(command, capture_output=True, env=environment, cwd=cwd, check=False, timeout=120)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_diff_is_shown_and_nothing_written(tmp_path):
    path = tmp_path / "a.py"
    path.write_bytes(CODE)
    status, shown, errors = _port("a.py", cwd=tmp_path)
    assert (status, errors) == (0, "")
    assert "+from fastloop_v1.basics import *  # é" in shown
    assert path.read_bytes() == CODE


def test_write_changes_the_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.py"
    path.write_bytes(CODE)
    path.chmod(0o750)
    assert _port("--write", "a.py", cwd=tmp_path)[0] == 0
    assert path.read_bytes() == CODE.replace(b"fastai", b"fastloop_v1")
    assert path.stat().st_mode & 0o777 == 0o750
    assert os.listdir(tmp_path) == ["a.py"]
    assert _port("--write", "a.py", cwd=tmp_path) == (0, "", "")


def test_what_is_left_alone_is_listed_and_gives_1(tmp_path):
    tmp_path.joinpath("a.py").write_text("from fastai.vision import ImageList\n")
    status, shown, errors = _port("a.py", cwd=tmp_path)
    assert (status, shown) == (1, "")
    assert errors.startswith("a.py:1: left alone: `ImageList` is not offered")


@pytest.mark.parametrize("name", ["nowhere.py", "a.ipynb", "broken.py"])
def test_file_that_cannot_be_rewritten_gives_2(tmp_path, name):
    tmp_path.joinpath("broken.py").write_text("print 'fastai'")
    status, shown, errors = _port("--write", name, cwd=tmp_path)
    assert (status, shown) == (2, "")
    assert errors.startswith("fastloop-v1: error: ")
    assert len(errors.splitlines()) == 1
