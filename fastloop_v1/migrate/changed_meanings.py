"""Where a file touches something whose meaning changed, by the marks of the table of differences."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import lru_cache

from ..differences import DIFFERENCES, Difference
from .callback_protocol import event_methods, returns_of
from .findings import Finding
from .names_used import Use
from .scopes import NamesOfFile

__all__ = ["changed_findings", "changed_names"]


def changed_findings(names: NamesOfFile, uses: Iterable[Use]) -> Iterator[Finding]:
    """One finding for each row of the table and each line that touches it."""
    seen = set()
    for mark, line in (*_marks_of_uses(uses), *_marks_of_callbacks(names), *_marks_of_calls(names)):
        for row in _rows_by_mark().get(mark, ()):
            if (row.number, line) not in seen:
                seen.add((row.number, line))
                yield _finding(row, mark, line)


@lru_cache(maxsize=1)
def changed_names() -> frozenset[str]:
    """The v1 names that a row of the table is about."""
    return frozenset(mark.removeprefix("name:") for mark in _rows_by_mark() if mark.startswith("name:"))


@lru_cache(maxsize=1)
def _rows_by_mark() -> dict[str, list[Difference]]:
    rows: dict[str, list[Difference]] = {}
    for row in DIFFERENCES:
        for mark in row.marks:
            rows.setdefault(mark, []).append(row)
    return rows


def _finding(row: Difference, mark: str, line: int) -> Finding:
    text = f"v1: {row.v1}; here: {row.here} (row {row.number} of docs/differences.md)"
    instead = f"for v1's behaviour: {row.switch}" if row.switch else ""
    return Finding(line, "remark", "changed", mark.partition(":")[2], text, instead)


def _marks_of_uses(uses: Iterable[Use]) -> Iterator[tuple[str, int]]:
    return ((f"name:{use.name.name}", use.line) for use in uses if use.how not in ("import", "annotation"))


def _marks_of_callbacks(names: NamesOfFile) -> Iterator[tuple[str, int]]:
    for cls in names.classes:
        for event, method in event_methods(cls):
            if event == "train_end":
                named = (argument for argument in method.args.args if argument.arg == "exception")
                yield from ((f"takes:{argument.arg}", argument.lineno) for argument in named)
            keys = (key for node in returns_of(method) for key in _keys(node.value))
            yield from ((f"returns:{key}", line) for key, line in keys if event != "train_begin")


def _keys(value: ast.expr | None) -> Iterator[tuple[str, int]]:
    for key in value.keys if isinstance(value, ast.Dict) else ():
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            yield key.value, key.lineno


def _marks_of_calls(names: NamesOfFile) -> Iterator[tuple[str, int]]:
    """Attributes read, and arguments given as a plain value."""
    for attribute in names.all_of(ast.Attribute):
        yield f"attribute:{attribute.attr}", attribute.end_lineno or attribute.lineno
    for word in names.all_of(ast.keyword):
        if isinstance(word.value, ast.Constant):
            yield f"keyword:{word.arg}={word.value.value!s}", word.value.lineno
