"""Tensors come back by name with the numbers, types and shared memory they had."""

from __future__ import annotations

import sys

import pytest
import torch
from torch import nn

from fastloop_v1.errors import ArgumentError
from fastloop_v1.exports.named_tensors import (
    SHELF_FILES,
    TensorShelf,
    placed_tensor,
    read_shelf,
    shelf_content,
)

CPU = torch.device("cpu")


def kept(*tensors, names=None):
    """What comes back of tensors that were put on a shelf together."""
    shelf, nodes = TensorShelf(names or {}), [{} for _ in tensors]
    for i, (node, tensor) in enumerate(zip(nodes, tensors, strict=True)):
        shelf.put(node, tensor, f"x/{i}")
    name, content = shelf_content(shelf.layout())
    found = read_shelf(name, content, CPU)
    return [placed_tensor(node, found) for node in nodes], nodes


@pytest.fixture(params=["safetensors", "torch"])
def _both_forms(request, monkeypatch):
    if request.param == "torch":
        monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    else:
        pytest.importorskip("safetensors")


TENSORS = {
    "matrix": torch.arange(6.0).view(2, 3),
    "turned": torch.arange(6.0).view(2, 3).t(),
    "part": torch.arange(6)[2:4],
    "scalar": torch.tensor(3),
    "empty": torch.zeros(0, 3),
    "half": torch.ones(2, dtype=torch.bfloat16),
    "bool": torch.tensor([True, False]),
    "expanded": torch.ones(1).expand(4),
}


@pytest.mark.usefixtures("_both_forms")
@pytest.mark.parametrize("tensor", TENSORS.values(), ids=TENSORS)
def test_tensor_comes_back(tensor):
    (found,), _ = kept(tensor)
    assert found.dtype == tensor.dtype
    assert torch.equal(found, tensor)


@pytest.mark.usefixtures("_both_forms")
def test_shared_memory_is_shared_again():
    base = torch.arange(6.0)
    (whole, part, turned), _ = kept(base, base[2:4], base.view(2, 3).t())
    whole[2] = 9
    assert (part[0], turned[2, 0]) == (9, 9)


def test_parameters_are_parameters_and_keep_whether_they_learn():
    frozen = nn.Parameter(torch.ones(1), requires_grad=False)
    (one, other), nodes = kept(nn.Parameter(torch.ones(1)), frozen)
    assert [type(each) for each in (one, other)] == [nn.Parameter] * 2
    assert (one.requires_grad, other.requires_grad) == (True, False)
    assert nodes[0]["tensor"] == "/x/0"


def test_names_given_are_the_names_kept():
    weight = torch.ones(2)
    _, nodes = kept(weight, weight, names={"0.weight": weight, "1.weight": weight})
    assert [node["tensor"] for node in nodes] == ["0.weight"] * 2


def test_sparse_tensor_is_an_argument_error():
    with pytest.raises(ArgumentError, match="allowed are dense ones"):
        kept(torch.ones(2).to_sparse())


WRONG = {
    "no such name": {"tensor": "b"},
    "too large": {"tensor": "a", "shape": [5], "stride": [1], "offset": 0},
    "negative": {"tensor": "a", "shape": [1], "stride": [1], "offset": -1},
    "shown too often": {"tensor": "a", "shape": [1 << 40], "stride": [0], "offset": 0},
    "lengths": {"tensor": "a", "shape": [1], "stride": [], "offset": 0},
    "gradient of whole numbers": {"tensor": "a", "requires_grad": True},
    "gradient of no kind": {"tensor": "a", "requires_grad": 1},
}


@pytest.mark.parametrize("node", WRONG.values(), ids=WRONG)
def test_tensor_that_does_not_fit_is_refused(node):
    with pytest.raises((KeyError, TypeError, ValueError)):
        placed_tensor(node, {"a": torch.arange(4)})


@pytest.mark.parametrize("name", SHELF_FILES)
@pytest.mark.parametrize("content", [b"", b"abc", bytes(100)])
def test_damaged_file_is_refused(name, content):
    pytest.importorskip("safetensors")
    with (
        pytest.raises(ValueError, match=".")
        if name == SHELF_FILES[0]
        else pytest.raises(Exception, match="no state")
    ):
        read_shelf(name, content, CPU)
