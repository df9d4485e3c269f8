"""`parts_of`: the source of a callback's method, parsed, with the methods of its own that it calls."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from types import FunctionType
from typing import Any

__all__ = ["Part", "parts_of"]


@dataclass(frozen=True)
class Part:
    """A function of a callback.

    Attributes:
        function: the function.
        node: its syntax tree.
        me: its name for the callback, `self` as a rule.
        kind: the callback's class.
    """

    function: Any
    node: ast.FunctionDef | ast.Lambda
    me: str
    kind: type

    def called(self, call: ast.Call) -> Part | None:
        """The callback's own method that a call goes to, through `self` or `super()`; None for others."""
        target = call.func
        if not isinstance(target, ast.Attribute):
            return None
        places: list[type] = []
        if isinstance(target.value, ast.Name) and target.value.id == self.me:
            places = list(self.kind.__mro__)
        elif isinstance(target.value, ast.Call) and ast.unparse(target.value.func) == "super":
            places = list(self._above())
        found = next((vars(place)[target.attr] for place in places if target.attr in vars(place)), None)
        return _part(found, self.kind) if isinstance(found, FunctionType) else None

    def _above(self) -> Iterator[type]:
        """The classes in which `super()` looks."""
        classes = iter(self.kind.__mro__)
        for place in classes:
            if any(_bare(value) is self.function for value in vars(place).values()):
                break
        yield from classes


def parts_of(method: Any) -> list[Part]:
    """The method, and what it calls of its callback, each once; nothing where the source cannot be read."""
    first = _part(method, type(getattr(method, "__self__", None)))
    found = [] if first is None else [first]
    for part in found:  # grows meanwhile
        for call in (node for node in ast.walk(part.node) if isinstance(node, ast.Call)):
            other = part.called(call)
            if other is not None and all(other.function is not known.function for known in found):
                found.append(other)
    return found


def _bare(method: Any) -> Any:
    function = getattr(method, "__func__", method)
    return inspect.unwrap(function) if isinstance(function, FunctionType) else function


def _part(method: Any, kind: type) -> Part | None:
    function = _bare(method)
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, SyntaxError, TypeError, ValueError):
        return None
    node = _function_in(tree)
    if node is None:
        return None
    arguments = [*node.args.posonlyargs, *node.args.args]
    return Part(function, node, arguments[0].arg if arguments else "self", kind)


def _function_in(tree: ast.Module) -> ast.FunctionDef | ast.Lambda | None:
    """The function that stands there, or the only lambda."""
    if isinstance(tree.body[0], ast.FunctionDef):
        return tree.body[0]
    lambdas = [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)]
    return lambdas[0] if len(lambdas) == 1 else None
