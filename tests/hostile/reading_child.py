"""Reads every file in a folder with every reader, in little memory, and prints what came of each."""

from __future__ import annotations

import io
import json
import resource
import sys
import time
import warnings
from pathlib import Path

import torch
from torch import nn

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner, load_learner
from fastloop_v1.errors import FastloopError
from fastloop_v1.old_files.file_contents import file_contents

MOST_MEMORY = 200 << 20


def limited():
    """Allow this much memory beyond what is in use, by the operating system."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
    most = pages * resource.getpagesize() + MOST_MEMORY
    resource.setrlimit(resource.RLIMIT_AS, (most, most))


def outcome(read, path):
    """How reading ended, and the seconds it took."""
    start = time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read(path)
        said = "read"
    except FastloopError as error:
        said = f"refused: {error}"[:300]
    except BaseException as error:  # noqa: BLE001  (whatever else comes is a fault of the reader, to be told)
        said = f"failed: {type(error).__name__}: {error}"[:300]
    return said, time.perf_counter() - start


def load_weights(path):
    """Read the file as weights."""
    learn = Learner(
        DataBunch([torch.zeros(2, 2)], None), nn.Linear(2, 2), loss_func=nn.MSELoss(), silent=True
    )
    learn.load(io.BytesIO(path.read_bytes()))


def main(folder):
    """Print a line of JSON for each file and reader."""
    readers = {"load_learner": lambda p: load_learner(p.parent, p.name), "inspect": file_contents}
    load_weights_once = outcome(load_weights, Path(__file__))  # so that what is loaded on first use is there
    assert load_weights_once[0].startswith("refused")
    limited()
    for path in sorted(Path(folder).iterdir()):
        for name, read in {**readers, **({"load": load_weights} if path.is_file() else {})}.items():
            sys.stdout.write(json.dumps([path.name, name, *outcome(read, path)]) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(sys.argv[1])
