"""The alias hides no real fastai unasked, and turning it off leaves the process as it was."""

from __future__ import annotations

import sys
from importlib import import_module, invalidate_caches
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from fastloop_v1 import basics, callbacks, train
from fastloop_v1.errors import ArgumentError
from fastloop_v1.migrate import alias

OWNERS = (Path, torch.Tensor, nn.DataParallel, nn.parallel.DistributedDataParallel, DataLoader, torch.cuda)
OURS = (basics, callbacks, train)


@pytest.fixture(autouse=True)
def taken_back():
    """Whatever a test turns on is off after it."""
    yield
    alias.turn_off()


@pytest.fixture
def real_fastai(tmp_path, monkeypatch):
    """Another package called fastai, on the search path."""
    folder = tmp_path / "fastai"
    folder.mkdir()
    (folder / "__init__.py").write_text('__version__ = "2.7.19"\n', encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    invalidate_caches()
    yield folder / "__init__.py"
    for name in [name for name in sys.modules if name.partition(".")[0] == "fastai"]:
        del sys.modules[name]


def _looks():
    return (
        [dict(vars(owner)) for owner in OWNERS],
        [(vars(ours)["__all__"], vars(ours).get("__getattr__")) for ours in OURS],
        list(sys.meta_path),
        list(sys.path_hooks),
        [folder for folder in sys.path_importer_cache if "fastai is" in str(folder)],
        [name for name in sys.modules if name.partition(".")[0] in ("fastai", "fastprogress")],
    )


def test_turning_off_takes_everything_back():
    before = _looks()
    alias.turn_on(force=False)
    for name in ("vision", "basics", "callbacks.hooks", "train", "text.transform", "utils.mem"):
        import_module(f"fastai.{name}")
    import_module("fastprogress.fastprogress")
    assert _looks() != before
    alias.turn_off()
    assert _looks() == before


def test_installed_fastai_is_named_and_not_hidden(real_fastai):
    with pytest.raises(ArgumentError) as raised:
        alias.turn_on(force=False)
    assert str(real_fastai) in str(raised.value)
    assert "--force" in str(raised.value)
    assert not alias.is_on()
    assert import_module("fastai").__version__ == "2.7.19"


def test_imported_fastai_is_named_with_its_version(real_fastai):
    import_module("fastai")
    with pytest.raises(ArgumentError, match=r"fastai 2\.7\.19 \(.*__init__\.py\) is here"):
        alias.turn_on(force=False)


def test_imported_fastai_comes_back_after_it_was_hidden_on_request(real_fastai):
    real = import_module("fastai")
    alias.turn_on(force=True)
    assert import_module("fastai").__version__ == "1.0.61"
    alias.turn_off()
    assert import_module("fastai") is real


def test_folder_without_code_is_no_fastai(tmp_path, monkeypatch):
    (tmp_path / "fastai").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    alias.turn_on(force=False)
    assert import_module("fastai").__version__ == "1.0.61"


def test_installed_fastprogress_is_left_alone(tmp_path, monkeypatch):
    (tmp_path / "fastprogress.py").write_text("NO_BAR = None\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    alias.turn_on(force=False)
    real = import_module("fastprogress")
    assert real.NO_BAR is None
    alias.turn_off()
    assert sys.modules.pop("fastprogress") is real
