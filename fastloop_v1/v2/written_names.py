"""What a method of a callback writes, read from its source: keys it returns, attributes it sets."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from typing import Any

from ..events import LoopState

__all__ = ["learner_names_written", "state_keys_returned"]

_TARGETS = ast.Assign | ast.AugAssign | ast.AnnAssign


def state_keys_returned(method: Any) -> tuple[str, ...]:
    """Keys of the state in dicts that stand in a `return`; none where the source cannot be read."""
    returned = (node.value for node in ast.walk(_tree(method)) if isinstance(node, ast.Return) and node.value)
    keys = (key for value in returned for node in ast.walk(value) for key in _keys(node))
    return tuple(dict.fromkeys(key for key in keys if key in LoopState.__annotations__))


def learner_names_written(method: Any) -> tuple[str, ...]:
    """Names set as `self.learn.<name> = ...`, in order; nothing where the source cannot be read."""
    tree = _tree(method)
    learners = {"self.learn", *(name for node in ast.walk(tree) for name in _aliases(node))}
    targets = (target for node in ast.walk(tree) if isinstance(node, _TARGETS) for target in _targets(node))
    found = (t.attr for t in targets if isinstance(t, ast.Attribute) and ast.unparse(t.value) in learners)
    return tuple(dict.fromkeys(found))


def _tree(method: Any) -> ast.AST:
    try:
        return ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(method))))
    except (OSError, SyntaxError, TypeError, ValueError):
        return ast.Module([], [])


def _keys(node: ast.AST) -> Iterator[str]:
    """Keys of `{"key": ...}` and `dict(key=...)`."""
    if isinstance(node, ast.Dict):
        yield from (
            key.value for key in node.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)
        )
    elif isinstance(node, ast.Call) and ast.unparse(node.func) == "dict":
        yield from (keyword.arg for keyword in node.keywords if keyword.arg)


def _aliases(node: ast.AST) -> Iterator[str]:
    """Names that are given the learner."""
    if isinstance(node, ast.Assign) and ast.unparse(node.value) == "self.learn":
        yield from (target.id for target in node.targets if isinstance(target, ast.Name))


def _targets(node: Any) -> Iterator[ast.AST]:
    """What is assigned to, one by one where it is a tuple."""
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        yield from target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]
