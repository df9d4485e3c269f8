"""Names of a file refer to what Python says they refer to."""

from __future__ import annotations

import ast

import pytest

from fastloop_v1.migrate.scopes import names_of

CASES = {
    "nothing binds it": ("x", None),
    "import": ("import a.b\nx = a", ["a"]),
    "import under another name": ("import a.b as c\nx = c", ["a.b"]),
    "from import": ("from a.b import c\nc", ["a.b.c"]),
    "relative import": ("from . import c\nc", [".c"]),
    "relative module": ("from .m import c\nc", [".m.c"]),
    "argument hides the import": ("from a import c\ndef f(c): return c", [None]),
    "default is read outside": ("from a import c\ndef f(c=c): pass", ["a.c"]),
    "class body is not seen from a method": (
        "from a import c\nclass X:\n    c = 1\n    def f(self): return c",
        ["a.c"],
    ),
    "class body sees its own": ("from a import c\nclass X:\n    from d import c\n    c", ["d.c"]),
    "comprehension keeps its name": ("from a import c\n[c for c in 'x'], c", [None, "a.c"]),
    "walrus leaves the comprehension": ("[(c := 1) for _ in 'x']\nc", [None]),
    "global binds in the file": ("def f():\n    global c\n    from a import c\nc", ["a.c"]),
    "lambda": ("from a import c\nlambda c: c", [None]),
    "caught exception": ("try: pass\nexcept E as c: c", [None]),
    "match": ("match 1:\n    case {'a': c, **r}: c", [None]),
    "later binding counts": ("def f(): return c\nfrom a import c", ["a.c"]),
}


@pytest.mark.parametrize("code", CASES)
def test_name_refers_to_its_binding(code):
    text, expected = CASES[code]
    names = names_of(ast.parse(text))
    found = [scope.look_up(node.id) for node, scope in names.reads if node.id in "acx"]
    if expected is None:
        assert found == [None]
    else:
        assert [bound[0] for bound in found] == expected


def test_star_imports_are_listed_with_their_dots():
    names = names_of(ast.parse("from a.b import *\nfrom . import *\nfrom .c import *"))
    assert names.stars == ["a.b", ".", ".c"]


def test_depth_is_no_limit():
    tree = ast.parse("x = " + "-" * 80 + "a")
    for _ in range(5000):
        tree.body[0].value = ast.UnaryOp(ast.USub(), tree.body[0].value)
    assert [node.id for node, _ in names_of(tree).reads] == ["a"]
