"""Names become snake case, arguments are found by name, functions are chained."""

from __future__ import annotations

import inspect
from functools import partial

import pytest

from fastloop_v1.defaults import defaults
from fastloop_v1.names import (
    camel2snake,
    compose,
    extract_kwargs,
    func_args,
    has_arg,
    noop,
    numbered,
    split_kwargs_by_func,
    with_v1_signature,
)


def _two(a, b=1, *rest, key=None, **others):
    local = [a]
    local.append(b)
    return local


class _Holder:
    def __init__(self, x):
        self.x = x

    def method(self, y):
        return y


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("aba", ["a", "b", "a_2"]),
        ("aaa", ["a", "a_2", "a_3"]),
        (["a", "a", "a_2"], ["a", "a_3", "a_2"]),
        ("", []),
    ],
    ids=["two", "three", "number taken", "none"],
)
def test_bug_41_repeated_names_are_numbered(names, expected):
    assert numbered(names) == expected


def test_bug_41_repeated_names_stay_with_v1_quirks(monkeypatch):
    monkeypatch.setattr(defaults, "v1_quirks", True)
    assert numbered("aba") == ["a", "b", "a"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("CSVLogger", "csv_logger"),
        ("LRFinder", "lr_finder"),
        ("TerminateOnNaNCallback", "terminate_on_na_n_callback"),
        ("ReduceLROnPlateauCallback", "reduce_lr_on_plateau_callback"),
        ("already_snake", "already_snake"),
        ("Model2Half", "model2_half"),
    ],
)
def test_camel2snake_is_that_of_v1(name, expected):
    assert camel2snake(name) == expected


@pytest.mark.parametrize(
    ("func", "expected"),
    [
        pytest.param(_two, ("a", "b"), id="function, locals and keyword-only left out"),
        pytest.param(_Holder(1).method, ("self", "y"), id="method"),
        pytest.param(_Holder, ("x",), id="class"),
        pytest.param(partial(_two, 1), ("b",), id="partial"),
    ],
)
def test_func_args_are_the_positional_ones(func, expected):
    assert func_args(func) == expected


def test_has_arg_asks_for_one_name():
    assert has_arg(_two, "b")
    assert not has_arg(_two, "local")


def test_keywords_are_split_by_the_function_that_takes_them():
    assert split_kwargs_by_func({"b": 1, "q": 2}, _two) == ({"b": 1}, {"q": 2})


def test_keywords_are_split_by_name():
    assert extract_kwargs(["a", "z"], {"a": 1, "b": 2}) == ({"a": 1}, {"b": 2})


def test_noop_returns_its_argument():
    assert noop(4) == 4


def test_compose_goes_through_functions_first_to_last():
    assert compose([lambda x, by: x + by, lambda x, by: x * by])(1, by=3) == 12
    assert compose([])(5) == 5
    assert compose(str)(5) == "5"


def test_with_v1_signature_hides_keyword_only_parameters_that_still_work():
    @with_v1_signature
    def fit(epochs, lr=1, *, strict=False):
        return epochs, lr, strict

    assert list(inspect.signature(fit).parameters) == ["epochs", "lr"]
    assert fit(2, strict=True) == (2, 1, True)
