"""Rules allow what names allow and what is trusted, fill only what they made, and copy within bounds."""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from fractions import Fraction
from functools import partial
from pickle import UnpicklingError

import numpy as np
import pytest
import torch
from torch import nn

from fastloop_v1.inert_record import InertRecord
from fastloop_v1.losses import FlattenedLoss
from fastloop_v1.old_files.pickle_rules import NamedRules, NotAllowedError, StateRules, TrustingRules


@pytest.fixture
def rules():
    """Rules that trust one class."""
    return NamedRules(["fractions.Fraction"], 1000)


def made(rules, module, name):
    """A new object of a class."""
    return rules.new(rules.find(module, name), (), {})


def test_name_that_is_not_allowed_is_refused(rules):
    for module, name in [("os", "system"), ("pathlib", "Path.touch"), ("fractions", "Decimal")]:
        with pytest.raises(NotAllowedError, match=f"it names {module}.{name}") as caught:
            rules.find(module, name)
        assert caught.value.names == (f"{module}.{name}",)


def test_names_are_checked_together_in_their_order(rules):
    rules.check([("torch.nn", "Linear"), ("fractions", "Fraction")])
    with pytest.raises(NotAllowedError) as caught:
        rules.check([("b", "C"), ("torch.nn", "Linear"), ("a", "B"), ("b", "C")])
    assert caught.value.names == ("b.C", "a.B")


def test_class_of_torch_is_made_and_filled_but_not_called(rules):
    linear = made(rules, "torch.nn", "Linear")
    rules.build(linear, vars(nn.Linear(2, 1)))
    assert linear(torch.ones(1, 2)).shape == (1, 1)
    with pytest.raises(NotAllowedError, match=r"it calls torch\.nn\.Linear"):
        rules.call(rules.find("torch.nn", "Linear"), (2, 1))


def test_old_module_is_renewed_when_it_is_filled(rules):
    state = {key: value for key, value in vars(nn.CrossEntropyLoss()).items() if key != "label_smoothing"}
    loss = made(rules, "torch.nn", "CrossEntropyLoss")
    rules.build(loss, state)
    assert loss.label_smoothing == 0


def test_what_was_not_named_is_neither_called_nor_made(rules):
    for value in (print, nn.Linear(1, 1), "text", FlattenedLoss):
        with pytest.raises(UnpicklingError, match="it calls an object of"):
            rules.call(value, ())
        with pytest.raises(UnpicklingError, match="it makes an object of"):
            rules.new(value, (), {})


def test_what_a_name_stands_for_is_not_filled(rules):
    linear = rules.find("torch.nn", "Linear")
    for fill in (rules.build, rules.extend, rules.set_pairs):
        with pytest.raises(NotAllowedError, match=r"it fills torch\.nn\.Linear"):
            fill(linear, [])


def test_object_of_an_unnamed_class_is_not_filled(rules):
    for value in (FlattenedLoss(nn.MSELoss), torch.ones(1), "text", set(), lambda: None):
        with pytest.raises(UnpicklingError, match="it fills an object of"):
            rules.build(value, {"a": 1})


def test_record_keeps_whatever_it_is_given(rules):
    record = rules.new(rules.find("fastai.vision.image", "Image"), (1,), {"a": 2})
    rules.build(record, ["state"])
    rules.extend(record, [3])
    rules.set_pairs(record, [("k", 4)])
    assert isinstance(record, InertRecord)
    assert (record.args, record.kwargs, record.state) == ((1,), {"a": 2}, ["state"])
    assert (record.members, record.pairs) == ([3], [("k", 4)])


@pytest.mark.parametrize(
    "empty", [{}, OrderedDict(), defaultdict(list)], ids=lambda empty: type(empty).__name__
)
def test_dicts_are_filled_by_pairs(rules, empty):
    rules.set_pairs(empty, [("a", 1), ("b", 2)])
    assert dict(empty) == {"a": 1, "b": 2}


def test_lists_and_sets_are_filled_by_members(rules):
    members, numbers = [], set()
    rules.extend(members, [1, 2])
    rules.extend(numbers, [1, 1])
    assert (members, numbers) == ([1, 2], {1})


@pytest.mark.parametrize(
    "value", [(), {}, torch.ones(2), nn.ModuleList(), np.zeros(2)], ids=lambda value: type(value).__name__
)
def test_nothing_else_takes_members(rules, value):
    with pytest.raises(UnpicklingError, match="it fills an object of"):
        rules.extend(value, [1])


