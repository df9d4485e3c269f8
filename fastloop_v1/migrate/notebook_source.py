"""Python code of notebooks: the code cells of a notebook's JSON, without what only a notebook understands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

__all__ = ["NotebookError", "code_cells", "plain_python"]

# Cell magics whose cell is still Python that runs here; the cells of all others are no Python.
_PYTHON_CELLS = {"capture", "prun", "python", "python3", "time", "timeit"}
# Line magics with a statement behind them that runs.
_STATEMENT_MAGIC = re.compile(r"%(?:time|timeit|prun|memit)\s+(?P<rest>[^-\s].*)")
_ASSIGNED = re.compile(r"(?P<targets>[\w\s,.\[\]]+?)=\s*(?P<magic>[%!].*)")
_HELP = re.compile(r"\?{0,2}[\w.*%]+\?{0,2}")


class NotebookError(ValueError):
    """The text is no notebook that can be read."""


def code_cells(text: str) -> list[str]:
    """The code cells of a notebook, in order, as they were written; none if it is not in Python.

    Raises:
        NotebookError: the text is no JSON, or not that of a notebook.
    """
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotebookError(f"no notebook: {error}") from error
    if not isinstance(notebook, dict) or not isinstance(_cells(notebook), list):
        raise NotebookError("no notebook: it has no list of cells")
    if _language(notebook) not in ("", "python"):
        return []
    cells = [cell for cell in _cells(notebook) if isinstance(cell, dict) and cell.get("cell_type") == "code"]
    return [_source(cell.get("source", cell.get("input", ""))) for cell in cells]


def plain_python(cell: str) -> str:
    """The cell with magics, shell lines and questions replaced, line by line, by what Python can read."""
    lines = cell.split("\n")
    first = next((line.strip() for line in lines if line.strip()), "")
    if first.startswith("%%"):
        words = first[2:].split()
        if not words or words[0] not in _PYTHON_CELLS:
            return "\n" * (len(lines) - 1)
    return "\n".join(_plain_lines(lines))


def _plain_lines(lines: list[str]) -> Iterator[str]:
    goes_on = False
    for line in lines:
        if goes_on:
            # A shell command over several lines: its other lines go with the first.
            goes_on = line.rstrip().endswith("\\")
            yield ""
            continue
        plain = _plain_line(line)
        goes_on = plain != line and line.rstrip().endswith("\\")
        yield plain


def _plain_line(line: str) -> str:
    code = line.strip()
    indent = line[: len(line) - len(line.lstrip())]
    if statement := _STATEMENT_MAGIC.fullmatch(code):
        return indent + statement["rest"]
    if code.startswith("%pylab"):
        return f"{indent}import numpy as np; import matplotlib.pyplot as plt; from pylab import *"
    if code.startswith(("%", "!", "?")) or (code.endswith("?") and _HELP.fullmatch(code)):
        return f"{indent}pass"
    if ("%" in code or "!" in code) and (assigned := _ASSIGNED.fullmatch(code)):
        return f"{indent}{assigned['targets'].strip()} = None"
    return line


def _cells(notebook: dict[str, Any]) -> Any:
    """The cells; before version 4 of the format they lay in work sheets."""
    sheets = notebook.get("worksheets")
    if "cells" not in notebook and isinstance(sheets, list):
        return [cell for sheet in sheets if isinstance(sheet, dict) for cell in sheet.get("cells") or []]
    return notebook.get("cells")


def _language(notebook: dict[str, Any]) -> str:
    metadata = notebook.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    for part, key in (("kernelspec", "language"), ("language_info", "name")):
        found = metadata.get(part)
        if isinstance(found, dict) and isinstance(found.get(key), str):
            return str(found[key]).lower()
    return ""


def _source(source: Any) -> str:
    """Text of a cell, which is written as one text or as a list of lines."""
    if isinstance(source, list):
        return "".join(part for part in source if isinstance(part, str))
    return source if isinstance(source, str) else ""
