"""Every module says in `__all__` what is public: all it defines, and what a v1 home hands on."""

from __future__ import annotations

import ast
import json

import pytest


@pytest.fixture(scope="module")
def v1_modules(root):
    """Names of v1's modules; they, and v2's, may hand on names that were also kept there."""
    v1_names = (root / "tests/golden/v1_names.json").read_text(encoding="utf-8")
    return {"", "callbacks", "v2", "v2.optimizer", *json.loads(v1_names)}


def _assigned(node):
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}


def _defined(body):
    """Names a module binds itself at its top level, imports aside."""
    names = set()
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            names |= _assigned(node)
        elif isinstance(node, ast.If):
            names |= _defined([*node.body, *node.orelse])
        elif isinstance(node, ast.Try):
            names |= _defined([*node.body, *node.orelse, *(n for h in node.handlers for n in h.body)])
    return names


def _imported(tree):
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    return {(alias.asname or alias.name).partition(".")[0] for node in nodes for alias in node.names}


def _listed(source):
    for node in source.tree.body:
        if isinstance(node, ast.Assign | ast.AnnAssign) and "__all__" in _assigned(node):
            return ast.literal_eval(node.value)
    return None


def test_module_lists_its_public_names(source):
    listed = _listed(source)
    assert listed is not None, f"{source.path.name} has no __all__"
    public = {name for name in _defined(source.tree.body) if not name.startswith("_")}
    assert len(listed) == len(set(listed))
    assert sorted(public - set(listed)) == [], "public and not listed"


def test_listed_names_are_there(source, v1_modules):
    public = _defined(source.tree.body)
    handed_on = set(_listed(source) or []) - public
    assert sorted(handed_on - _imported(source.tree)) == [], "listed and not there"
    assert source.name in v1_modules or not handed_on, "only homes and faces of v1 hand names on"
