"""Data frames: columns by name, columns as categories."""

from __future__ import annotations

from typing import Any

from .sequences import listify

__all__ = ["df_names_to_idx", "series2cat"]


def df_names_to_idx(names: Any, df: Any) -> list[int]:
    """Return the positions of columns of a data frame.

    Args:
        names: one column or a list, by name or already by position.
        df: a pandas DataFrame.

    Raises:
        KeyError: a name that is no column.
    """
    return [name if isinstance(name, int) else df.columns.get_loc(name) for name in listify(names)]


def series2cat(df: Any, *col_names: str) -> None:
    """Turn columns of a pandas DataFrame into ordered categories, in place."""
    for name in listify(col_names):
        df[name] = df[name].astype("category").cat.as_ordered()
