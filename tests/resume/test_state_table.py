"""Objects are written down as plain values: what they share once, code only as being there."""

from __future__ import annotations

import json
import math
import random
import threading

import numpy as np
import pytest
import torch
from torch import nn

from fastloop_v1.resume.state_table import StateWriter, attributes_of, class_name


def _written(obj, **options):
    writer = StateWriter(**options)
    writer.write("it", obj)
    return writer.table


class Slotted:
    """Has slots beside its other attributes."""

    __slots__ = ("__dict__", "slot")
    of_this_process = ("clock",)

    def __init__(self):
        self.slot, self.other, self.clock = 1, 2, 3


@pytest.mark.parametrize("value", [None, True, 3, "text", 0.1, 10**30], ids=repr)
def test_plain_value_stands_for_itself(value):
    assert _written(value).roots["it"] == value


def test_table_is_strict_json():
    table = _written(
        [math.nan, -math.inf, 1j, b"x", (1, {2}), np.float32(3), torch.float16, {1: torch.ones(99)}]
    )
    json.dumps([table.roots, table.entries], allow_nan=False)
    assert list(table.tensors) == ["it.7.1"]


def test_object_with_two_names_is_one_entry():
    shared = [1]
    table = _written({"a": shared, "b": shared})
    assert len(table.entries) == 2
    one, two = (node for _, node in table.entries[0]["items"])
    assert one == two == {"ref": 1}


def test_circle_comes_to_an_end():
    circle = []
    circle.append(circle)
    assert _written(circle).entries[0]["items"] == [{"ref": 0}]


@pytest.mark.parametrize("code", [len, _written, Slotted, np.less, threading.Lock(), json], ids=class_name)
def test_code_is_only_marked_as_being_there(code):
    table = _written(code)
    assert table.roots["it"] == {"live": class_name(code)}
    assert table.not_kept == []


def test_what_cannot_be_written_is_listed():
    table = _written({"it": iter([1])})
    assert table.not_kept == ["it.it (builtins.list_iterator)"]


def test_module_is_written_with_names_as_in_its_state():
    table = _written(nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)))
    assert {"it.0.weight", "it.0.bias", "it.1.weight"} <= set(table.tensors)
    assert table.not_kept == []


def test_attributes_leave_out_what_is_of_the_process():
    assert attributes_of(Slotted()) == {"slot": 1, "other": 2}


def test_table_in_memory_keeps_what_tensors_were():
    layer, values = nn.Linear(2, 3), torch.arange(100.0)
    table = _written([layer, values], by_reference=False)
    values.zero_()
    assert table.tensors["it.1"].sum() == 4950
    assert table.tensors["it.0.weight"].data_ptr() == layer.weight.data_ptr()


def test_differences_name_places():
    one = _written({"a": [1], "b": torch.arange(100), "c": random.Random(0)})
    other = _written({"a": [2], "b": torch.arange(100) + 1, "c": random.Random(0)})
    assert one.differences(one) == []
    assert one.differences(other) == ["it.a", "it.b"]


def test_what_is_of_the_process_is_no_difference():
    assert _written([len, 1]).differences(_written([None, 1])) == []
