"""The face of v1's `basics` hands out the training layer and what v1's star import brought with it."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from fastloop_v1 import basics

PARTS = (
    *("core", "torch_core", "basic_data", "basic_train", "callback", "callbacks", "train", "metrics"),
    "layers",
)


@pytest.mark.parametrize("part", PARTS)
def test_public_names_of_a_part_are_handed_out(part):
    module = importlib.import_module(f"fastloop_v1.{part}")
    assert {*module.__all__} <= {*basics.__all__}
    assert all(getattr(basics, name) is getattr(module, name) for name in module.__all__)


def test_names_are_listed_once_and_there():
    assert len(basics.__all__) == len({*basics.__all__})
    assert [name for name in basics.__all__ if not hasattr(basics, name)] == []


def test_callbacks_are_there_as_a_module():
    assert basics.callbacks.SaveModelCallback is basics.SaveModelCallback


def test_star_import_loads_no_optional_package():
    code = (
        "import sys\nfrom fastloop_v1.basics import *\n"
        "print({'pandas', 'matplotlib', 'scipy', 'IPython'} & {*sys.modules})"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
