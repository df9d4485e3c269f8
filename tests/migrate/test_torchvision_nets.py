"""Nets that v1 took from torchvision are torchvision's, and say so where it is not installed."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from fastloop_v1.errors import NotOfferedError
from fastloop_v1.migrate.torchvision_nets import torchvision_net


@pytest.fixture
def no_torchvision(monkeypatch):
    """A process whose search path holds no torchvision."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "torchvision"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [])


def test_net_is_named_as_in_v1():
    net = torchvision_net("resnet34")
    assert net is torchvision_net("resnet34")
    assert (net.__module__, net.__name__) == ("fastai.vision.models", "resnet34")


@pytest.mark.usefixtures("no_torchvision")
def test_missing_torchvision_is_told():
    with pytest.raises(NotOfferedError, match=r"`models.resnet18` is torchvision's.*pip install torchvision"):
        torchvision_net("resnet18")(pretrained=True)


def test_call_goes_to_torchvision(tmp_path, monkeypatch):
    folder = tmp_path / "torchvision"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "models.py").write_text("def resnet18(pretrained=False):\n    return 18, pretrained\n", "utf-8")
    for name in ("torchvision", "torchvision.models"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))  # put back when the test ends
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    assert torchvision_net("resnet18")(pretrained=True) == (18, True)
