"""Marks of the table of differences are found in code."""

from __future__ import annotations

import ast

import pytest

from fastloop_v1.differences import DIFFERENCES
from fastloop_v1.migrate.changed_meanings import changed_findings, changed_names
from fastloop_v1.migrate.names_used import uses_of
from fastloop_v1.migrate.scopes import names_of
from fastloop_v1.migrate.v1_names import find

MARKS = sorted({mark for row in DIFFERENCES for mark in row.marks})
CODE = {
    "name": "from fastai.basics import *\nfrom fastai.distributed import *\n{}(1)",
    "attribute": "import fastai\nlearn.{}()",
    "returns": "class A:\n    def on_epoch_end(self, **kw): return {{'{}': 1}}",
    "takes": "class A:\n    def on_train_end(self, {}, **kw): 0",
    "keyword": "f({})",
}


def _findings(code):
    names = names_of(ast.parse(code))
    return list(changed_findings(names, uses_of(names)))


@pytest.mark.parametrize("mark", MARKS)
def test_mark_is_found(mark):
    kind, _, what = mark.partition(":")
    key, _, value = what.partition("=")
    found = _findings(CODE[kind].format(f"{key}={value!r}" if value else what))
    rows = [row for row in DIFFERENCES if mark in row.marks]
    assert len(found) == len(rows)
    for finding, row in zip(found, rows, strict=True):
        assert finding.level == "remark"
        assert row.here in finding.text
        assert f"row {row.number} " in finding.text


def test_marks_are_of_rows_that_changed_something():
    assert all(row.status in ("mended", "partly") for row in DIFFERENCES if row.marks)


def test_changed_names_are_names_of_v1():
    assert changed_names()
    assert all(find("basics", name) or find("distributed", name) for name in changed_names())


@pytest.mark.parametrize(
    "code",
    ["import fastai\nx = 1", "class A:\n    def on_train_begin(self, **kw): return {'skip_validate': 1}"],
)
def test_other_code_is_left_alone(code):
    assert _findings(code) == []
