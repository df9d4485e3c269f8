"""Callbacks run by order and as they were added, and where they ask for it before or after others."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastloop_v1.errors import ArgumentError
from fastloop_v1.v2 import Callback
from fastloop_v1.v2.ordering import conflicts, in_order


def named(name, order=0, **attributes):
    return type(name, (Callback,), {"order": order, **attributes})()


def names(callbacks):
    return "".join(type(cb).__name__ for cb in callbacks)


def test_equal_orders_run_as_they_were_added():
    assert names(in_order([named("A", 3), named("B"), named("C", -5), named("D", 3), named("E")])) == "CBEAD"


A = type("A", (Callback,), {})
WISHES = {
    "by class": ([named("B", run_before=A), A()], "BA"),
    "by class, already so": ([A(), named("B", run_after=A)], "AB"),
    "by class name": ([named("B", run_after="A"), A()], "AB"),
    "by callback name": ([named("B", run_after="a_word"), named("AWord")], "AWordB"),
    "several": ([named("C", run_after=["A", "B"]), named("B", run_after=(A,)), A()], "ABC"),
    "against the order": ([named("B", -5, run_after=A), A()], "AB"),
    "of somebody who is not there": ([named("B", run_after="Nobody"), A()], "BA"),
    "of its own class": ([A(), type("B", (A,), {"run_after": A})()], "AB"),
}


@pytest.mark.parametrize(("callbacks", "order"), WISHES.values(), ids=WISHES)
def test_a_wish_is_granted(callbacks, order):
    assert names(in_order(callbacks)) == order


def test_others_stay_where_they_are():
    callbacks = [named("X", 1), named("B", 0, run_after=A), named("Y", 3), type("A", (A,), {"order": 2})()]
    assert names(in_order(callbacks)) == "XABY"


CIRCLES = {
    "of two": ([named("A", run_before="B"), named("B", run_before="A")], "A before B before A"),
    "of three": (
        [named("A", run_after="C"), named("B", run_after="A"), named("C", run_after="B"), named("D")],
        "A before B before C before A",
    ),
    "in one": ([named("A", run_before="B", run_after="B"), named("B")], "A before B before A"),
}


@pytest.mark.parametrize(("callbacks", "circle"), CIRCLES.values(), ids=CIRCLES)
def test_a_circle_is_named(callbacks, circle):
    with pytest.raises(ArgumentError, match=re.escape(circle) + "|B before A before B"):
        in_order(callbacks)


def test_a_wish_against_the_order_is_named():
    callbacks = [named("B", -5, run_after="A"), named("A"), named("C", 1, run_after="A")]
    (text,) = conflicts(callbacks)
    assert text.startswith("A (order 0) runs before B (order -5)")


@given(st.integers(0, 10**6))
def test_every_wish_without_a_circle_is_granted(seed):
    draw = random.Random(seed)
    letters = "ABCDEF"
    callbacks = [
        named(
            letter,
            draw.randint(-2, 2),
            run_after=draw.sample(letters[:at], draw.randint(0, min(2, at))),
            run_before=draw.sample(letters[at + 1 :], draw.randint(0, min(2, 5 - at))),
        )
        for at, letter in enumerate(letters)
    ]
    draw.shuffle(callbacks)
    found = names(in_order(callbacks))
    assert sorted(found) == list(letters)
    for cb in callbacks:
        place = found.index(type(cb).__name__)
        assert all(found.index(other) < place for other in cb.run_after)
        assert all(found.index(other) > place for other in cb.run_before)
