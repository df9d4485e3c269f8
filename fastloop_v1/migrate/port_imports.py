"""Which imports of v1 can be written as imports of this package, and what keeps the others."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from .names_used import dotted_chain, stars_of_v1, target_of
from .scopes import NamesOfFile
from .v1_layout import HOMES, STARS_WITH_BASICS
from .v1_names import find, is_module, v1_data

__all__ = ["Edit", "LeftAlone", "import_edits"]

_OURS = "fastloop_v1"
# v1's private names that legacy code imports, and what they are called here.
_RENAMED = {
    "_loss_func2activ": ("activation", "loss_func2activ"),
    "_loss_func_name2activ": ("activation", "loss_func_name2activ"),
}


@dataclass(frozen=True)
class Edit:
    """One change of the text.

    Attributes:
        line: where what is changed begins, from 1.
        column: likewise, in characters from 0.
        kind: `module` renames the module of an import; `statements` puts others in the place of an import;
            `return`, `name` and `text` put one return statement, name or string in the place of another.
        new: what to put there; only `statements` has several.
    """

    line: int
    column: int
    kind: str
    new: tuple[str, ...]


@dataclass(frozen=True, order=True)
class LeftAlone:
    """A line that is not changed although it is v1's, and why."""

    line: int
    reason: str


def import_edits(names: NamesOfFile) -> Iterator[Edit | LeftAlone]:
    """The changes to the import statements of a file, and to the name `fastai` where it is read."""
    stars = _star_targets(names)
    for statement in names.imports:
        if isinstance(statement, ast.Import):
            yield from _plain_edits(names, statement)
        elif not statement.level and (statement.module or "").partition(".")[0] == "fastai":
            if statement.names[0].name == "*":
                yield from _star_edits(statement, stars)
            else:
                yield from _from_edits(names, statement)
    yield from _root_edits(names)


def _edit(node: ast.stmt | ast.alias | ast.expr, kind: str, *new: str) -> Edit:
    return Edit(node.lineno, node.col_offset, kind, new)


def _readable(module: str) -> frozenset[str]:
    """What can be imported from this module of ours, the alias aside."""
    names = v1_data()["homes"].get(module, {"star": frozenset(), "other": frozenset()})
    inside = {home.rpartition(".")[2] for home in HOMES if home.rpartition(".")[0] == module}
    readable: frozenset[str] = names["star"] | names["other"] | inside
    return readable


# --- import fastai.x as y -----------------------------------------------------------------------------------


def _plain_edits(names: NamesOfFile, statement: ast.Import) -> Iterator[Edit | LeftAlone]:
    for alias in statement.names:
        package, _, module = alias.name.partition(".")
        if package == "fastai" and alias.asname:
            reason = _why_not_module(names, module, alias.asname)
            if reason:
                yield LeftAlone(alias.lineno, reason)
            else:
                yield _edit(alias, "module", f"{_OURS}.{module}")


def _why_not_module(names: NamesOfFile, module: str, bound: str) -> str:
    """Why a module of v1 bound to a name cannot be ours; empty if it can."""
    if module not in HOMES:
        return f"`fastai.{module}`".replace(".`", "`") + " is not offered"
    for node, scope in names.reads:
        if node.id != bound or target_of(scope.look_up(bound), bound, []) is None:
            continue
        attributes = [attribute for attribute, _ in dotted_chain(names, node)[1]]
        if wrong := _unreadable(module, attributes):
            return f"`{bound}.{'.'.join(attributes)}` is used, and `{_OURS}.{module}` has no `{wrong}`"
    return ""


def _unreadable(module: str, attributes: list[str]) -> str:
    """The first attribute that our module does not have; empty if it has all."""
    for attribute in attributes:
        inside = f"{module}.{attribute}".lstrip(".")
        if inside not in HOMES:
            return "" if attribute in _readable(module) else attribute
        module = inside
    return ""


def _root_edits(names: NamesOfFile) -> Iterator[Edit | LeftAlone]:
    """`import fastai.x` and every `fastai.x.name`: all of them or none."""
    aliases = [alias for s in names.imports if isinstance(s, ast.Import) for alias in s.names]
    roots = [a for a in aliases if a.name.partition(".")[0] == "fastai" and not a.asname]
    if not roots:
        return
    reads = [node for node, scope in names.reads if node.id == "fastai" and scope.look_up("fastai")]
    chains = [[attribute for attribute, _ in dotted_chain(names, node)[1]] for node in reads]
    wrong = [a.name for a in roots if a.name.partition(".")[2] not in HOMES]
    wrong += [".".join(["fastai", *chain]) for chain in chains if not chain or _unreadable("", chain)]
    if wrong:
        yield from (LeftAlone(a.lineno, f"`{wrong[0]}` is not the same here") for a in roots)
        return
    yield from (_edit(alias, "module", alias.name.replace("fastai", _OURS, 1)) for alias in roots)
    yield from (_edit(node, "name", _OURS) for node in reads)


