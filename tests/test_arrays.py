"""Arrays are made of anything and split alike."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fastloop_v1.arrays import arange_of, array, arrays_split, index_row, is1d, one_hot, random_split
from fastloop_v1.sequences import LengthMismatchError


@pytest.mark.parametrize(
    ("a", "kind", "values"),
    [
        pytest.param((i for i in (1, 2)), "int64", [1, 2], id="generator"),
        pytest.param([1.0, 2.0], "float64", [1.0, 2.0], id="floats"),
        pytest.param([], "float64", [], id="empty"),
        pytest.param(np.array([1], np.int32), "int32", [1], id="array keeps its type"),
    ],
)
def test_array_is_made_of_iterables(a, kind, values):
    made = array(a)
    assert (made.dtype.name, made.tolist()) == (kind, values)


def test_array_type_may_be_given():
    assert array([1, 2], dtype=np.float32).dtype == np.float32
    assert array([1, 2], ndmin=2).shape == (1, 2)


def test_indices_are_an_array():
    assert arange_of("ab").tolist() == [0, 1]


@pytest.mark.parametrize(("a", "flat"), [([1, 2], True), (np.ones((1, 2)), False), (3, False)], ids=str)
def test_is1d_counts_dimensions(a, flat):
    assert is1d(a) is flat


def test_one_hot_marks_several():
    assert one_hot([0, 2], 4).tolist() == [1, 0, 1, 0]


def test_rows_are_taken_by_position():
    frame = pd.DataFrame({"a": [1, 2, 3]}, index=[7, 8, 9])
    row = index_row(frame, [2])
    row.loc[9, "a"] = 0
    assert frame["a"].tolist() == [1, 2, 3]
    assert index_row(frame["a"], 1) == 2
    assert index_row(np.array([5, 6]), [1]).tolist() == [6]


def test_mask_splits_all_arrays_alike():
    (a, b), (c, d) = arrays_split([True, False, True], [1, 2, 3], list("xyz"))
    assert [part.tolist() for part in (a, b, c, d)] == [[1, 3], ["x", "z"], [2], ["y"]]


def test_split_of_unequal_lengths_is_refused():
    with pytest.raises(LengthMismatchError, match=r"\[1, 2\]"):
        arrays_split([True], [1], [1, 2])


def test_random_split_loses_nothing():
    np.random.seed(0)
    train, valid = random_split(0.25, np.arange(400), np.arange(400))
    assert sorted([*train[0], *valid[0]]) == list(range(400))
    assert train[0].tolist() == train[1].tolist()
    assert 60 < len(valid[0]) < 140
