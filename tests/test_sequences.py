"""Lists, tuples and dicts are told apart, made, cut and walked as in v1."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fastloop_v1.defaults import defaults
from fastloop_v1.sequences import (
    LengthMismatchError,
    chunks,
    even_mults,
    first_el,
    idx_dict,
    ifnone,
    is_dict,
    is_listy,
    is_tuple,
    listify,
    partition,
    partition_by_cores,
    range_of,
    recurse,
    recurse_eq,
    to_int,
    uniqueify,
)


@pytest.mark.parametrize(
    ("x", "listy", "a_tuple", "a_dict"),
    [
        pytest.param([1], True, False, False, id="list"),
        pytest.param((), True, True, False, id="empty tuple"),
        pytest.param({}, False, False, True, id="dict"),
        pytest.param(np.array([1]), False, False, False, id="array"),
        pytest.param("ab", False, False, False, id="string"),
    ],
)
def test_kinds_are_told_apart(x, listy, a_tuple, a_dict):
    assert (is_listy(x), is_tuple(x), is_dict(x)) == (listy, a_tuple, a_dict)


def test_ifnone_takes_the_default_for_none_only():
    assert ifnone(None, 2) == 2
    assert ifnone(0, 2) == 0


@pytest.mark.parametrize(
    ("p", "q", "expected"),
    [
        pytest.param(None, None, [], id="nothing"),
        pytest.param(3, None, [3], id="number"),
        pytest.param("abc", None, ["abc"], id="string is one item"),
        pytest.param((1, 2), None, [1, 2], id="tuple"),
        pytest.param(np.array([1.0, 2.0]), None, [1.0, 2.0], id="array"),
        pytest.param({"a": 1, "b": 2}, None, ["a", "b"], id="dict of several keys"),
        pytest.param({5}, 2, [5, 5], id="set of one"),
        pytest.param(1, [0, 0, 0], [1, 1, 1], id="one repeated to the length of another"),
        pytest.param([5], 3, [5, 5, 5], id="one repeated to a number"),
        pytest.param(torch.tensor([2.0]), 2, [2.0, 2.0], id="tensor of one"),
        pytest.param(np.array([2.0]), 2, [2.0, 2.0], id="array of one is repeated, not multiplied"),
        pytest.param([], 0, [], id="empty of length none"),
    ],
)
def test_listify_makes_a_list(p, q, expected):
    assert listify(p, q) == expected


def test_listify_copies_a_list():
    items = [1, 2]
    assert listify(items) is not items


@pytest.mark.parametrize(
    "item", [torch.tensor(2.0), (i for i in range(2))], ids=["scalar tensor", "generator"]
)
def test_listify_wraps_what_has_no_length(item):
    assert listify(item)[0] is item


@pytest.mark.parametrize(
    ("p", "q"), [([1, 2], 3), (None, 2), ([1, 2], [0])], ids=["two of three", "none", "list"]
)
@pytest.mark.parametrize("kind", [LengthMismatchError, AssertionError, ValueError])
def test_listify_refuses_another_length(p, q, kind):
    with pytest.raises(kind, match="List len mismatch"):
        listify(p, q)


def test_listify_refuses_a_dict_of_one_key():
    with pytest.raises(TypeError, match="wrap it in a list"):
        listify({"a": 1})


@pytest.mark.parametrize(
    ("x", "expected"), [([[3, 4], 5], 3), ({"a": [7]}, 7), (5, 5), (({"b": (2,)},), 2)], ids=repr
)
def test_first_el_looks_inside(x, expected):
    assert first_el(x) == expected


def test_recurse_reaches_every_leaf_and_makes_tuples_lists():
    assert recurse(lambda x, by: x * by, [1, (2, 3), {"k": 4}], 2) == [2, [4, 6], {"k": 8}]


def test_to_int_cuts_towards_zero():
    assert to_int([1.7, (-2.2,)]) == [1, [-2]]


@pytest.mark.parametrize(
    ("one", "other", "equal"),
    [
        pytest.param([1, [2, 3]], [1, (2, 3)], True, id="nested"),
        pytest.param([1, 2], 1, False, id="list and number"),
        pytest.param([1, 2], [1], False, id="lengths"),
        pytest.param(torch.ones(2), torch.ones(2), True, id="tensors"),
        pytest.param([np.array([1, 2])], [np.array([1, 3])], False, id="arrays"),
        pytest.param("a", "a", True, id="strings"),
    ],
)
def test_recurse_eq_compares_leaf_by_leaf(one, other, equal):
    assert recurse_eq(one, other) is equal


def test_uniqueify_keeps_the_order_of_first_appearance():
    assert uniqueify([3, 1, 3, 2]) == [3, 1, 2]
    assert uniqueify([3, 1, 3, 2], sort=True) == [1, 2, 3]


def test_indices_are_those_of_the_items():
    assert idx_dict(["a", "b"]) == {"a": 0, "b": 1}
    assert range_of("abc") == [0, 1, 2]


@given(st.lists(st.integers()), st.integers(1, 9))
def test_pieces_joined_are_the_whole(items, size):
    pieces = partition(items, size)
    assert sum(pieces, []) == items
    assert all(len(piece) == size for piece in pieces[:-1])
    assert list(chunks(items, size)) == pieces


@given(st.lists(st.integers()), st.integers(1, 9))
def test_partition_by_cores_makes_no_more_pieces_than_cores(items, cores):
    assert len(partition_by_cores(items, cores)) <= cores


@given(st.floats(1e-8, 1e3), st.floats(1e-8, 1e3), st.integers(2, 6))
def test_even_mults_is_a_geometric_series(start, stop, n):
    values = even_mults(start, stop, n)
    closed_form = [start * (stop / start) ** (i / (n - 1)) for i in range(n)]
    np.testing.assert_allclose(values, closed_form, rtol=1e-9)


def test_even_mults_of_one_value_is_the_stop():
    assert even_mults(1.0, 2.0, 1).tolist() == [2.0]


def test_even_mults_of_one_value_divides_by_zero_with_v1_quirks(monkeypatch):
    monkeypatch.setattr(defaults, "v1_quirks", True)
    with pytest.raises(ZeroDivisionError):
        even_mults(1.0, 2.0, 1)
