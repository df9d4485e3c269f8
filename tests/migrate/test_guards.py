"""Findings are only remarks where the file expects the error itself."""

from __future__ import annotations

import ast

import pytest

from fastloop_v1.migrate.findings import Finding
from fastloop_v1.migrate.guards import softened
from fastloop_v1.migrate.scopes import names_of

CASES = {
    "import": ("try:\n    import x\nexcept ImportError: y", "unknown-module", "remark"),
    "any error": ("try:\n    x()\nexcept Exception: y", "not-offered", "remark"),
    "bare except": ("try:\n    x()\nexcept: y", "state-key", "remark"),
    "one of several": ("try:\n    x()\nexcept (KeyError, TypeError): y", "arguments", "remark"),
    "for type checkers": ("if TYPE_CHECKING:\n    import x", "v2", "remark"),
    "other error": ("try:\n    import x\nexcept KeyError: y", "unknown-module", "work"),
    "error goes on": ("try:\n    x()\nexcept Exception: raise", "not-offered", "work"),
    "other line": ("try: import a\nexcept ImportError:\n    z\n", "v2", "work"),
    "no guard": ("x\nx", "v2", "work"),
}


@pytest.mark.parametrize("case", CASES)
def test_level_is_what_the_file_leaves_of_it(case):
    code, kind, level = CASES[case]
    line = 3 if case == "other line" else 2
    (found,) = softened([Finding(line, "work", kind, "n", "t")], names_of(ast.parse(code)))
    assert found.level == level
