"""Which callback classes of a v1 file become v2 callbacks, how, and why the others do not.

A class is rewritten whole or not at all: with one thing in it that is not certain to be the same, it stays.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from ..callback_protocol import Method
from ..port_imports import LeftAlone
from ..port_text import Place, Text
from ..scopes import NamesOfFile, names_of
from .classes import CallbackClass, callback_classes_of, check_class, methods_of
from .company import check_built_in, check_company
from .learner import check_attributes, check_constructor
from .methods import plan_methods
from .uses import check_uses

__all__ = ["V2Plan", "v2_plan"]

_OURS, _V1 = "fastloop_v1", "fastai"
_V2 = ("fastai.v2", "fastloop_v1.v2")


@dataclass(frozen=True)
class V2Plan:
    """What is to be done to a file.

    Attributes:
        classes: those to rewrite, by name.
        left_alone: what keeps the other callback classes from it, by line.
        import_after: number of statements at the top of the file before which `v2` is to be imported; None
            if it is imported already.
    """

    classes: dict[str, CallbackClass]
    left_alone: tuple[LeftAlone, ...]
    import_after: int | None


def v2_plan(tree: ast.Module, text: str) -> V2Plan:
    """Plan a file.

    Args:
        tree: the file, parsed; its imports of this package are renamed to v1's in place.
        text: its text, which the places of the tree refer to.
    """
    _rename_imports(tree)
    names = names_of(tree)
    classes, uses = callback_classes_of(names, Text(text))
    for cls in classes:
        check_class(cls, uses)
        check_attributes(cls)
        check_constructor(cls)
        plan_methods(cls)
        check_uses(cls, uses)
        check_built_in(cls)
        _check_comments(cls)
        _check_order(cls)
        _check_v2(cls)
    check_company(classes)
    going = {cls.name: cls for cls in classes if not cls.why_not}
    left = {entry for cls in classes for entry in cls.why_not}
    after = None if _is_imported(names) else _place_of_import(tree, list(going.values()))
    return V2Plan(going, tuple(sorted(left)), after)


def _rename_imports(tree: ast.Module) -> None:
    """Give modules of this package v1's names, so that their names are found as v1's are."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and not node.level and _is_v1(node.module or ""):
            node.module = _as_v1(node.module or "")
        for alias in node.names if isinstance(node, ast.Import) else ():
            if _is_v1(alias.name) and alias.asname:
                alias.name = _as_v1(alias.name)
            elif _is_v1(alias.name):
                alias.name, alias.asname = _V1, _OURS


def _is_v1(module: str) -> bool:
    parts = module.split(".")
    return parts[0] == _OURS and parts[1:2] != ["v2"]


def _as_v1(module: str) -> str:
    return module.replace(_OURS, _V1, 1)


def _check_order(cls: CallbackClass) -> None:
    """Refuse a class with a place of its own that would have to be the last one."""
    if cls.signals and "_order" in cls.own:
        cls.refuse(cls.node, "it has an `_order`, and would have to come last to raise a signal")


# --- the name v2 --------------------------------------------------------------------------------------------


def _is_imported(names: NamesOfFile) -> bool:
    return any(names.top.bound.get("v2") == [path] for path in _V2)


def _check_v2(cls: CallbackClass) -> None:
    """Refuse where `v2` is something else."""
    names = cls.names
    inside = (scope for scope in names.scopes.values() if "v2" in scope.bound)
    is_read = any(node.id == "v2" for node, _ in names.reads)
    taken = any(inside) or not (_is_imported(names) or ("v2" not in names.top.bound and not is_read))
    if taken or (_is_imported(names) and not _is_imported_before(cls)):
        cls.refuse(cls.node, "the file uses the name `v2` for something else")


def _is_imported_before(cls: CallbackClass) -> bool:
    """Whether the import that there is stands at the top of the file, before the class."""
    tree = cls.names.parents.get(cls.node)
    body = tree.body if isinstance(tree, ast.Module) else []
    before = body[: body.index(cls.node)] if cls.node in body else []
    imports = (node for node in before if isinstance(node, (ast.Import, ast.ImportFrom)))
    return any((alias.asname or alias.name) == "v2" for node in imports for alias in node.names)


def _place_of_import(tree: ast.Module, classes: list[CallbackClass]) -> int | None:
    """Behind the last import before the first of the classes, else behind the docstring."""
    if not classes:
        return None
    first = min(tree.body.index(cls.node) for cls in classes)
    imports = [at for at in range(first) if isinstance(tree.body[at], (ast.Import, ast.ImportFrom))]
    return imports[-1] + 1 if imports else int(ast.get_docstring(tree) is not None)


# --- comments -----------------------------------------------------------------------------------------------


def _check_comments(cls: CallbackClass) -> None:
    """Refuse where a comment stands inside of what is written anew."""
    for method in methods_of(cls):
        if method.name in cls.methods or (method.name == "__init__" and cls.has_learner):
            head, body = (method.lineno, method.col_offset), (method.body[0].lineno, 0)
            if cls.text.has_comment_in_head(head, _end_of_arguments(method), body):
                cls.refuse(method, f"a comment stands in the head of {method.name}")
    for node in ast.walk(cls.node):
        if isinstance(node, ast.Return) and isinstance(node.value, (ast.Dict, ast.IfExp)):
            end = (node.end_lineno or 0, node.end_col_offset or 0)
            if cls.text.has_comment((node.lineno, node.col_offset), end):
                cls.refuse(node, "a comment stands inside of what it returns")


def _end_of_arguments(method: Method) -> Place:
    of = method.args
    given = [*of.args, *of.kwonlyargs, *of.defaults, *of.kw_defaults, of.vararg, of.kwarg, method.returns]
    ends = [(part.end_lineno or 0, part.end_col_offset or 0) for part in given if part is not None]
    return max(ends, default=(method.lineno, method.col_offset))
