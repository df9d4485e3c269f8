"""Odd numbers for what takes numbers: taken if they can be meant, else refused in words, without a trace."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from fastloop_v1.errors import FastloopError

QUICK = settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    report_multiple_bugs=False,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
GROUPS = 2

ENDS = (
    -1.0,
    -1,
    -1e-9,
    0,
    0.0,
    1e-3,
    0.25,
    0.5,
    0.999,
    1,
    1.0,
    2,
    3.0,
    5,
    math.nan,
    math.inf,
    -math.inf,
    10**400,
)
NUMBERS = st.sampled_from(ENDS)
# An object of each of these holds one number, and counts as that.
AS_SCALAR = st.sampled_from((lambda x: x, lambda x: x, np.float64, np.float32, np.array, torch.tensor))
NO_NUMBERS = st.sampled_from(("x", "0.1", b"1", {}, {0.1}, object(), object, 1j, len, ..., np.array("a")))


@dataclass(frozen=True)
class One:
    """A number in some form."""

    number: float
    given: Any


def one(number, form):
    """A number in a form that can hold it."""
    return One(number, number if isinstance(number, int) and abs(number) > 2**60 else form(number))


SCALARS = st.builds(one, NUMBERS, AS_SCALAR)
LISTS = st.lists(NUMBERS.filter(lambda n: not isinstance(n, int) or abs(n) < 2**60), max_size=3)
AS_LIST = st.sampled_from((list, tuple, np.array, torch.tensor))


@st.composite
def several(draw):
    """A few numbers in something that holds several."""
    numbers, form = draw(LISTS), draw(AS_LIST)
    return numbers, form([float(n) for n in numbers])


SLICES = st.builds(
    slice, st.sampled_from((None, 0.001, 0.1)), st.sampled_from((None, 0.1, 1.0, math.nan, -1, "a"))
)


def at_least_0(number):
    return 0 <= number < 10**308  # comparable with whole numbers that no float can hold


def above_0(number):
    return 0 < number < 10**308


def share(number):
    return 0 <= number <= 1


def momentum(number):
    return 0 <= number < 1


def count(number):
    return 0 <= number < 2**53 and number == int(number)


# call, the argument, what one number has to be, which forms of several there may be
CASES = {
    "lr of fit": (lambda learn, x: learn.fit(1, x), "lr", at_least_0, "list slice"),
    "wd of fit": (lambda learn, x: learn.fit(1, 0.01, wd=x), "wd", at_least_0, "list none"),
    "epochs of fit": (lambda learn, x: learn.fit(x, 0.01), "epochs", count, ""),
    "max_lr": (lambda learn, x: learn.fit_one_cycle(1, x), "lr", at_least_0, "list slice"),
    "moms": (lambda learn, x: learn.fit_one_cycle(1, 0.01, moms=x), "moms", momentum, "list"),
    "div_factor": (lambda learn, x: learn.fit_one_cycle(1, 0.01, div_factor=x), "div_factor", above_0, ""),
    "pct_start": (lambda learn, x: learn.fit_one_cycle(1, 0.01, pct_start=x), "pct_start", share, ""),
    "final_div": (lambda learn, x: learn.fit_one_cycle(1, 0.01, final_div=x), "final_div", above_0, "none"),
    "wd of one cycle": (lambda learn, x: learn.fit_one_cycle(1, 0.01, wd=x), "wd", at_least_0, "list none"),
    "cyc_len": (lambda learn, x: learn.fit_one_cycle(x, 0.01), "epochs", count, ""),
    "tot_epochs": (lambda learn, x: learn.fit_one_cycle(1, 0.01, tot_epochs=x), "tot_epochs", count, "none"),
    "start_epoch": (
        lambda learn, x: learn.fit_one_cycle(1, 0.01, start_epoch=x),
        "start_epoch",
        count,
        "none",
    ),
    "lr of fit_fc": (lambda learn, x: learn.fit_fc(1, x), "lr", at_least_0, "list slice"),
    "start_pct": (lambda learn, x: learn.fit_fc(1, 0.01, start_pct=x), "start_pct", share, ""),
    "start_lr": (lambda learn, x: learn.lr_find(x, 10, num_it=2), "start_lr", above_0, "list slice"),
    "end_lr": (lambda learn, x: learn.lr_find(1e-7, x, num_it=2), "end_lr", above_0, "list slice"),
    "num_it": (lambda learn, x: learn.lr_find(num_it=x), "num_it", lambda x: count(x) and x > 0, ""),
}


def outcome(call, learn, value, condition):
    """The error a call is refused with, after which all is as before; None if it is accepted."""
    before = condition(learn)
    try:
        call(learn, value)
    except FastloopError as error:
        assert condition(learn) == before
        return str(error)
    return None


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@QUICK
@given(value=SCALARS)
def test_one_number_is_taken_if_it_can_be_meant(case, made, condition, value):
    call, name, can_be, _ = case
    refused = outcome(call, made(), value.given, condition)
    # A float32 is not quite the number it was made of.
    number = float(value.given) if isinstance(value.given, np.float32) else value.number
    assert (refused is None) == can_be(number)
    assert refused is None or (refused.startswith(f"{name} is ") and "must be" in refused)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@QUICK
@given(value=several())
def test_several_numbers_are_taken_where_there_are_layer_groups(case, made, condition, value):
    (call, name, can_be, forms), (numbers, given_) = case, value
    fits = "list" in forms and len(numbers) in (1, GROUPS) and all(map(can_be, numbers))
    # torch.tensor([0.999]) and the like are no larger for being of float32.
    refused = outcome(call, made(), given_, condition)
    assert (refused is None) == fits
    assert refused is None or (f"{name} is " in refused and ("must be" in refused or "allowed" in refused))


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
@QUICK
@given(value=st.one_of(NO_NUMBERS, SLICES, st.none()))
def test_what_is_no_number_is_refused(case, made, condition, value):
    call, name, can_be, forms = case
    fits = value is None and "none" in forms
    if isinstance(value, slice) and "slice" in forms and isinstance(value.stop, float):
        fits = can_be(value.stop)
    refused = outcome(call, made(), value, condition)
    assert (refused is None) == fits
    assert refused is None or (refused.startswith(f"{name} is ") and "must be" in refused)
