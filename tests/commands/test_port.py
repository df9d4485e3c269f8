"""`fastloop-v1 port` as a process: shows a diff, writes only when asked, and keeps the file's mode."""

from __future__ import annotations

import os
import re
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


CALLBACKS = """\
from fastai.basics import *


class Penalty(Callback):
    def on_backward_begin(self, last_loss, last_output, **kwargs):
        return {"last_loss": last_loss + 0.1 * last_output.pow(2).mean()}


class Done(Callback):
    def on_train_end(self, **kwargs):
        print("done")
"""


def test_callbacks_are_rewritten_if_asked_for(tmp_path):
    tmp_path.joinpath("a.py").write_text(CALLBACKS)
    status, shown, errors = _port("a.py", "--to", "v2", cwd=tmp_path)
    assert "+        self.learn.loss_grad = self.loss_grad + 0.1 * self.pred.pow(2).mean()" in shown
    reason = "left alone: Done: on_train_end is called after an error too, v2's after_fit is not\n"
    assert (status, errors) == (1, f"a.py:10: {reason}")
    assert tmp_path.joinpath("a.py").read_text() == CALLBACKS
    assert _port("a.py", "--to", "v2", "--write", cwd=tmp_path)[0] == 1
    assert _port("a.py", "--to", "v2", cwd=tmp_path) == (1, "", f"a.py:11: {reason}")


def test_page_shows_what_the_command_shows(tmp_path):
    tmp_path.joinpath("train.py").write_text(CALLBACKS)
    _, shown, errors = _port("--to", "v2", "train.py", cwd=tmp_path)
    page = ROOT.joinpath("docs", "migrate.md").read_text("utf-8")
    (block,) = re.findall(r"^```console\n\$ fastloop-v1 port --to v2 train.py\n(.*?)^```", page, re.M | re.S)
    assert shown + errors == block


def test_unknown_aim_gives_2(tmp_path):
    assert _port("a.py", "--to", "v3", cwd=tmp_path)[0] == 2


@pytest.mark.parametrize("name", ["nowhere.py", "a.ipynb", "broken.py"])
def test_file_that_cannot_be_rewritten_gives_2(tmp_path, name):
    tmp_path.joinpath("broken.py").write_text("print 'fastai'")
    status, shown, errors = _port("--write", name, cwd=tmp_path)
    assert (status, shown) == (2, "")
    assert errors.startswith("fastloop-v1: error: ")
    assert len(errors.splitlines()) == 1
