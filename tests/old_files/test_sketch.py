"""A sketch says what a file holds and makes none of it."""

from __future__ import annotations

import io
import os
import pickle

import torch
from torch import nn

from fastloop_v1.old_files.pickle_machine import PickleMachine
from fastloop_v1.old_files.sketch import (
    Sketch,
    SketchRules,
    children_of,
    dotted_name,
    keyed,
    members_of,
    numbers_in,
    shape_of,
    status_of,
)


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def sketched(value, protocol=2):
    rules = SketchRules()
    found = PickleMachine(rules, rules.persistent).run(io.BytesIO(pickle.dumps(value, protocol)))
    return found, [".".join(pair) for pair in rules.names]


def test_call_is_written_down_and_not_made(tmp_path):
    found, names = sketched([Call(os.mkdir, str(tmp_path / "a"))])
    assert (found[0].dotted, found[0].args) == (f"{os.mkdir.__module__}.mkdir", (str(tmp_path / "a"),))
    assert names == [f"{os.mkdir.__module__}.mkdir"]
    assert list(tmp_path.iterdir()) == []


def test_names_of_later_protocols_are_found():
    assert sketched(nn.ReLU, 4)[1] == ["torch.nn.modules.activation.ReLU"]


def test_modules_and_their_parameters_are_found():
    model = Sketch("a.Model", state={"_modules": {"0": Sketch("a.Layer"), "1": None}, "_parameters": {}})
    assert [name for name, _ in children_of(model)] == ["0"]
    weight = Sketch("torch._utils._rebuild_tensor_v2", (None, 0, (3, 4), (4, 1)))
    parameter = Sketch("torch._utils._rebuild_parameter", (weight, True))
    layer = Sketch(
        "a.Layer", state={"_parameters": Sketch("collections.OrderedDict", pairs=[("w", parameter)])}
    )
    assert list(numbers_in(layer).values()) == [12]
    assert (shape_of(parameter), shape_of(torch.zeros(1))) == ((3, 4), None)


def test_parts_of_what_is_no_container_are_none():
    assert (keyed(3), members_of(3), list(children_of(3)), numbers_in(3)) == ({}, [], [], {})


def test_name_is_that_of_what_a_partial_calls():
    assert dotted_name(Sketch("functools.partial", (Sketch("a.b"),))) == "a.b"
    assert dotted_name(3) == "int"


def test_status_says_what_the_reader_does():
    names = [
        ("torch.nn", "Linear"),
        ("fastai.vision.image", "Image"),
        ("builtins", "eval"),
        ("no..module", "x"),
    ]
    assert [status_of(*pair) for pair in names] == ["allowed", "record", "refused", "refused"]
