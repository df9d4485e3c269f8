"""What is described as JSON is made again the same; what has no name is refused when it is described."""

from __future__ import annotations

import json
import math
from collections import OrderedDict
from functools import partial
from pathlib import Path
from pickle import PicklingError

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastloop_v1.exports.named_tensors import TensorShelf
from fastloop_v1.exports.object_description import Description, fresh_module_state
from fastloop_v1.exports.object_rebuilding import Rebuilding
from fastloop_v1.layers import Flatten, Lambda
from fastloop_v1.old_files.pickle_rules import NamedRules


def described(value):
    shelf = TensorShelf({})
    node = Description(shelf).of(value)
    tensors = shelf.layout()  # which gives the tensors their names
    return json.loads(json.dumps(node)), tensors


def again(value):
    node, tensors = described(value)
    return Rebuilding.over(NamedRules((), 10_000), tensors).of(node)


VALUES = {
    "plain": [None, True, -3, 2.5, "é", [1], (1, (2,)), {"a": {}}, {1: "x", (2, 3): None}],
    "bytes": b"\xff\x00",
    "infinite": [math.inf, -math.inf],
    "containers": [
        {1, 2},
        frozenset("a"),
        slice(1, None),
        range(3),
        1 + 2j,
        OrderedDict(a=1),
        bytearray(b"a"),
    ],
    "path": Path("a/b"),
    "of torch": [torch.device("cpu"), torch.float16, torch.Size([1, 2]), F.relu, F.gelu, torch.sigmoid],
    "of numpy": [np.float64(0.5), np.int32(3), np.float32, np.dtype("<i4")],
    "ellipsis": ...,
}


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_value_comes_back(value):
    found = again(value)
    assert found == value
    assert type(found) is type(value)


def test_nan_and_arrays_come_back():
    assert math.isnan(again(float("nan")))
    assert again(np.arange(3.0)).tolist() == [0, 1, 2]


def test_what_is_shared_is_shared_again():
    shared, layer = [1], nn.Linear(1, 1)
    first, second, model = again([shared, shared, nn.Sequential(layer, layer)])
    assert first is second
    assert model[0] is model[1]


def test_list_that_holds_itself_comes_back():
    loop = []
    loop.append(loop)
    found = again(loop)
    assert found[0] is found


def test_partial_comes_back():
    found = again(partial(F.leaky_relu, negative_slope=0.5))
    assert (found.func, found.keywords) == (F.leaky_relu, {"negative_slope": 0.5})


def test_module_is_described_by_what_is_its_own():
    node, _ = described(nn.ReLU())
    assert node == {"new": "torch.nn.modules.activation.ReLU", "state": {"dict": {"inplace": False}}}
    assert fresh_module_state()["training"]
    assert again(nn.Dropout(0.5).eval()).training is False


def test_second_description_is_the_first():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), Lambda(F.relu), Flatten(), nn.LSTM(2, 2))
    once = again(model)
    assert described(once)[0] == described(model)[0]


@pytest.mark.parametrize(
    "value", [lambda x: x, Lambda(lambda x: x), type("Local", (), {})], ids=["alone", "within", "class"]
)
def test_what_has_no_name_is_refused(value):
    with pytest.raises(PicklingError, match="not found under its name"):
        described(value)
