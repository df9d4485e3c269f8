"""Lines of text: reading and writing them, short lists, tables for a notebook."""

from __future__ import annotations

import html
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .atomic_file import atomic_write

__all__ = ["PrettyString", "float_or_x", "loadtxt_str", "save_texts", "show_some", "text2html_table"]


class PrettyString(str):
    """A string that an interactive session shows as it prints, without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return the string itself."""
        return str(self)


def loadtxt_str(path: str | os.PathLike[str]) -> NDArray[np.str_]:
    """Return the lines of a UTF-8 text file as an array of strings, line ends cut off."""
    with Path(path).open(encoding="utf8") as file:
        return np.array([line.rstrip("\n") for line in file], dtype=str)


def save_texts(fname: str | os.PathLike[str], texts: Iterable[str]) -> None:
    """Write texts to a UTF-8 file, a line each."""
    with atomic_write(fname, "w") as file:
        file.writelines(f"{text}\n" for text in texts)


def show_some(items: Any, n_max: int = 5, sep: str = ",") -> str:
    """Return the first `n_max` items as text with `sep` between, and dots if there are more."""
    if items is None or len(items) == 0:
        return ""
    shown = sep.join(str(item) for item in items[:n_max])
    return f"{shown}..." if len(items) > n_max else shown


def float_or_x(x: Any) -> Any:
    """Return `x` as a float, or as it is if it cannot be one."""
    try:
        return float(x)
    except (TypeError, ValueError):
        return x


def text2html_table(items: Iterable[Sequence[Any]]) -> str:
    """Return rows of cells as an HTML table, the first row as its head.

    Args:
        items: rows of equal length; floats are shown with six decimals, all text is escaped.
    """
    rows = [list(row) for row in items]
    head, body = rows[:1], rows[1:]
    lines = ['<table border="1" class="dataframe">', "  <thead>"]
    lines += [_table_row(row, "th", ' style="text-align: right;"') for row in head]
    lines += ["  </thead>", "  <tbody>"]
    lines += [_table_row(row, "td") for row in body]
    return "\n".join([*lines, "  </tbody>", "</table>"])


def _table_row(cells: list[Any], tag: str, style: str = "") -> str:
    filled = "".join(f"      <{tag}>{_cell_text(cell)}</{tag}>\n" for cell in cells)
    return f"    <tr{style}>\n{filled}    </tr>"


def _cell_text(cell: Any) -> str:
    text = f"{cell:.6f}" if isinstance(cell, float) else str(cell)
    return html.escape(text, quote=False).replace("\n", "<br>")