def test_partial_of_a_named_class_or_function_is_made(rules):
    kind = rules.find("functools", "partial")
    adam = rules.find("torch.optim.adam", "Adam")
    found = rules.call(kind, (adam,))
    rules.build(found, (adam, (), {"lr": 1}, None))
    assert (found.func, found.keywords) == (torch.optim.Adam, {"lr": 1})
    for function in (print, partial(adam), nn.Linear(1, 1)):
        with pytest.raises(UnpicklingError, match="it calls an object of"):
            rules.call(kind, (function,))
        with pytest.raises(UnpicklingError, match="it calls an object of"):
            rules.build(found, (function, (), {}, None))


def test_object_of_old_protocols_is_made_of_plain_ones_only(rules):
    again, plain = rules.find("copy_reg", "_reconstructor"), rules.find("__builtin__", "object")
    assert (
        type(rules.call(again, (rules.find("fastai.layers", "FlattenedLoss"), plain, None))) is FlattenedLoss
    )
    with pytest.raises(UnpicklingError):
        rules.call(again, (rules.find("torch.nn", "Linear"), int, None))
    with pytest.raises(UnpicklingError):
        rules.call(again, (dict, plain, None))


def test_trusted_class_is_called_and_filled_as_it_likes(rules):
    kind = rules.find("fractions", "Fraction")
    assert rules.call(kind, ("1/3",)) == Fraction(1, 3)
    half = rules.new(kind, (1, 2), {})
    rules.build(half, (None, {"_numerator": 3}))
    assert half == Fraction(3, 2)


def test_copies_end_with_the_number_allowed():
    rules = NamedRules((), 10)
    make = rules.find("_codecs", "encode")
    assert rules.call(make, ("abc", "latin1")) == b"abc"
    with pytest.raises(UnpicklingError, match="copies more than it holds"):
        rules.call(make, ("abc", "latin1"))


@pytest.mark.parametrize("layers", [None, 1.5, 1001, 10**12, True])
def test_recurrent_network_without_a_plain_number_of_layers_is_refused(rules, layers):
    with pytest.raises(ValueError, match="a recurrent network has"):
        rules.build(made(rules, "torch.nn", "LSTM"), {"num_layers": layers, "_all_weights": [[1]]})


def test_dicts_with_a_default_are_limited(rules):
    kind = rules.find("collections", "defaultdict")
    for _ in range(1000):
        rules.call(kind, ())
    with pytest.raises(UnpicklingError, match="more than 1000 dicts"):
        rules.call(kind, ())


def test_trusting_rules_allow_everything():
    rules = TrustingRules(1000)
    rules.check([("fractions", "Fraction")])
    assert rules.call(rules.find("builtins", "eval"), ("1 + 1",)) == 2
    assert rules.find("pathlib", "Path.cwd")().is_absolute()
    assert rules.call(len, ("abc",)) == 3
    words = rules.new(rules.find("collections", "UserList"), (), {})
    rules.build(words, {"data": []})
    rules.extend(words, ["a"])
    assert list(words) == ["a"]


def test_trusting_rules_keep_names_of_v1_and_what_is_gone():
    rules = TrustingRules(1000)
    assert rules.find("fastai.layers", "FlattenedLoss") is FlattenedLoss
    assert issubclass(rules.find("fastai.vision.image", "Image"), InertRecord)
    assert rules.find("torch", "FloatStorage") is torch.float32
    assert rules.call(rules.find("numpy.core", "_ufunc_reconstruct"), ("numpy", "less")) is np.less
    with pytest.raises(ModuleNotFoundError):
        rules.find("no_such_package", "Thing")


def test_states_may_name_less_than_exports():
    states = StateRules(["fractions.Fraction"], 10)
    assert states.find("torch", "FloatStorage") is torch.float32
    assert states.find("fractions", "Fraction") is Fraction
    for module, name in [("torch.nn", "Linear"), ("fastai.vision.image", "Image"), ("functools", "partial")]:
        with pytest.raises(NotAllowedError):
            states.find(module, name)


def test_file_may_not_name_thousands():
    with pytest.raises(UnpicklingError, match="allowed are 1000"):
        NamedRules((), 10).check([(f"fastai.m{number}", "A") for number in range(2000)])


def test_attribute_is_a_function_of_torch_or_a_record_and_nothing_else():
    rules = NamedRules((), 100)
    ask, place = rules.find("builtins", "getattr"), rules.find("torch._C", "_VariableFunctions")
    assert rules.call(ask, (place, "sigmoid")) is torch.sigmoid
    assert isinstance(rules.call(ask, (rules.find("fastai.vision.image", "Image"), "open")), InertRecord)
    for owner, name in [
        (place, "from_file"),
        (place, "__class__"),
        (rules.find("torch.nn", "Linear"), "apply"),
    ]:
        with pytest.raises(NotAllowedError, match=r"builtins\.getattr"):
            rules.call(ask, (owner, name))
