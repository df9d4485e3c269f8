"""Texts are read and written by lines, shortened, and set as tables."""

from __future__ import annotations

import pytest

from fastloop_v1.texts import PrettyString, float_or_x, loadtxt_str, save_texts, show_some, text2html_table


def test_lines_come_back_as_they_were_written(tmp_path):
    texts = ["first", "zweite Zeile é", ""]
    save_texts(tmp_path / "texts.txt", texts)
    assert loadtxt_str(tmp_path / "texts.txt").tolist() == texts


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (([1, 2, 3, 4, 5, 6],), "1,2,3,4,5..."),
        (([1, 2], 5, "-"), "1-2"),
        ((None,), ""),
        (([],), ""),
    ],
    ids=["more", "all", "nothing", "empty"],
)
def test_show_some_shows_the_first(args, expected):
    assert show_some(*args) == expected


@pytest.mark.parametrize(("x", "expected"), [("1.5", 1.5), ("x", "x"), (None, None)], ids=repr)
def test_float_or_x_keeps_what_is_no_number(x, expected):
    assert float_or_x(x) == expected


def test_pretty_string_is_shown_without_quotes():
    assert repr(PrettyString("a\nb")) == "a\nb"
    assert PrettyString("a") == "a"


def test_table_escapes_its_cells_and_rounds_floats():
    table = text2html_table([["name", "loss"], ["<b>", 0.5]])
    assert "<th>name</th>" in table
    assert "<td>&lt;b&gt;</td>" in table
    assert "<td>0.500000</td>" in table
    assert table.count("<tr") == table.count("</tr>") == 2
