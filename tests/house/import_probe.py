"""Import every module of the package and write down what the process looked like before and after.

Run as `python import_probe.py RESULT.json`.
"""

from __future__ import annotations

import importlib
import json
import logging
import os
import pkgutil
import random
import sys
import threading
import warnings
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn, optim
from torch.utils.data import DataLoader, Dataset

# What the import of a requirement does is not our doing.
REQUIREMENTS = ["dataclasses_json", "tqdm"]
CLASSES = [DataLoader, Dataset, torch.Tensor, nn.Module, nn.DataParallel, optim.Optimizer, Path]
MODULES = [torch, torch.cuda, torch.utils.data, nn, nn.functional, optim, np, random, warnings]


class Asked:
    """An import finder that finds nothing and remembers which top-level packages were asked for."""

    def __init__(self) -> None:
        self.packages: set[str] = set()

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Remember the name."""
        self.packages.add(name.partition(".")[0])
        return None


def _attributes(owner: Any) -> dict[str, int]:
    return {name: id(value) for name, value in vars(owner).items()}


def looks() -> dict[str, Any]:
    """What an import could have changed, one entry a subject."""
    return {
        **{f"class {cls.__name__}": _attributes(cls) for cls in CLASSES},
        **{f"functions of {module.__name__}": _functions(module) for module in MODULES},
        "numpy print options": repr(np.get_printoptions()),
        "numpy error handling": repr(np.geterr()),
        "warning filters": [repr(entry) for entry in warnings.filters],
        "random state": hash(random.getstate()),
        "numpy random state": repr([list(map(str, part)) for part in map(np.atleast_1d, _numpy_state())]),
        "torch random state": torch.get_rng_state().tolist(),
        "torch default dtype": str(torch.get_default_dtype()),
        "torch threads": [torch.get_num_threads(), torch.get_num_interop_threads()],
        "search path": list(sys.path),
        "import finders": [repr(finder) for finder in sys.meta_path],
        "environment": dict(os.environ),
        "working folder": str(Path.cwd()),
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "log handlers": [repr(handler) for handler in logging.getLogger().handlers],
        "hooks": [id(sys.excepthook), id(sys.displayhook), id(sys.stdout), id(sys.stderr), id(print)],
    }


def _functions(module: Any) -> dict[str, int]:
    """Identity of everything a module defines; submodules come in by being imported and do not count."""
    return {name: id(value) for name, value in vars(module).items() if not isinstance(value, type(sys))}


def _numpy_state() -> tuple[Any, ...]:
    state = np.random.get_state(legacy=True)
    assert isinstance(state, tuple)
    return state


def import_everything() -> list[str]:
    """Import the package and all that is in it; return the names."""
    package = importlib.import_module("fastloop_v1")
    found = pkgutil.walk_packages(package.__path__, "fastloop_v1.")
    names = [module.name for module in found if not module.name.endswith("__main__")]
    for name in names:
        importlib.import_module(name)
    return names


def main(result: str) -> None:
    """Look, import, look again, and write it all to a file."""
    for name in REQUIREMENTS:
        importlib.import_module(name)
    asked = Asked()
    sys.meta_path.insert(0, asked)
    before = looks()
    asked.packages.clear()
    modules = import_everything()
    packages = sorted(asked.packages)
    found = {"modules": modules, "packages": packages, "before": before, "after": looks()}
    Path(result).write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
