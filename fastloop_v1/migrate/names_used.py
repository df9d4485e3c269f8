"""The names of v1 that a file uses, each with how it is used: imported, called, subclassed or only read."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from .other_versions import version_of_module
from .scopes import Bound, NamesOfFile
from .v1_names import V1Name, find, find_by_star, is_module, module_by_star

__all__ = [
    "How",
    "UnboundName",
    "Use",
    "dotted_chain",
    "stars_of_v1",
    "target_of",
    "unbound_names",
    "uses_of",
]

How = Literal["import", "call", "attribute", "subclass", "decorator", "annotation", "value"]

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
# What a module or a notebook has without binding it, and names of Python 2 that code asks for in a `try`.
_NOT_BOUND = """
__file__ __path__ __annotations__ __builtins__ __class__ __module__ __qualname__ WindowsError
unicode basestring get_ipython display In Out exit quit _ __ ___ _i _ii _iii
"""
_GIVEN = frozenset(dir(builtins)) | frozenset(_NOT_BOUND.split())


@dataclass(frozen=True)
class Use:
    """One place where a name of v1 is used.

    Attributes:
        name: what it is.
        how: what is done with it there.
        node: the name with its module, if that stands in front, or the import statement.
        attribute: the first attribute read of it, empty if none is.
    """

    name: V1Name
    how: How
    node: ast.AST
    attribute: str = ""

    @property
    def line(self) -> int:
        """The line it stands in."""
        return int(getattr(self.node, "lineno", 0))


@dataclass(frozen=True)
class UnboundName:
    """A name that nothing in the file binds and no star import of v1 brings here."""

    name: str
    line: int


def uses_of(names: NamesOfFile) -> list[Use]:
    """Every use of a v1 name in the file, imports of single names among them."""
    stars = stars_of_v1(names)
    found = [use for statement in names.imports for use in _imported(statement)]
    for node, scope in names.reads:
        target = target_of(scope.look_up(node.id), node.id, stars)
        if target is not None and (use := _use(names, node, target)) is not None:
            found.append(use)
    return sorted(found, key=lambda use: use.line)


def stars_of_v1(names: NamesOfFile) -> list[str]:
    """The v1 modules that the file imports everything from, the last import first, without `fastai.`."""
    modules = [_inside(module) for module in names.stars if _inside(module) is not None]
    return [module for module in reversed(modules) if module is not None and is_module(module)]


def unbound_names(names: NamesOfFile) -> list[UnboundName]:
    """Names that nothing binds, though only star imports of v1 could; none where other star imports could."""
    stars = stars_of_v1(names)
    if not stars or len(stars) < len(names.stars):
        return []
    reads = [(node, scope) for node, scope in names.reads if node.id not in _GIVEN]
    return [
        UnboundName(node.id, node.lineno)
        for node, scope in reads
        if scope.look_up(node.id) is None and target_of(None, node.id, stars) is None
    ]


def target_of(bound: list[Bound] | None, name: str, stars: list[str]) -> str | V1Name | None:
    """What a name stands for: a dotted import target, a v1 name brought by a star import, or None."""
    if bound is None:
        module = module_by_star(stars, name)
        return f"fastai.{module}" if module else None if name in _GIVEN else find_by_star(stars, name)
    targets = {target for target in bound if isinstance(target, str)}
    if len(targets) == 1 and len(targets) == len({id(t) if not isinstance(t, str) else t for t in bound}):
        return targets.pop()
    return None


def dotted_chain(names: NamesOfFile, node: ast.AST) -> tuple[ast.AST, list[tuple[str, ast.AST]]]:
    """The outermost attribute access that starts at a node, and each attribute with its node on the way."""
    chain: list[tuple[str, ast.AST]] = []
    for parent in names.around(node):
        if not isinstance(parent, ast.Attribute):
            break
        chain.append((parent.attr, parent))
        node = parent
    return node, chain


def _inside(module: str) -> str | None:
    """The part of a dotted module name below `fastai`; None for other packages and other versions."""
    package, _, inside = module.partition(".")
    return inside if package == "fastai" and not version_of_module(module) else None


def _imported(statement: ast.Import | ast.ImportFrom) -> Iterator[Use]:
    """The v1 names a `from ... import` brings by name; modules are no names."""
    if (
        isinstance(statement, ast.Import)
        or statement.level
        or (inside := _inside(statement.module or "")) is None
    ):
        return
    for alias in statement.names:
        if (
            not is_module(f"{inside}.{alias.name}".lstrip("."))
            and (name := find(inside, alias.name)) is not None
        ):
            yield Use(name, "import", statement)


def _use(names: NamesOfFile, node: ast.Name, target: str | V1Name) -> Use | None:
    outermost, chain = dotted_chain(names, node)
    nodes: list[ast.AST] = [node, *(found for _, found in chain)]
    attributes = [attribute for attribute, _ in chain]
    if isinstance(target, V1Name):
        name, taken = target, 0
    else:
        resolved = _resolved(target, attributes)
        if resolved is None:
            return None
        name, taken = resolved
    rest = attributes[taken:]
    is_set = len(rest) == 1 and isinstance(outermost, ast.Attribute) and isinstance(outermost.ctx, ast.Store)
    how: How = "value" if is_set else "attribute" if rest else _how(names, outermost)
    return Use(name, how, nodes[taken], rest[0] if rest else "")


def _resolved(target: str, attributes: list[str]) -> tuple[V1Name, int] | None:
    """The v1 name that a dotted target and the attributes after it come to, and how many of these it took."""
    inside = _inside(target)
    if inside is None:
        # `fastai.callback.all` is a module of v2, `fastai.callback.Callback` a name of v1.
        home, _, last = target.rpartition(".")
        inside = _inside(home)
        if inside is None or find(inside, last) is None:
            return None
        inside = f"{inside}.{last}"
    parts = [*inside.split("."), *attributes] if inside else attributes
    module = ""
    for position, part in enumerate(parts):
        deeper = f"{module}.{part}".lstrip(".")
        if not is_module(deeper):
            name = find(module, part)
            taken = position + 1 - (len(parts) - len(attributes))
            return None if name is None else (name, max(taken, 0))
        module = deeper
    return None


def _how(names: NamesOfFile, node: ast.AST) -> How:
    """What is done with an expression that stands by itself."""
    inside = node
    for around in names.around(node):
        if isinstance(around, ast.Call) and around.func is inside and inside is node:
            return "call"
        if isinstance(around, ast.Subscript) and around.value is inside and inside is node:
            return "attribute"
        if isinstance(around, (*_FUNCTIONS, ast.ClassDef)):
            return _how_in_heading(around, inside, node)
        if isinstance(around, ast.AnnAssign) and around.annotation is inside:
            return "annotation"
        if isinstance(around, (ast.stmt, ast.Lambda)):
            return "value"
        inside = around
    return "value"


def _how_in_heading(
    around: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef, inside: ast.AST, node: ast.AST
) -> How:
    if inside in around.decorator_list:
        return "decorator" if inside is node else "value"
    if isinstance(around, ast.ClassDef):
        return "subclass" if inside is node and inside in around.bases else "value"
    arguments = around.args
    is_default = inside in arguments.defaults or inside in arguments.kw_defaults
    return "value" if is_default else "annotation"
