"""A file is rewritten where that is certain, keeps every other byte, and is through after one pass."""

from __future__ import annotations

import ast
import importlib.util
import runpy
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastloop_v1.errors import ArgumentError, MissingExtraError
from fastloop_v1.migrate.file_check import check_file
from fastloop_v1.migrate.findings import NO_V1

pytest.importorskip("libcst", reason="the extra `port` is not installed")
from fastloop_v1.migrate.port import port_file

ROOT = Path(__file__).parents[2]
_spec = importlib.util.spec_from_file_location(
    "agreement_snippets", Path(__file__).with_name("agreement_snippets.py")
)
agreement = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(agreement)
SNIPPETS = {
    name: code for name, (code, verdict) in agreement.snippets().items() if verdict.startswith("runs")
}

V1 = """\
# -*- coding: latin-1 -*-
'''é'''
from fastai.vision import *   # all of it
from fastai.basic_train import (Learner,  # here
                                LearnerCallback)
import os, fastai.callbacks.hooks as h


class Stop(LearnerCallback):

    def on_batch_end(self, last_loss, **kwargs):
        # comment
        if last_loss > 3: return True   # stop
        if last_loss > 2: os.nice(0); return False

    def on_batch_begin(self, last_input, last_target, **kwargs):
        return (last_input * 2,
                last_target)
"""
OURS = """\
# -*- coding: latin-1 -*-
'''é'''
from fastloop_v1.basics import *   # all of it
from fastloop_v1.basic_train import (Learner,  # here
                                LearnerCallback)
import os, fastloop_v1.callbacks.hooks as h


class Stop(LearnerCallback):

    def on_batch_end(self, last_loss, **kwargs):
        # comment
        if last_loss > 3: return {"stop_epoch": True}   # stop
        if last_loss > 2: os.nice(0); return None

    def on_batch_begin(self, last_input, last_target, **kwargs):
        return {"last_input": last_input * 2, "last_target": last_target}
"""


def _port(folder, content):
    path = folder / "code.py"
    path.write_bytes(content)
    return port_file(path)


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["latin-1", "utf-8-sig"])
def test_file_is_rewritten_and_keeps_its_form(tmp_path, line_end, encoding):
    before, after = (text.replace("\n", line_end) for text in (V1, OURS))
    if encoding != "latin-1":
        before, after = (text.replace("latin-1", "utf-8") for text in (before, after))
    ported = _port(tmp_path, before.encode(encoding))
    assert ported.after == after.encode(encoding)
    assert ported.left_alone == ()
    assert tmp_path.joinpath("code.py").read_bytes() == before.encode(encoding)


def test_one_pass_is_enough(tmp_path):
    ported = _port(tmp_path, OURS.encode("latin-1"))
    assert ported.after == ported.before
    assert ported.diff() == ""


def test_diff_shows_the_change(tmp_path):
    ported = _port(tmp_path, b"from fastai.core import ifnone")
    path = tmp_path / "code.py"
    assert ported.diff().splitlines() == [
        f"--- {path}",
        f"+++ {path}",
        "@@ -1 +1 @@",
        "-from fastai.core import ifnone",
        "\\ No newline at end of file",
        "+from fastloop_v1.core import ifnone",
        "\\ No newline at end of file",
    ]


@pytest.mark.parametrize("name", SNIPPETS)
@pytest.mark.filterwarnings("ignore")
def test_rewritten_code_does_the_same_without_the_alias(name, tmp_path, monkeypatch):
    ported = _port(tmp_path, (agreement.PRELUDE + SNIPPETS[name]).encode())
    tmp_path.joinpath("code.py").write_bytes(ported.after)
    assert port_file(tmp_path / "code.py").after == ported.after
    monkeypatch.chdir(tmp_path)
    if not ported.left_alone:
        assert check_file(tmp_path / "code.py").verdict == NO_V1
        runpy.run_path(str(tmp_path / "code.py"))


OWN = [p for folder in ("fastloop_v1", "tests/migrate") for p in sorted(ROOT.joinpath(folder).glob("*.py"))]


@pytest.mark.parametrize("path", OWN[::7], ids=lambda p: p.name)
def test_file_without_v1_code_stays_to_the_byte(path):
    ported = port_file(path)
    assert ported.after == ported.before == path.read_bytes()


LINES = st.sampled_from(
    [
        "x = 1",
        "# é",
        "",
        "if x:\n    y = 2",
        "def f(a): return True",
        "\ty",
        "'''a\n b'''",
        "x = (1,\n\n  2)",
        "\x0c",
        "z ; w",
    ]
)


@given(st.lists(LINES, max_size=12), st.sampled_from(["\n", "\r\n", "\r"]), st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_code_without_v1_stays_to_the_byte(tmp_path, lines, line_end, ends):
    content = ("\n".join(lines) + "\n" * ends).replace("\n", line_end).encode()
    try:
        ast.parse(content)
    except SyntaxError:
        return
    ported = _port(tmp_path, content)
    assert ported.after == content


@given(st.lists(LINES, max_size=8), st.sampled_from(["\n", "\r\n"]))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_only_the_import_changes_among_any_code(tmp_path, lines, line_end):
    lines = [line for line in lines if line != "\x0c"]
    head, tail = "\n".join(lines[::2]), "\n".join(lines[1::2])
    text = f"{head}\nfrom fastai.core import ifnone  # c\n{tail}\n".replace("\n", line_end)
    try:
        ast.parse(text)
    except SyntaxError:
        return
    assert _port(tmp_path, text.encode()).after == text.replace("fastai.core", "fastloop_v1.core").encode()


def test_what_would_not_stay_to_the_byte_is_refused(tmp_path):
    with pytest.raises(ArgumentError, match="would not stay"):
        _port(tmp_path, b"from fastai.core import ifnone\n\x0c\n\x0c\n")


@pytest.mark.parametrize("content", [b"def f(:", b"\xff\xfe", b"print 'x'"])
def test_broken_file_is_refused(tmp_path, content):
    with pytest.raises(ArgumentError, match=r"code\.py"):
        _port(tmp_path, content)


def test_notebook_is_refused(tmp_path):
    with pytest.raises(ArgumentError, match=r"only `\.py` files"):
        port_file(tmp_path / "a.ipynb")


def test_missing_libcst_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "libcst", None)
    with pytest.raises(MissingExtraError, match=r"fastloop_v1\[port\]"):
        _port(tmp_path, b"import fastai")
