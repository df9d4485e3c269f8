"""A table is put back into objects that stay the objects they are."""

from __future__ import annotations

import array
import collections
import copy
import enum
import json
import random

import numpy as np
import pytest
import torch
from torch import nn

from fastloop_v1.resume.state_return import MismatchError, StateReturn
from fastloop_v1.resume.state_table import StateTable, StateWriter
from fastloop_v1.schedule import Scheduler


class Holder:
    """Holds whatever it is given."""

    def __init__(self, **values):
        self.__dict__.update(values)


class Colour(enum.Enum):
    """Two of them."""

    RED = 1
    BLUE = 2


Pair = collections.namedtuple("Pair", "one two")


def _saved(obj):
    writer = StateWriter()
    writer.write("it", obj)
    table = writer.table
    # By way of JSON and of memory of its own, as through a file.
    roots, entries = json.loads(json.dumps([table.roots, table.entries], allow_nan=False))
    return StateTable(roots, entries, copy.deepcopy(table.tensors))


def _put_back(table, live, **options):
    returned = StateReturn(table, **options)
    result = returned.root("it", live)
    returned.apply()
    return result, returned.problems


VALUES = [
    [1, [2.5, float("inf")], {"a": (1, 2)}],
    {1: "x", (2, 3): None, "nested": {"deep": [True]}},
    {frozenset({1, 2}), 3},
    collections.deque([1, 2], maxlen=2),
    collections.OrderedDict(b=1, a=2),
    collections.Counter("abca"),
    bytearray(b"abc"),
    array.array("f", range(100)),
    np.arange(6.0).reshape(2, 3),
    np.float64(0.1),
    np.array(["x", "yz"]),
    1 + 2j,
    b"bytes",
    range(1, 9, 2),
    slice(1, None),
    torch.Size([1, 2]),
    torch.bfloat16,
    torch.device("cpu"),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
@pytest.mark.parametrize("live", ["same", "other", None])
def test_value_comes_back(value, live):
    now = {"same": copy.deepcopy(value), "other": "something else"}.get(live)
    result, problems = _put_back(_saved(value), now)
    assert problems == []
    assert type(result) is type(value)
    assert np.array_equal(result, value) if isinstance(value, np.ndarray) else result == value


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.int64, torch.bool, torch.complex64])
@pytest.mark.parametrize("size", [0, 3, 1000])
def test_tensor_comes_back_bit_for_bit(dtype, size):
    value = torch.randn(size).mul(100).to(dtype)
    for live in (torch.zeros_like(value), None):
        result, _ = _put_back(_saved(value), live)
        assert result.dtype == dtype
        assert torch.equal(result, value)


def test_live_objects_stay_the_same_objects():
    layer = nn.Linear(2, 3)
    layer.weight.grad = torch.ones(3, 2)
    live, inner = nn.Linear(2, 3), [0]
    result, _ = _put_back(_saved([layer, [1, 2]]), [live, inner])
    assert result[0] is live
    assert result[1] is inner
    assert torch.equal(live.weight, layer.weight)
    assert torch.equal(live.weight.grad, layer.weight.grad)
    assert inner == [1, 2]


def test_two_names_of_one_object_stay_so():
    shared = [torch.ones(3)]
    result, _ = _put_back(_saved({"a": shared, "b": shared}), {"a": [], "b": []})
    assert result["a"] is result["b"]


def test_one_live_object_with_two_names_is_parted_where_it_was():
    live = torch.zeros(3)
    result, _ = _put_back(_saved([torch.ones(3), torch.zeros(3)]), [live, live])
    assert [each.sum().item() for each in result] == [3, 0]


def test_memory_of_a_parameter_is_not_written_through_another_tensor():
    layer, live = nn.Linear(2, 2), nn.Linear(2, 2)
    layer.shown, live.shown = torch.full((2, 2), 7.0), live.weight.data
    returned = StateReturn(_saved(layer))
    returned.reserve(live.parameters())
    returned.root("it", live)
    returned.apply()
    assert torch.equal(live.weight, layer.weight)
    assert torch.equal(live.shown, layer.shown)


def test_optimizer_goes_on_with_the_parameters_of_the_model():
    def made():
        layer = nn.Linear(2, 1)
        return layer, torch.optim.Adam(layer.parameters(), lr=0.1)

    def step(layer, opt):
        opt.zero_grad()
        layer(torch.ones(1, 2)).sum().backward()
        opt.step()

    layer, opt = made()
    step(layer, opt)
    table = _saved({"model": layer, "opt": opt})
    step(layer, opt)
    other, again = made()
    _put_back(table, {"model": other, "opt": again})
    assert again.param_groups[0]["params"][0] is other.weight
    step(other, again)
    assert torch.equal(other.weight, layer.weight)


@pytest.mark.parametrize(
    "make",
    [random.Random, np.random.default_rng, np.random.RandomState, lambda n: torch.Generator().manual_seed(n)],
)
def test_generator_goes_on(make):
    def draw(generator):
        if isinstance(generator, torch.Generator):
            return torch.rand(1, generator=generator).item()
        return generator.random()

    generator, live = make(1), make(2)
    draw(generator)
    table = _saved(generator)
    expected = draw(generator)
    result, _ = _put_back(table, live)
    assert result is live
    assert draw(live) == expected


def test_attributes_that_were_not_there_go():
    result, _ = _put_back(_saved(Holder(a=1)), Holder(a=0, b=2))
    assert vars(result) == {"a": 1}


def test_function_stays_that_of_the_process():
    result, problems = _put_back(_saved(Holder(func=min, n=1)), Holder(func=max, n=0))
    assert result.func is max
    assert result.n == 1
    assert problems == []


def test_enum_and_named_tuple_come_back_where_one_of_the_class_is():
    result, problems = _put_back(_saved([Colour.RED, Pair(1, [2])]), [Colour.BLUE, Pair(0, [])])
    assert result == [Colour.RED, Pair(1, [2])]
    assert problems == []


def test_object_without_one_of_its_class_is_a_problem_and_not_made():
    live = Holder(inner=None)
    result, problems = _put_back(_saved(Holder(inner=Holder(a=1))), live)
    assert result.inner is None
    assert problems == [f"it.inner was a {Holder.__module__}.Holder and is nothing here"]


def test_record_that_may_be_made_is_made():
    sched = Scheduler((0.0, 1.0), 4)
    sched.step()
    makes = {"fastloop_v1.schedule.Scheduler": Scheduler}
    result, _ = _put_back(_saved([sched]), [], makes=makes)
    assert result[0].n == 1


@pytest.mark.parametrize("live", [nn.Linear(2, 4), nn.Linear(2, 3, bias=False), nn.ReLU()], ids=repr)
def test_model_that_does_not_fit_is_an_error_and_stays_as_it_was(live):
    before = copy.deepcopy(live.state_dict())
    with pytest.raises(MismatchError, match="Nothing was changed"):
        _put_back(_saved(nn.Linear(2, 3)), live, strict=("it",))
    assert all(torch.equal(before[name], tensor) for name, tensor in live.state_dict().items())


def test_iterator_is_a_problem():
    _, problems = _put_back(_saved([iter([1])]), [iter([1])])
    assert problems == ["it.0 is a builtins.list_iterator, whose state is not kept"]
