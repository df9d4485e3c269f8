"""Which binding a name of a parsed file refers to: functions, classes and the file itself as scopes."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, TypeVar, cast

__all__ = ["Bound", "NamesOfFile", "Scope", "names_of"]

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)

# What a name was bound by: an import's dotted target, the node of a definition or assigned value, or None.
Bound = str | ast.AST | None

_Node = TypeVar("_Node", bound=ast.AST)
_SCOPES = frozenset({*_FUNCTIONS, *_COMPREHENSIONS, ast.ClassDef, ast.Lambda})
# Fields of nodes that hold no names.
_DULL = frozenset({"ctx", "kind", "op", "ops", "type_comment", "type_ignores"})


@dataclass(eq=False)
class Scope:
    """The file, a class, a function or a comprehension, with the names it binds.

    Attributes:
        kind: `file`, `class`, `function` or `comprehension`.
        outer: the scope around it.
        bound: for each name, everything it is bound by.
        shared: names declared `global` in it.
    """

    kind: str
    outer: Scope | None = None
    bound: dict[str, list[Bound]] = field(default_factory=dict)
    shared: set[str] = field(default_factory=set)

    def bind(self, name: str, by: Bound = None) -> None:
        """Note that this scope binds the name, or the file if it is declared global here."""
        scope = self
        while name in self.shared and scope.outer is not None:
            scope = scope.outer
        scope.bound.setdefault(name, []).append(by)

    def look_up(self, name: str) -> list[Bound] | None:
        """Everything the name is bound by where this scope sees it; None if nothing binds it."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.bound and (scope is self or scope.kind != "class"):
                return scope.bound[name]
            scope = scope.outer
        return None


@dataclass
class NamesOfFile:
    """The names a file reads and binds, and its nodes by kind.

    Attributes:
        top: the scope of the file.
        reads: each name that is read, with the scope it is read in, in no order.
        parents: the node around each node.
        nodes: all nodes of each kind, those of operators and imported names aside.
        scopes: the scope each class and function makes.
        imports: the import statements.
        stars: modules of `from ... import *`, with dots in front where they are relative.
        classes: the class definitions.
        calls: the calls.
    """

    top: Scope
    reads: list[tuple[ast.Name, Scope]] = field(default_factory=list)
    parents: dict[ast.AST, ast.AST] = field(default_factory=dict)
    nodes: dict[type[ast.AST], list[ast.AST]] = field(default_factory=dict)
    scopes: dict[ast.AST, Scope] = field(default_factory=dict)
    imports: list[ast.Import | ast.ImportFrom] = field(default_factory=list)
    stars: list[str] = field(default_factory=list)
    classes: list[ast.ClassDef] = field(default_factory=list)
    calls: list[tuple[ast.Call, Scope]] = field(default_factory=list)

    def all_of(self, kind: type[_Node]) -> list[_Node]:
        """All nodes of a kind."""
        return cast("list[_Node]", self.nodes.get(kind, []))

    def around(self, node: ast.AST) -> Iterator[ast.AST]:
        """The nodes around a node, from the nearest outwards."""
        while node in self.parents:
            node = self.parents[node]
            yield node


def names_of(tree: ast.Module) -> NamesOfFile:
    """Read a tree once, without recursion, so that depth is no limit."""
    names = NamesOfFile(Scope("file"))
    waiting: list[tuple[ast.AST, Scope]] = [(tree, names.top)]
    while waiting:
        node, scope = waiting.pop()
        kind: Any = type(node)
        names.nodes.setdefault(kind, []).append(node)
        if kind in _NOTES:
            _NOTES[kind](names, node, scope)
        if kind in _SCOPES:
            inside = list(_children_of_scope(names, node, scope))
        else:
            inside = [(child, scope) for child in _children(node, kind)]
        for child, _ in inside:
            names.parents[child] = node
        inside.reverse()
        waiting += inside
    return names


@lru_cache(maxsize=256)
def _fields(kind: Any) -> tuple[str, ...]:
    """The fields of a kind of node that hold nodes worth a look."""
    if kind in (ast.Import, ast.ImportFrom):
        return ()
    return tuple(name for name in getattr(kind, "_fields", ()) if name not in _DULL)


def _children(node: ast.AST, kind: Any) -> list[ast.AST]:
    found: list[ast.AST] = []
    for name in _fields(kind):
        value = getattr(node, name, None)
        if isinstance(value, list):
            found += [child for child in value if isinstance(child, ast.AST)]
        elif isinstance(value, ast.AST):
            found.append(value)
    return found


