"""Numbers that training is given are checked before anything is touched."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from fastloop_v1.arguments import check_count, check_number, check_numbers
from fastloop_v1.defaults import defaults
from fastloop_v1.errors import ArgumentError, ArgumentTypeError


@pytest.mark.parametrize("value", [0, 3, True, np.int64(3), 3.0, np.float32(3), torch.tensor(3), np.array(3)])
def test_whole_number_is_a_count(value):
    found = check_count("n", value)
    assert found == value
    range(found)


@pytest.mark.parametrize("value", [-1, 0.5, math.nan, math.inf, 2**54, 10**400, torch.tensor(0.5)])
def test_other_number_is_no_count(value):
    with pytest.raises(ArgumentError, match="^n is .*; it must be a whole number from 0 on"):
        check_count("n", value)


@pytest.mark.parametrize("value", ["3", b"3", None, [3], np.array([3]), torch.tensor([3]), {}, 1j, slice(3)])
def test_what_is_no_number_is_of_the_wrong_type(value):
    for check in (check_count, lambda name, value: check_number(name, value, 0)):
        with pytest.raises(ArgumentTypeError, match="^n is .*must be"):
            check("n", value)


@pytest.mark.parametrize(
    ("value", "options", "words"),
    [
        (-1, {}, "a finite number of at least 0"),
        (0, {"above": True}, "a finite number above 0"),
        (1.5, {"most": 1}, "a finite number of at least 0 and at most 1"),
        (1, {"most": 1, "below": True}, "a finite number of at least 0 and below 1"),
        (math.nan, {}, "a finite number"),
        (math.inf, {}, "a finite number"),
    ],
)
def test_number_out_of_range_is_refused_with_the_range(value, options, words):
    with pytest.raises(ArgumentError, match=f"n is {value}; it must be {words}"):
        check_number("n", value, 0, **options)


@pytest.mark.parametrize(
    "value", [0.1, [0.1], (0.1, 0.2), np.array([0.1, 0.2]), torch.ones(2), np.float32(1)]
)
def test_one_number_or_one_for_each_group_is_taken_as_it_is(value):
    assert check_numbers("n", value, 0, groups=2) is value


@pytest.mark.parametrize("value", [[0.1] * 3, [], np.ones(3), [0.1, math.nan], [0.1, "x"], [0.1, -1]])
def test_wrong_number_of_numbers_or_one_that_cannot_be_is_refused(value):
    with pytest.raises(ArgumentError, match="n is "):
        check_numbers("n", value, 0, groups=2)


def test_slice_is_taken_where_it_may_be():
    assert check_numbers("n", slice(0.1, 1), 0, slices=True) == slice(0.1, 1)
    for value, slices in [(slice(0.1), False), (slice(None), True), (slice(-1, 1), True), (slice("a"), True)]:
        with pytest.raises(ArgumentError):
            check_numbers("n", value, 0, slices=slices)


def test_v1_looks_at_nothing(monkeypatch):
    monkeypatch.setattr(defaults, "v1_quirks", True)
    assert check_count("n", -1) == check_number("n", -1, 0) == check_numbers("n", -1, 0) == -1