# --- from fastai.x import y ---------------------------------------------------------------------------------


def _from_edits(names: NamesOfFile, statement: ast.ImportFrom) -> Iterator[Edit | LeftAlone]:
    module = (statement.module or "").partition(".")[2]
    groups: dict[str, list[str]] = {}
    for alias in statement.names:
        home, written = _new_import(names, module, alias)
        groups.setdefault(home, []).append(written)
        if home.partition(".")[0] == "fastai":
            yield LeftAlone(statement.lineno, f"`{alias.name}` {_why_not(module, alias.name)}")
    ours = [home for home in groups if home.partition(".")[0] == _OURS]
    renames = any(alias.name in _RENAMED for alias in statement.names)
    if ours and len(groups) == 1 and not renames:
        yield _edit(statement, "module", ours[0])
    elif ours:
        lines = (f"from {home} import {', '.join(written)}" for home, written in groups.items())
        yield _edit(statement, "statements", *lines)


def _new_import(names: NamesOfFile, module: str, alias: ast.alias) -> tuple[str, str]:
    """The module to import a name from, and how to write it there; v1's if it cannot be ours."""
    said = alias.name + (f" as {alias.asname}" if alias.asname else "")
    inside = f"{module}.{alias.name}".lstrip(".")
    if is_module(inside):
        why_not = _why_not_module(names, inside, alias.asname or alias.name)
        return f"{'fastai' if why_not else _OURS}.{module}".rstrip("."), said
    if alias.name in _RENAMED:
        home, name = _RENAMED[alias.name]
        return f"{_OURS}.{home}", f"{name} as {alias.asname or alias.name}"
    if module in HOMES and alias.name in _readable(module):
        return f"{_OURS}.{module}", said
    if is_module(module) and alias.name in _readable("basics"):
        return f"{_OURS}.basics", said
    return f"fastai.{module}".rstrip("."), said


def _why_not(module: str, name: str) -> str:
    found = find(module, name)
    if found is not None and found.offer is not None:
        return f"is not offered: {found.offer.instead}"
    return "is not here" if found is None else "is there under the name `fastai` only"


# --- from fastai.x import * ---------------------------------------------------------------------------------


def _star_targets(names: NamesOfFile) -> dict[str, list[str]]:
    """For each star-imported v1 module ours that bring the same.

    Where names would be lost, an empty module stands first, then the names.
    """
    stars = stars_of_v1(names)
    reads = {node.id for node, scope in names.reads if scope.look_up(node.id) is None}
    needed = {name for name in reads if target_of(None, name, stars) is not None}
    targets = {star: [star] if star in HOMES else ["basics"] for star in stars}
    missing = needed - _brought_by(target for found in targets.values() for target in found)
    for star in stars:
        with_basics = star in STARS_WITH_BASICS and missing & _brought_by(["basics"])
        if with_basics:
            targets[star].insert(0, "basics")
            missing -= _brought_by(["basics"])
    for star in stars:
        if lost := sorted(name for name in missing if target_of(None, name, [star]) is not None):
            targets[star] = ["", *lost]
    return targets


def _brought_by(modules: Iterable[str]) -> set[str]:
    return {name for module in modules for name in v1_data()["homes"][module]["star"]}


def _star_edits(statement: ast.ImportFrom, targets: dict[str, list[str]]) -> Iterator[Edit | LeftAlone]:
    module = (statement.module or "").partition(".")[2]
    found = targets.get(module)
    if found is None:
        yield LeftAlone(statement.lineno, f"`fastai.{module}` is no module of v1")
    elif found[0] == "":
        lost = ", ".join(f"`{name}`" for name in found[1:])
        yield LeftAlone(statement.lineno, f"it brings {lost}, which this package does not have")
    elif len(found) == 1:
        yield _edit(statement, "module", f"{_OURS}.{found[0]}")
    else:
        yield _edit(statement, "statements", *(f"from {_OURS}.{home} import *" for home in found))
