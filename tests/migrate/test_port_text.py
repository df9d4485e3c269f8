"""Comments are found by the columns a parsed tree counts in."""

from __future__ import annotations

import pytest

from fastloop_v1.migrate.port_text import Text

CODE = "x = 'é#'  # one\ndef f(a,  # two\n      b):  # three\n    return b\n"


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_comments_are_counted_in_bytes(line_end):
    assert Text(CODE.replace("\n", line_end)).comments == [(1, 11), (2, 10), (3, 11)]


@pytest.mark.parametrize(("start", "end", "found"), [((1, 0), (1, 11), False), ((1, 0), (1, 12), True)])
def test_comment_between_two_places_is_found(start, end, found):
    assert Text(CODE).has_comment(start, end) is found


def test_line_begins_where_only_space_is_before():
    text = Text("if x: y\n  z\n")
    assert [text.begins_line(place) for place in [(1, 0), (1, 6), (2, 2)]] == [True, False, True]


@pytest.mark.parametrize(
    ("code", "arguments_end", "found"),
    [
        ("def f(a):  # behind\n    0", (1, 7), False),
        ("def f(a  # inside\n      ):\n    0", (1, 7), True),
        ("def f(a,  # inside\n      b):\n    0", (2, 7), True),
        ("def f(a):\n    # below\n    0", (1, 7), False),
    ],
)
def test_comment_in_a_head_is_one_before_the_colon(code, arguments_end, found):
    body = (code.count("\n") + 1, 0)
    assert Text(code).has_comment_in_head((1, 0), arguments_end, body) is found
