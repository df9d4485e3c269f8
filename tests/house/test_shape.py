"""Files and functions stay short and flat."""

from __future__ import annotations

import ast
import io
import tokenize

MOST_LINES, MOST_CODE_LINES, MOST_LEVELS = 450, 40, 3
BLOCKS = (ast.If, ast.For, ast.AsyncFor, ast.While, ast.With, ast.AsyncWith, ast.Try, ast.Match)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


def _functions(tree):
    return [node for node in ast.walk(tree) if isinstance(node, FUNCTIONS)]


def _lines_with_code(text):
    """Numbers of the lines that hold more than a comment; a string over several lines counts on each."""
    return {
        line
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type not in NO_CODE
        for line in range(token.start[0], token.end[0] + 1)
    }


def _docstring_lines(node):
    if ast.get_docstring(node, clean=False) is None:
        return set()
    return set(range(node.body[0].lineno, node.body[0].end_lineno + 1))


def _is_elif(parent, child):
    return isinstance(parent, ast.If) and parent.orelse == [child] and isinstance(child, ast.If)


def _levels(node, level=0):
    """Depth of the deepest block; an `elif` is no deeper than its `if`, an inner function starts anew."""
    deepest = level
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, (*FUNCTIONS, ast.ClassDef)):
            deeper = isinstance(child, BLOCKS) and not _is_elif(node, child)
            deepest = max(deepest, _levels(child, level + deeper))
    return deepest


def test_file_is_short(python_file):
    assert len(python_file.text.splitlines()) <= MOST_LINES


def test_functions_are_short(python_file):
    code = _lines_with_code(python_file.text)
    sizes = {
        f"{function.name}, line {function.lineno}": len(
            code.intersection(range(function.lineno, function.end_lineno + 1)) - _docstring_lines(function)
        )
        for function in _functions(python_file.tree)
    }
    assert not {name: size for name, size in sizes.items() if size > MOST_CODE_LINES}


def test_functions_are_flat(python_file):
    levels = {f"{f.name}, line {f.lineno}": _levels(f) for f in _functions(python_file.tree)}
    assert not {name: level for name, level in levels.items() if level > MOST_LEVELS}
