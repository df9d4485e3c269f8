"""The face of v1's `torch_core` hands out what legacy code imports from there."""

from __future__ import annotations

import pytest

from fastloop_v1 import core, torch_core


@pytest.mark.parametrize("name", torch_core.__all__)
def test_listed_name_is_there(name):
    assert hasattr(torch_core, name)


def test_names_of_core_come_along():
    assert set(core.__all__) < set(torch_core.__all__)


@pytest.mark.parametrize(
    "name",
    ["torch", "nn", "F", "optim", "Tensor", "LongTensor", "DataLoader", "TensorDataset", "dataclass", "warn"],
)
def test_names_of_torch_come_with_the_star(name):
    assert name in torch_core.__all__


def test_adam_w_is_adam_with_the_betas_of_v1():
    assert torch_core.AdamW.func is torch_core.torch.optim.Adam
    assert torch_core.AdamW.keywords == {"betas": (0.9, 0.99)}


@pytest.mark.parametrize(
    ("owner", "name"),
    [(torch_core.Tensor, "pca"), (torch_core.nn.DataParallel, "reset")],
    ids=["pca", "reset"],
)
def test_torch_core_leaves_torch_as_it_is(owner, name):
    assert not hasattr(owner, name)
