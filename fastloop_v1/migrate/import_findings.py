"""What is to be known of a file's import statements: what fails, and what is of another version of fastai."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from .findings import Finding
from .other_versions import version_of_module
from .scopes import NamesOfFile
from .v1_names import V1Name, find, is_module

__all__ = ["import_findings", "modules_imported"]

_VERSIONS = {"v2": "fastai v2", "0.7": "fastai 0.7"}


def modules_imported(names: NamesOfFile) -> set[str]:
    """The modules of fastai, of any version, that the file imports or imports from, in full."""
    modules = (module for statement in names.imports for module, _ in _targets(statement))
    return {module for module in modules if module.partition(".")[0] in ("fastai", "fastai2")}


def import_findings(names: NamesOfFile) -> Iterator[Finding]:
    """Imports that fail here."""
    for statement in names.imports:
        for module, wanted in _targets(statement):
            if module.partition(".")[0] in ("fastai", "fastai2"):
                yield from _of_module(statement.lineno, module, wanted)


def _targets(statement: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, list[str]]]:
    """Each module of a statement with the names wanted from it."""
    if isinstance(statement, ast.Import):
        yield from ((alias.name, []) for alias in statement.names)
    elif not statement.level:
        yield statement.module or "", [alias.name for alias in statement.names]


def _of_module(line: int, module: str, wanted: list[str]) -> Iterator[Finding]:
    version = version_of_module(module, frozenset(wanted)) or _version_inside(module, wanted)
    inside = module.partition(".")[2]
    if version:
        text = f"`{module}` is a module of {_VERSIONS[version]}, not of v1"
        yield Finding(line, "work", version, module, text, "port the file to v1's names first")
    elif inside and not is_module(inside):
        text = f"v1 is not known to have had a module `{module}`"
        yield Finding(line, "work", "unknown-module", module, text)
    else:
        for name in wanted:
            if name != "*" and not is_module(f"{inside}.{name}".lstrip(".")):
                yield from _of_name(line, module, name, find(inside, name))


def _version_inside(module: str, wanted: list[str]) -> str:
    """The version for `from fastai import conv_learner`."""
    versions = [version_of_module(f"{module}.{name}") for name in wanted if module == "fastai"]
    return next(filter(None, versions), "")


def _of_name(line: int, module: str, name: str, found: V1Name | None) -> Iterator[Finding]:
    if found is None:
        text = f"`{name}` is not known to have been in v1's `{module}`; the import fails"
        yield Finding(line, "work", "unknown-name", name, text)
    elif found.status == "gone":
        text = f"`{name}` was in v1's `{module}` and is not here; the import fails"
        yield Finding(line, "work", "gone", name, text)
