from __future__ import annotations

from benchmarks.table import Table

TABLE = Table("Times", ["loop", "us"], [["hand-written", "9.5"], ["ours", "10.25"]])


def test_plain_columns_are_padded_and_numbers_stand_to_the_right():
    assert TABLE.plain().splitlines() == [
        "Times",
        "loop             us",
        "------------  -----",
        "hand-written    9.5",
        "ours          10.25",
    ]


def test_markdown_columns_are_padded_and_numbers_stand_to_the_right():
    assert TABLE.markdown().splitlines() == [
        "**Times**",
        "",
        "| loop         |    us |",
        "| ------------ | ----: |",
        "| hand-written |   9.5 |",
        "| ours         | 10.25 |",
    ]
