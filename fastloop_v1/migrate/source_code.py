"""Python code of a file or notebook, parsed and never run, and where each line of it stands."""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from bisect import bisect_right
from dataclasses import dataclass
from pathlib import Path

from .notebook_source import NotebookError, code_cells, plain_python

__all__ = ["SourceCode", "UnreadableError", "read_source"]

# Larger files hold data, not code; a notebook may hold many pictures.
_MOST_BYTES = {".py": 4_000_000, ".ipynb": 200_000_000}
_FLAGS = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT


class UnreadableError(ValueError):
    """The file could not be read as Python code; the message says why in half a sentence."""


@dataclass(frozen=True)
class SourceCode:
    """Python code of a file.

    Attributes:
        tree: all of it; in a notebook the lines are counted on over the code cells.
        cell_starts: lines before each code cell of a notebook; empty for a Python file.
        broken: what of it could not be parsed, empty if everything could.
    """

    tree: ast.Module
    cell_starts: tuple[int, ...] = ()
    broken: str = ""

    def place(self, line: int) -> tuple[int, int]:
        """The cell (0 in a Python file) and the line in it."""
        if not self.cell_starts:
            return 0, line
        cell = bisect_right(self.cell_starts, line - 1)
        return cell, line - self.cell_starts[cell - 1]


def read_source(path: Path, word: bytes = b"") -> SourceCode:
    """Read and parse a `.py` file or an `.ipynb` notebook.

    Args:
        path: the file.
        word: if it does not stand in the file, nothing of its tree is wanted: it is only seen whether it is
            Python.

    Raises:
        UnreadableError: the file cannot be opened, is too large, is no text, no notebook or no Python code.
    """
    content = _content(path)
    if path.suffix == ".ipynb":
        return _notebook(content)
    wanted = word in content
    if not wanted and b"\0" not in content and len(content) > _MOST_BYTES[".py"] // 4:
        return SourceCode(ast.Module([], []))
    tree = _parsed(_text(content), str(path), _FLAGS if wanted else 0)
    return SourceCode(tree if isinstance(tree, ast.Module) else ast.Module([], []))


def _content(path: Path) -> bytes:
    most = _MOST_BYTES[path.suffix if path.suffix in _MOST_BYTES else ".py"]
    try:
        if not path.is_file():
            raise UnreadableError("is no file" if path.exists() else "is not there, or a link to nothing")
        size = path.stat().st_size
        if size > most:
            raise UnreadableError(f"has {size:,} bytes; at most {most:,} are read")
        return path.read_bytes()
    except OSError as error:
        raise UnreadableError(f"cannot be opened: {error.strerror or error}") from error


def _text(content: bytes) -> str:
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(content).readline)
        return content.decode(encoding)
    except (SyntaxError, LookupError, ValueError) as error:
        raise UnreadableError(f"is no text: {error}") from error


def _parsed(text: str, name: str, flags: int) -> object:
    """The tree of the code with these flags; without, only what says whether it is Python.

    Raises:
        UnreadableError: it is not.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the code read, such as an invalid escape
            return compile(text, name, "exec", flags, dont_inherit=True)
    except SyntaxError as error:
        raise UnreadableError(f"no Python 3 code: line {error.lineno}: {error.msg}") from error
    except (ValueError, MemoryError, RecursionError, OverflowError) as error:
        raise UnreadableError(f"no Python 3 code: {error or type(error).__name__}") from error


def _notebook(content: bytes) -> SourceCode:
    try:
        cells = code_cells(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise UnreadableError(f"is no text: {error}") from error
    except NotebookError as error:
        raise UnreadableError(str(error)) from error
    body: list[ast.stmt] = []
    starts, broken, line = [], [], 0
    for number, cell in enumerate(cells, start=1):
        starts.append(line)
        try:
            tree = _parsed_cell(cell, f"cell {number}")
        except UnreadableError as error:
            broken.append(f"cell {number} is {error}")
        else:
            body += _moved(tree, line)
        line += cell.count("\n") + 1
    return SourceCode(ast.Module(body, []), tuple(starts), "; ".join(broken))


def _parsed_cell(cell: str, name: str) -> object:
    """The tree of a cell; only if it is no Python as it stands are magics taken out."""
    try:
        return _parsed(cell, name, _FLAGS)
    except UnreadableError:
        return _parsed(plain_python(cell), name, _FLAGS)


def _moved(tree: object, lines: int) -> list[ast.stmt]:
    """The statements of a cell, with lines counted on from those of the cells before."""
    body = tree.body if isinstance(tree, ast.Module) else []
    return [ast.increment_lineno(statement, lines) for statement in body]
