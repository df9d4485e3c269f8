"""What the table of v1 names says of a name is what its import through the alias gives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch

from fastloop_v1.callback import Callback
from fastloop_v1.errors import NotOfferedError
from fastloop_v1.migrate.not_offered import NOT_OFFERED
from fastloop_v1.migrate.v1_layout import FACES, HOMES
from fastloop_v1.migrate.v1_names import (
    callback_classes,
    find,
    find_by_star,
    is_module,
    keywords,
    v1_data,
)

ROOT = Path(__file__).parents[2]
MODULES = sorted(HOMES | set(FACES))
NAMES = sorted({name for names in v1_data()["homes"].values() for name in names["v1"] | names["star"]})


def _import(module):
    return import_module(f"fastai.{module}".rstrip("."))


# Other versions give some classes of Python's and torch's other arguments.
@pytest.mark.skipif(
    sys.version_info[:2] != (3, 11) or not torch.__version__.startswith("2.13."),
    reason="the table is made with Python 3.11 and torch 2.13",
)
def test_data_is_what_the_package_has():
    # In a process of its own: other tests put methods onto classes, as v1 code does.
    command = [sys.executable, "-m", "fastloop_v1.migrate.v1_names"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    made = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    kept = ROOT.joinpath("fastloop_v1", "data", "v1_names.json").read_text(encoding="utf-8")
    assert json.loads(made) == json.loads(kept)


def test_every_recorded_name_of_v1_is_in_it():
    recorded = json.loads(ROOT.joinpath("tests/golden/v1_names.json").read_text(encoding="utf-8"))
    for module in HOMES & set(recorded) - {"basics"}:
        names = {name for name in recorded[module] if "." not in name}
        assert names <= v1_data()["homes"][module]["v1"]


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.usefixtures("fastai")
def test_names_are_imported_as_it_says(module):
    wrong = []
    for name in [*NAMES, *NOT_OFFERED, "never_there"]:
        there = name in FACES or f"{module}.{name}".lstrip(".") in {*FACES, *HOMES}
        found = find(module, name)
        says = found is not None and found.status != "gone"
        if not there and says != hasattr(_import(module), name):
            wrong.append((name, found))
    assert not wrong


@pytest.mark.parametrize("module", MODULES)
@pytest.mark.usefixtures("fastai")
def test_star_imports_bring_what_it_says(module):
    brought = set(_import(module).__all__) - {"models", "callbacks"}
    said = {name for name in {*NAMES, *NOT_OFFERED, *brought} if find_by_star([module], name) is not None}
    assert brought == said - {"models", "callbacks"}


@pytest.mark.usefixtures("fastai")
def test_what_is_not_offered_raises_when_used():
    for name, offer in NOT_OFFERED.items():
        is_name = find(offer.module, name).status == "not offered" and not is_module(f"{offer.module}.{name}")
        if is_name:
            with pytest.raises(NotOfferedError):
                getattr(_import(offer.module), name)()


@pytest.mark.usefixtures("fastai")
def test_what_is_here_raises_nothing_when_imported():
    assert find("basic_train", "Learner").status == "here"
    assert find("vision", "np").status == "foreign"
    assert find("torch_core", "_pca").status == "gone"
    assert find("vision", "ImageList").offer.name == "ImageList"
    assert find("trainer", "Learner") is None


def test_modules_are_told_from_names():
    assert is_module("callbacks.hooks")
    assert is_module("")
    assert not is_module("callbacks.Hook")


def test_callback_classes_are_callbacks():
    assert {"Callback", "LearnerCallback", "SaveModelCallback", "AverageMetric"} <= callback_classes()
    assert "Learner" not in callback_classes()
    assert issubclass(import_module("fastloop_v1.metrics").FBeta, Callback)
    assert "FBeta" in callback_classes()


def test_keywords_are_known_where_they_are_all():
    assert keywords("TrainingPhase") == ["length"]
    assert "cyc_len" in keywords("Learner.fit_one_cycle")
    assert keywords("Callback") is None or keywords("Callback") == []
    assert keywords("nothing") is None


def test_reading_it_loads_no_torch():
    code = "import sys, fastloop_v1.migrate.v1_names as v; v.v1_data(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout == "False\n"