def _children_of_scope(names: NamesOfFile, node: ast.AST, scope: Scope) -> Iterator[tuple[ast.AST, Scope]]:
    """The nodes inside a node that makes a scope, each with the scope it stands in."""
    kind = "class" if isinstance(node, ast.ClassDef) else "function"
    inner = Scope("comprehension" if isinstance(node, _COMPREHENSIONS) else kind, scope)
    names.scopes[node] = inner
    if isinstance(node, (*_FUNCTIONS, ast.Lambda)):
        yield from _children_of_function(node, scope, inner)
    elif isinstance(node, ast.ClassDef):
        yield from ((child, scope) for child in (*node.decorator_list, *node.bases, *node.keywords))
        yield from ((child, inner) for child in (*getattr(node, "type_params", ()), *node.body))
    else:
        yield from ((child, inner) for child in _children(node, type(node)))


def _children_of_function(
    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, outer: Scope, inner: Scope
) -> Iterator[tuple[ast.AST, Scope]]:
    """Decorators, defaults and annotations stand outside, arguments and body inside."""
    of = node.args
    arguments = [*of.posonlyargs, *of.args, *of.kwonlyargs, *filter(None, (of.vararg, of.kwarg))]
    for argument in arguments:
        inner.bound.setdefault(argument.arg, []).append(None)
        if argument.annotation is not None:
            yield argument.annotation, outer
    yield from ((default, outer) for default in (*of.defaults, *of.kw_defaults) if default is not None)
    if isinstance(node, ast.Lambda):
        yield node.body, inner
        return
    yield from ((child, outer) for child in node.decorator_list)
    if node.returns is not None:
        yield node.returns, outer
    yield from ((child, inner) for child in (*getattr(node, "type_params", ()), *node.body))


def _note_name(names: NamesOfFile, node: ast.Name, scope: Scope) -> None:
    if isinstance(node.ctx, ast.Load):
        names.reads.append((node, scope))
    elif isinstance(node.ctx, ast.Store):
        _bind_target(names, node, scope)


def _note_global(names: NamesOfFile, node: ast.Global, scope: Scope) -> None:
    scope.shared.update(node.names)


def _note_call(names: NamesOfFile, node: ast.Call, scope: Scope) -> None:
    names.calls.append((node, scope))


def _note_captured(names: NamesOfFile, node: ast.AST, scope: Scope) -> None:
    """Bind what `except ... as`, a pattern of `match` or a type parameter names."""
    name = getattr(node, "rest" if isinstance(node, ast.MatchMapping) else "name", None)
    if name:
        scope.bind(name)


def _bind_target(names: NamesOfFile, node: ast.Name, scope: Scope) -> None:
    around = names.parents.get(node)
    value = around.value if isinstance(around, (ast.Assign, ast.AnnAssign)) else None
    while isinstance(around, ast.NamedExpr) and scope.kind == "comprehension" and scope.outer is not None:
        scope = scope.outer
    scope.bind(node.id, value)


def _bind_definition(
    names: NamesOfFile, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, scope: Scope
) -> None:
    scope.bind(node.name, node)
    if isinstance(node, ast.ClassDef):
        names.classes.append(node)


def _bind_import(names: NamesOfFile, node: ast.Import | ast.ImportFrom, scope: Scope) -> None:
    names.imports.append(node)
    if isinstance(node, ast.Import):
        for alias in node.names:
            first = alias.name.partition(".")[0]
            scope.bind(alias.asname or first, alias.name if alias.asname else first)
        return
    module = "." * node.level + (node.module or "")
    for alias in node.names:
        if alias.name == "*":
            names.stars.append(module)
        else:
            dot = "" if module.endswith(".") else "."
            scope.bind(alias.asname or alias.name, f"{module}{dot}{alias.name}")


_NOTES: dict[type[ast.AST], Callable[[NamesOfFile, Any, Scope], None]] = {
    ast.Name: _note_name,
    ast.FunctionDef: _bind_definition,
    ast.AsyncFunctionDef: _bind_definition,
    ast.ClassDef: _bind_definition,
    ast.Import: _bind_import,
    ast.ImportFrom: _bind_import,
    ast.Call: _note_call,
    ast.Global: _note_global,
    ast.ExceptHandler: _note_captured,
    ast.MatchAs: _note_captured,
    ast.MatchStar: _note_captured,
    ast.MatchMapping: _note_captured,
    # From Python 3.12 on.
    **{
        getattr(ast, name): _note_captured
        for name in ("TypeVar", "TypeVarTuple", "ParamSpec")
        if hasattr(ast, name)
    },
}
