"""A v1 file rewritten for this package where that is certain; comments and layout stay as they are."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ArgumentError
from ..optional import optional_import
from .port_imports import Edit, LeftAlone
from .port_plan import port_plan
from .source_code import UnreadableError, read_source
from .to_v2.plan import v2_plan
from .to_v2.rewrite import as_v2

if TYPE_CHECKING:
    import libcst

__all__ = ["Ported", "port_file"]


@dataclass(frozen=True)
class Ported:
    """A file and what it became.

    Attributes:
        path: the file.
        before: its bytes.
        after: the bytes to write; the same where nothing could be changed.
        left_alone: what is v1's and was not changed, by line.
        encoding: of both.
    """

    path: Path
    before: bytes
    after: bytes
    left_alone: tuple[LeftAlone, ...]
    encoding: str

    def diff(self) -> str:
        """The change as a unified diff, empty if there is none."""
        old, new = (
            content.decode(self.encoding).splitlines(keepends=True) for content in (self.before, self.after)
        )
        return "".join(_diff_lines(difflib.unified_diff(old, new, str(self.path), str(self.path))))


def port_file(path: Path, to: str = "fastloop_v1") -> Ported:
    """Rewrite a Python file, in memory.

    Args:
        path: the file.
        to: `fastloop_v1` for imports, names and return values of this package; `v2` for callback classes as
            those of `fastloop_v1.v2`.

    Raises:
        ArgumentError: the file is no `.py` file, cannot be read, or cannot be kept byte for byte.
        MissingExtraError: libcst is not installed.
    """
    if path.suffix != ".py":
        raise ArgumentError(f"{path} is not rewritten; only `.py` files are.")
    cst = optional_import("libcst", "port")
    try:
        source = read_source(path)
    except UnreadableError as error:
        raise ArgumentError(f"{path} {error}.") from error
    before = path.read_bytes()
    try:
        module = cst.parse_module(before)
    except cst.ParserSyntaxError as error:
        raise ArgumentError(f"{path} is not rewritten: {error.message}") from error
    change = _to_v2 if to == "v2" else _to_this_package
    after, left = change(cst, module, source.tree)
    if after is not None and module.bytes != before:
        raise ArgumentError(f"{path} is not rewritten: its form feeds or line ends would not stay.")
    return Ported(path, before, before if after is None else after, left, module.encoding)


def _to_this_package(
    cst: Any, module: libcst.Module, tree: ast.Module
) -> tuple[bytes | None, tuple[LeftAlone, ...]]:
    """The bytes to write, None for the same, and what is left alone."""
    edits, left = port_plan(tree, module.code)
    return _rewritten(cst, module, edits) if edits else None, tuple(left)


def _to_v2(cst: Any, module: libcst.Module, tree: ast.Module) -> tuple[bytes | None, tuple[LeftAlone, ...]]:
    """Likewise for callbacks of v2."""
    plan = v2_plan(tree, module.code)
    return as_v2(cst, module, plan).bytes if plan.classes else None, plan.left_alone


def _diff_lines(lines: Iterator[str]) -> Iterator[str]:
    for line in lines:
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _rewritten(cst: Any, module: libcst.Module, edits: list[Edit]) -> bytes:
    """The bytes of the module with the edits made."""
    places = {(edit.line, edit.column, edit.kind): edit for edit in edits}
    wrapper = cst.metadata.MetadataWrapper(module, unsafe_skip_copy=True)
    positions = wrapper.resolve(cst.metadata.PositionProvider)
    found: dict[Any, Edit] = {}
    for kinds, node_class in (
        (("module",), (cst.ImportAlias, cst.ImportFrom)),
        (("statements",), (cst.SimpleStatementLine,)),
        (("return",), (cst.Return,)),
        (("name",), (cst.Name,)),
        (("text",), (cst.SimpleString,)),
    ):
        for node, position in positions.items():
            place = (position.start.line, position.start.column, kinds[0])
            if isinstance(node, node_class) and place in places:
                found[node] = places[place]
    rewritten: libcst.Module = module.visit(_transformer(cst, found))
    return rewritten.bytes


def _transformer(cst: Any, found: dict[Any, Edit]) -> Any:
    """What makes the edits to the nodes found."""

    class Transformer(cst.CSTTransformer):  # type: ignore[misc]
        def on_leave(self, original_node: Any, updated_node: Any) -> Any:
            edit = found.get(original_node)
            return updated_node if edit is None else _changed(cst, edit, updated_node)

    return Transformer()


def _changed(cst: Any, edit: Edit, node: Any) -> Any:
    """The node, or nodes, to put in the place of one."""
    if edit.kind == "name":
        return node.with_changes(value=edit.new[0])
    if edit.kind == "text":
        return node.with_changes(value=edit.new[0])
    if edit.kind == "return":
        new = cst.parse_statement(edit.new[0]).body[0]
        return new.with_changes(semicolon=node.semicolon)
    if edit.kind == "module":
        target = cst.parse_expression(edit.new[0])
        is_alias = isinstance(node, cst.ImportAlias)
        return node.with_changes(name=target) if is_alias else node.with_changes(module=target)
    lines = [cst.parse_statement(text) for text in edit.new]
    lines[0] = lines[0].with_changes(leading_lines=node.leading_lines)
    lines[-1] = lines[-1].with_changes(trailing_whitespace=node.trailing_whitespace)
    return cst.FlattenSentinel(lines)
