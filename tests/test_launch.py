from __future__ import annotations

import subprocess
import sys

import pytest

from fastloop_v1.errors import ArgumentError
from fastloop_v1.launch import main

NOTE = """\
import os, pathlib, sys
names = "RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR"
text = " ".join([*(os.environ[name] for name in names), *sys.argv[1:]])
pathlib.Path(__file__).with_name("note_" + os.environ["RANK"]).write_text(text)
"""
FAIL = """\
import os, signal, sys
if os.environ["RANK"] == "1":
    sys.exit(3)
signal.pause()
"""


def _script(folder, text):
    path = folder / "script.py"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("gpus", ["02", "0,2"])
def test_each_gpu_has_a_process(tmp_path, gpus):
    main(gpus, _script(tmp_path, NOTE), ["--lr=1", "data"])
    assert (tmp_path / "note_0").read_text() == "0 2 0 127.0.0.1 --gpu=0 --lr=1 data"
    assert (tmp_path / "note_1").read_text() == "1 2 2 127.0.0.1 --gpu=2 --lr=1 data"


def test_failing_process_ends_the_others(tmp_path):
    with pytest.raises(SystemExit) as info:
        main("01", _script(tmp_path, FAIL))
    assert info.value.code == 3


def test_command_runs_a_script(tmp_path):
    command = [sys.executable, "-m", "fastloop_v1.launch", "--gpus=0", _script(tmp_path, NOTE), "a", "b"]
    subprocess.run(command, check=True)
    assert (tmp_path / "note_0").read_text() == "0 1 0 127.0.0.1 --gpu=0 a b"


@pytest.mark.parametrize("gpus", ["", "a", "1,b", ","])
def test_gpus_that_are_no_numbers_are_refused(gpus):
    with pytest.raises(ArgumentError, match="gpus"):
        main(gpus, "script.py")


def test_script_is_needed():
    with pytest.raises(ArgumentError, match="script"):
        main("0")
