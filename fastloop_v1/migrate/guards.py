"""Lines of a file where an error is expected: a `try` catches it, or only type checkers read them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from .findings import Finding
from .scopes import NamesOfFile

__all__ = ["softened"]

_EVERYTHING = frozenset({"Exception", "BaseException"})
_IMPORTS = frozenset({"ImportError", "ModuleNotFoundError"})
# What is raised where a finding of this kind is run into.
_RAISED = {
    "arguments": frozenset({"TypeError"}),
    "gone": _IMPORTS | {"AttributeError"},
    "not-offered": frozenset({"NotImplementedError", "RuntimeError"}),
    "old-return": frozenset({"AttributeError", "TypeError"}),
    "unknown-name": _IMPORTS | {"NameError"},
}


@dataclass(frozen=True)
class _Guard:
    """Lines, first and last, and the exceptions that may come up in them."""

    first: int
    last: int
    caught: frozenset[str]


def softened(findings: Iterable[Finding], names: NamesOfFile) -> Iterator[Finding]:
    """The findings, those only remarked on whose error the file itself expects."""
    nodes: list[ast.Try | ast.If] = [*names.all_of(ast.Try), *names.all_of(ast.If)]
    guards = [guard for node in nodes for guard in _guards(node)]
    for finding in findings:
        raised = _RAISED.get(finding.kind, _IMPORTS) | _EVERYTHING
        inside = (guard for guard in guards if guard.first <= finding.line <= guard.last)
        expected = finding.level == "work" and any(guard.caught & raised for guard in inside)
        if expected:
            text = f"{finding.text}; the file catches that"
            yield replace(finding, level="remark", text=text)
        else:
            yield finding


def _guards(node: ast.Try | ast.If) -> Iterator[_Guard]:
    if isinstance(node, ast.Try):
        for handler in node.handlers:
            if not any(isinstance(inside, ast.Raise) for inside in ast.walk(handler)):
                yield _around(node.body, _caught(handler))
    elif ast.unparse(node.test).endswith("TYPE_CHECKING"):
        yield _around(node.body, _EVERYTHING)


def _around(body: list[ast.stmt], caught: frozenset[str]) -> _Guard:
    return _Guard(body[0].lineno, body[-1].end_lineno or body[-1].lineno, caught)


def _caught(handler: ast.ExceptHandler) -> frozenset[str]:
    """Names of the exceptions a handler is for; all where none is named."""
    if handler.type is None:
        return _EVERYTHING
    return frozenset(n.id for n in ast.walk(handler.type) if isinstance(n, ast.Name))
