"""Processes started anew by multiprocessing have the alias when their parent has."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from fastloop_v1.migrate import as_fastai
from fastloop_v1.migrate.alias import is_on
from fastloop_v1.migrate.children import preparation_with_alias, with_alias

ROOT = Path(__file__).parents[2]
DATA = """
from fastai.basics import *

class Squares(Dataset):
    def __len__(self): return 8
    def __getitem__(self, i): return torch.tensor(float(i)), torch.tensor(float(i * i))
"""
SCRIPT = """
import sys
import torch.multiprocessing as mp
from torch.utils.data import DataLoader
import fastloop_v1.migrate

if __name__ == "__main__":
    fastloop_v1.migrate.install()
    from squares import Squares
    for method in mp.get_all_start_methods():
        dl = DataLoader(Squares(), batch_size=4, num_workers=1, multiprocessing_context=method)
        print(method, [y.tolist() for x, y in dl])
"""


def test_name_stays_a_name():
    data = preparation_with_alias("Worker-1")
    assert data["name"] == "Worker-1"
    assert {"sys_path", "sys_argv"} <= {*data}


def test_unpickled_name_turns_the_alias_on():
    name = pickle.dumps(preparation_with_alias("Worker-1")["name"])
    with as_fastai():  # ends what comes on inside
        assert type(pickle.loads(name)) is str
        assert with_alias("Worker-2") == "Worker-2"
        assert is_on()
    assert not is_on()


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="the three start methods are those of POSIX")
def test_loader_workers_of_every_start_method_import_fastai(tmp_path):
    (tmp_path / "squares.py").write_text(DATA, encoding="utf-8")
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)],
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    batches = "[[0.0, 1.0, 4.0, 9.0], [16.0, 25.0, 36.0, 49.0]]"
    assert sorted(done.stdout.splitlines()) == [
        f"{how} {batches}" for how in ("fork", "forkserver", "spawn")
    ], done.stderr
