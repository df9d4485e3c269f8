"""Files are read and parsed, never run; what cannot be read is said in half a sentence."""

from __future__ import annotations

import ast
import json
import os

import pytest

from fastloop_v1.migrate.source_code import UnreadableError, read_source

BROKEN = {
    "syntax error": (b"def f(:\n", "no Python 3 code: line 1"),
    "Python 2": (b"print 'fastai'\n", "no Python 3 code"),
    "binary": (bytes(range(256)), "is no text"),
    "null bytes": (b"fastai\0", "no Python 3 code"),
    "wrong bytes": (b"x = '\xe9'\n", "is no text"),
    "unknown encoding": (b"# -*- coding: klingon -*-\n", "is no text"),
    "deep": (b"x = " + b"(" * 3000 + b")" * 3000, "no Python 3 code"),
    "very deep": (b"x = fastai" + b".a" * 100_000 + b"\n" + b"-" * 90_000 + b"1", "no Python 3 code"),
}


@pytest.mark.parametrize("what", BROKEN)
@pytest.mark.parametrize("word", [b"fastai", b""])
def test_broken_file_says_why(tmp_path, what, word):
    content, reason = BROKEN[what]
    tmp_path.joinpath("a.py").write_bytes(content)
    with pytest.raises(UnreadableError, match=reason):
        read_source(tmp_path / "a.py", word)


@pytest.mark.parametrize(
    "content",
    [b"\xef\xbb\xbfx = 1\n", b"# -*- coding: latin-1 -*-\nx = '\xe9'\n", b"x = 1\r\n", b"x = '\\d'\n", b""],
    ids=["byte order mark", "latin 1", "Windows", "invalid escape", "empty"],
)
def test_file_is_parsed(tmp_path, content):
    tmp_path.joinpath("a.py").write_bytes(content)
    assert len(read_source(tmp_path / "a.py").tree.body) == (1 if content else 0)


def test_code_is_not_run(tmp_path):
    tmp_path.joinpath("a.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    read_source(tmp_path / "a.py")
    assert not tmp_path.joinpath("ran").exists()


def test_file_without_the_word_is_only_looked_at(tmp_path):
    tmp_path.joinpath("a.py").write_text("x = 1\n")
    assert read_source(tmp_path / "a.py", b"fastai").tree.body == []


def test_what_is_no_file_is_refused(tmp_path):
    tmp_path.joinpath("loop.py").symlink_to(tmp_path / "loop.py")
    os.mkfifo(tmp_path / "pipe.py")
    tmp_path.joinpath("folder.py").mkdir()
    for name in ("loop.py", "pipe.py", "folder.py", "nowhere.py"):
        with pytest.raises(UnreadableError):
            read_source(tmp_path / name)


def test_large_file_is_not_read(tmp_path):
    with tmp_path.joinpath("a.py").open("wb") as file:
        file.truncate(5_000_000)
    with pytest.raises(UnreadableError, match=r"5,000,000 bytes"):
        read_source(tmp_path / "a.py")


def _notebook(path, *cells):
    path.write_text(json.dumps({"cells": [{"cell_type": "code", "source": cell} for cell in cells]}))
    return read_source(path)


def test_lines_of_a_notebook_are_those_of_its_cells(tmp_path):
    source = _notebook(tmp_path / "a.ipynb", "a\n\nb", "", "%%time\nc\nd")
    lines = {n.id: source.place(n.lineno) for n in ast.walk(source.tree) if isinstance(n, ast.Name)}
    assert lines == {"a": (1, 1), "b": (1, 3), "c": (3, 2), "d": (3, 3)}


def test_broken_cell_leaves_the_others(tmp_path):
    source = _notebook(tmp_path / "a.ipynb", "a", "print 'x'", "await b")
    assert [n.id for n in ast.walk(source.tree) if isinstance(n, ast.Name)] == ["a", "b"]
    assert source.broken.startswith("cell 2 is no Python 3 code")


def test_python_that_begins_like_a_magic_stays(tmp_path):
    source = _notebook(tmp_path / "a.ipynb", "x = (a\n% b)")
    assert {"a", "b"} <= {n.id for n in ast.walk(source.tree) if isinstance(n, ast.Name)}


@pytest.mark.parametrize("cut", [0, 1, 20, 60])
def test_truncated_notebook_is_refused(tmp_path, cut):
    _notebook(tmp_path / "a.ipynb", "import fastai")
    text = tmp_path.joinpath("a.ipynb").read_text()
    tmp_path.joinpath("b.ipynb").write_text(text[:cut])
    with pytest.raises(UnreadableError, match="no notebook"):
        read_source(tmp_path / "b.ipynb")
