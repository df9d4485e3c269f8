"""The check of one file: what it uses of v1, what is to be known of it, and the verdict."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from .callback_protocol import callback_findings
from .changed_meanings import changed_findings, changed_names
from .findings import BROKEN, NEEDS_WORK, NO_V1, FileReport, Finding, UsedName, verdict
from .guards import softened
from .import_findings import import_findings, modules_imported
from .name_findings import inherited_names, name_findings
from .names_used import Use, uses_of
from .scopes import names_of
from .source_code import SourceCode, UnreadableError, read_source

__all__ = ["check_file"]

_WORD = b"fastai"


def check_file(path: Path) -> FileReport:
    """Read a `.py` file or a notebook, without running it, and say what it needs to run here.

    A file that cannot be read is reported as broken; nothing is raised for what is in it.
    """
    try:
        source = read_source(path, _WORD)
        return _report(str(path), source)
    except UnreadableError as error:
        return FileReport(str(path), BROKEN, broken=str(error))
    except (RecursionError, MemoryError) as error:
        return FileReport(str(path), BROKEN, broken=f"is nested too deeply: {type(error).__name__}")


def _report(path: str, source: SourceCode) -> FileReport:
    names = names_of(source.tree)
    if not modules_imported(names):
        return FileReport(path, BROKEN if source.broken else NO_V1, broken=source.broken)
    uses = uses_of(names)
    inherited = inherited_names(names, uses)
    bases = {cls: [name.name for name in found] for cls, found in inherited.items()}
    findings = [
        *import_findings(names),
        *name_findings(names, uses, inherited),
        *callback_findings(names, bases),
        *changed_findings(names, uses),
    ]
    findings = list(softened(findings, names))
    word = verdict(findings, is_v1=True)
    return FileReport(
        path,
        NEEDS_WORK if source.broken else word,
        _used_names(uses),
        tuple(
            sorted({_placed(finding, source) for finding in findings}, key=lambda f: (f.cell, f.line, f.name))
        ),
        source.broken,
    )


def _placed(finding: Finding, source: SourceCode) -> Finding:
    cell, line = source.place(finding.line)
    return replace(finding, cell=cell, line=line)


def _used_names(uses: list[Use]) -> tuple[UsedName, ...]:
    lines: dict[str, set[int]] = {}
    status: dict[str, str] = {}
    for use in uses:
        if use.name.status != "foreign":
            changed = use.name.status == "here" and use.name.name in changed_names()
            status[use.name.dotted] = "changed" if changed else use.name.status
            lines.setdefault(use.name.dotted, set()).add(use.line)
    return tuple(UsedName(name, status[name], tuple(sorted(lines[name]))) for name in sorted(status))
