"""`ReturnedKeys`: the keys of the dicts that a method returns, as far as they stand in its source."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

from .method_source import Part

__all__ = ["ReturnedKeys"]


class ReturnedKeys:
    """Reads what stands behind each `return`: dicts, names that are given dicts, calls of own methods.

    Args:
        part: the method.
        bare: keys that a bare return value stands for.

    Attributes:
        keys: the keys, in order.
        is_unclear: whether something else is returned too.
    """

    def __init__(self, part: Part, bare: Sequence[str] = ()) -> None:
        self.keys: list[str] = []
        self.is_unclear = False
        self._part, self._bare = part, bare
        self._seen: set[Any] = {part.function}
        self._take_all()

    def _take_all(self) -> None:
        for value in _returned(self._part.node):
            self._take(value)

    def _take(self, node: ast.AST | None) -> None:
        if node is None or (isinstance(node, ast.Constant) and node.value is None):
            return
        reader = self._READERS.get(type(node))
        if reader is None:
            self.is_unclear = True
        else:
            reader(self, node)

    def _key(self, node: ast.AST | None) -> None:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            self.keys.append(node.value)
        else:
            self.is_unclear = True

    def _dict(self, node: Any) -> None:
        for key, value in zip(node.keys, node.values, strict=True):
            # Without a key it is `**value`.
            self._take(value) if key is None else self._key(key)

    def _arguments(self, call: ast.Call) -> None:
        """Those of `dict` or `update`."""
        for argument in call.args:
            self._take(argument)
        for keyword in call.keywords:
            self._take(keyword.value) if keyword.arg is None else self.keys.append(keyword.arg)

    def _call(self, node: Any) -> None:
        name, own = ast.unparse(node.func), self._part.called(node)
        if name == "dict":
            self._arguments(node)
        elif name.rpartition(".")[2] == "add_metrics":
            self.keys.append("last_metrics")
        elif own is None:
            self.is_unclear = True
        elif own.function not in self._seen:
            self._seen.add(own.function)
            before, self._part = self._part, own
            self._take_all()
            self._part = before

    def _choice(self, node: Any) -> None:
        for value in (node.body, node.orelse):
            self._take(value)

    def _boolean(self, node: Any) -> None:
        # Of `a and b`, a is what counts as nothing.
        for value in node.values if isinstance(node.op, ast.Or) else node.values[-1:]:
            self._take(value)

    def _union(self, node: Any) -> None:
        for value in (node.left, node.right):
            self._take(value)

    def _plain(self, node: Any) -> None:
        """A flag alone, or inputs and targets alone."""
        size = len(node.elts) if isinstance(node, ast.Tuple) else 1
        is_flag = size > 1 or isinstance(node.value, bool)
        if is_flag and size == len(self._bare):
            self.keys += self._bare
        else:
            self.is_unclear = True

    def _name(self, node: Any) -> None:
        """A local name: what it is given, and what is put into it."""
        mark = self._part.function, node.id
        if mark in self._seen:
            return
        self._seen.add(mark)
        values = [value for target, value in _assigned(self._part.node) if _is(target, node.id)]
        self.is_unclear = self.is_unclear or not values
        for value in values:
            self._take(value)
        for target, _ in _assigned(self._part.node):
            if isinstance(target, ast.Subscript) and _is(target.value, node.id):
                self._key(target.slice)
        for call in (inner for inner in ast.walk(self._part.node) if isinstance(inner, ast.Call)):
            if ast.unparse(call.func) == f"{node.id}.update":
                self._arguments(call)
            elif ast.unparse(call.func) == f"{node.id}.setdefault":
                self._key(call.args[0])

    _READERS: ClassVar[dict[type, Callable[[ReturnedKeys, Any], None]]] = {
        ast.Dict: _dict,
        ast.Call: _call,
        ast.IfExp: _choice,
        ast.BoolOp: _boolean,
        ast.BinOp: _union,
        ast.Constant: _plain,
        ast.Tuple: _plain,
        ast.Name: _name,
    }


def _is(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name


def _returned(node: ast.AST) -> Iterator[ast.AST | None]:
    """What a function returns, without the functions inside of it."""
    if isinstance(node, ast.Lambda):
        yield node.body
        return
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Return):
            yield child.value
        elif not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)):
            yield from _returned(child)


def _assigned(node: ast.AST) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Each target of an assignment, with its value."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Assign):
            yield from ((target, inner.value) for target in inner.targets)
        elif isinstance(inner, ast.AnnAssign) and inner.value is not None:
            yield inner.target, inner.value
