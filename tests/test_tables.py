"""Columns are found by name and become categories."""

from __future__ import annotations

import pandas as pd
import pytest

from fastloop_v1.tables import df_names_to_idx, series2cat


@pytest.fixture
def frame():
    """Two columns."""
    return pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})


@pytest.mark.parametrize(("names", "expected"), [("b", [1]), (["b", "a"], [1, 0]), (0, [0])], ids=repr)
def test_names_become_positions(frame, names, expected):
    assert df_names_to_idx(names, frame) == expected


def test_unknown_name_is_an_error(frame):
    with pytest.raises(KeyError):
        df_names_to_idx("c", frame)


def test_columns_become_ordered_categories(frame):
    series2cat(frame, "a", "b")
    assert frame["b"].cat.ordered
    assert frame["a"].cat.categories.tolist() == [1, 2]
