"""What of a v1 file can be rewritten with certainty, as a list of changes; what is left alone, and why."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

from .callback_protocol import Method, bare_meaning, event_methods, is_bare, returns_of
from .name_findings import inherited_names
from .names_used import Use, uses_of
from .port_imports import Edit, LeftAlone, import_edits
from .scopes import NamesOfFile, names_of
from .v1_names import callback_classes

__all__ = ["port_plan"]

# Names that columns had before v1.0.
_OLD_MONITORS = {"val_loss": "valid_loss", "trn_loss": "train_loss"}


def port_plan(tree: ast.Module, text: str) -> tuple[list[Edit], list[LeftAlone]]:
    """The changes to a file, columns counted in characters, and what is left alone.

    Args:
        tree: the file, parsed.
        text: its text, which the places of the tree refer to.
    """
    names = names_of(tree)
    uses = uses_of(names)
    found = [
        *import_edits(names),
        *_return_edits(names, uses, text),
        *_monitor_edits(names, uses, text),
    ]
    lines = text.splitlines(keepends=True)
    edits = [_in_characters(edit, lines) for edit in found if isinstance(edit, Edit)]
    edits, crowded = _without_crowded(edits, lines)
    left = [*crowded, *(entry for entry in found if isinstance(entry, LeftAlone))]
    return edits, sorted(set(left))


def _in_characters(edit: Edit, lines: list[str]) -> Edit:
    """The edit with its column, which the tree counts in bytes of UTF-8, in characters."""
    before = lines[edit.line - 1].encode()[: edit.column]
    return Edit(edit.line, len(before.decode()), edit.kind, edit.new)


def _without_crowded(edits: list[Edit], lines: list[str]) -> tuple[list[Edit], list[LeftAlone]]:
    """Imports that become several need a line of their own, without comments inside."""
    crowded = [e for e in edits if e.kind == "statements" and not _stands_alone(lines[e.line - 1], e.column)]
    reason = "it would become several imports, and does not stand alone on one line"
    return [edit for edit in edits if edit not in crowded], [LeftAlone(e.line, reason) for e in crowded]


def _stands_alone(line: str, column: int) -> bool:
    code = line[column:].partition("#")[0].strip()
    return not line[:column].strip() and not code.endswith(("\\", "(", ",")) and ";" not in code


# --- bare return values -------------------------------------------------------------------------------------


def _return_edits(names: NamesOfFile, uses: list[Use], text: str) -> Iterator[Edit | LeftAlone]:
    inherited = inherited_names(names, uses)
    for cls in names.classes:
        if callback_classes().isdisjoint(name.name for name in inherited[cls]):
            continue
        for event, method in event_methods(cls):
            values = ((node, node.value) for node in returns_of(method))
            bare = ((node, value) for node, value in values if value and is_bare(event, method, value))
            yield from (_return_edit(event, method, node, value, text) for node, value in bare)


def _return_edit(
    event: str, method: Method, node: ast.Return, value: ast.expr, text: str
) -> Edit | LeftAlone:
    keys = bare_meaning(event, value)
    segment = ast.get_source_segment(text, value) or ""
    if not keys:
        return LeftAlone(
            node.lineno, f"{method.name} returns `{segment[:60]}`, which meant nothing in any v1"
        )
    new = None if "#" in segment or "\\\n" in segment else _as_dict(keys, value, text)
    if new is None:
        return LeftAlone(node.lineno, f"{method.name} returns a bare value in a form that is not rewritten")
    return Edit(node.lineno, node.col_offset, "return", (f"return {new}",))


def _as_dict(keys: tuple[str, ...], value: ast.expr, text: str) -> str | None:
    """The dict a bare value stood for, as code; None where that is not certain."""
    if isinstance(value, (ast.Tuple, ast.List)) and len(keys) == 2:
        if any(isinstance(element, ast.Starred) for element in value.elts):
            return None
        parts = [ast.get_source_segment(text, element) for element in value.elts]
        return "{" + ", ".join(f'"{key}": {part}' for key, part in zip(keys, parts, strict=True)) + "}"
    if isinstance(value, ast.Constant):
        # The older loop asked whether any listener had said so: False took back nothing.
        return f'{{"{keys[0]}": True}}' if value.value else "None"
    segment = ast.get_source_segment(text, value) or ""
    segment = f"({segment})" if "\n" in segment else segment
    if isinstance(value, (ast.Compare, ast.UnaryOp, ast.BoolOp)):
        return f'{{"{keys[0]}": True}} if {segment} else None'
    if isinstance(value, (ast.Name, ast.BinOp, ast.Tuple, ast.List)):
        return f'{{"{keys[0]}": {segment}}}'
    return None


# --- old names of columns -----------------------------------------------------------------------------------


def _monitor_edits(names: NamesOfFile, uses: Iterable[Use], text: str) -> Iterator[Edit]:
    """`monitor="val_loss"` of a callback of v1, made there or by `partial`."""
    callbacks = {use.node for use in uses if use.name.name in callback_classes()}
    for call, _ in names.calls:
        if call.func not in callbacks and not callbacks.intersection(call.args):
            continue
        for word in call.keywords:
            value = word.value
            if word.arg == "monitor" and isinstance(value, ast.Constant) and value.value in _OLD_MONITORS:
                old, written = str(value.value), ast.get_source_segment(text, value) or ""
                new = written.replace(old, _OLD_MONITORS[old])
                yield Edit(value.lineno, value.col_offset, "text", (new,))
