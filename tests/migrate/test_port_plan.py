"""Bare return values become the dicts they stood for, old column names the new ones."""

from __future__ import annotations

import ast

import pytest

from fastloop_v1.migrate.port_plan import port_plan

RETURNS = {
    ("batch_end", "True"): 'return {"stop_epoch": True}',
    ("batch_end", "False"): "return None",
    ("epoch_end", "a > b"): 'return {"stop_training": True} if a > b else None',
    ("backward_end", "not a"): 'return {"skip_step": True} if not a else None',
    ("step_end", "(a ==\n 1)"): 'return {"skip_zero": True} if (a ==\n 1) else None',
    ("loss_begin", "last_output"): 'return {"last_output": last_output}',
    ("backward_begin", "last_loss * 2"): 'return {"last_loss": last_loss * 2}',
    ("batch_begin", "é(x), last_target"): 'return {"last_input": é(x), "last_target": last_target}',
    ("batch_begin", "last_input"): 'return {"last_input": last_input}',
}
ARGUMENTS = "self, last_input, last_loss, last_output, **é"
HEAD = f"from fastai.callback import *\nclass A(Callback):\n  def on_{{}}({ARGUMENTS}):\n"


def _plan(code):
    edits, left = port_plan(ast.parse(code), code)
    return [edit for edit in edits if edit.kind != "module"], left


@pytest.mark.parametrize(("event", "value"), RETURNS)
def test_bare_value_becomes_a_dict(event, value):
    (edit,), left = _plan(HEAD.format(event) + f"    'é'; return {value}\n")
    assert (edit.new, edit.line, edit.column) == ((RETURNS[event, value],), 4, 9)
    assert left == []


@pytest.mark.parametrize(
    ("event", "value"),
    [
        ("train_begin", "True"),
        ("backward_begin", "True"),
        ("batch_begin", "(*a, b)"),
        ("batch_end", "(a # c\n> b)"),
    ],
)
def test_uncertain_value_is_left_alone(event, value):
    edits, left = _plan(HEAD.format(event) + f"    return {value}\n")
    assert edits == []
    assert [entry.line for entry in left] == [4]


@pytest.mark.parametrize("value", ["", "None", "{'stop_epoch': True}", "self.x", "f()"])
def test_other_return_stays(value):
    assert _plan(HEAD.format("batch_end") + f"    return {value}\n") == ([], [])


def test_class_that_may_be_no_callback_stays():
    assert _plan("class A(B):\n  def on_batch_end(self, **kw): return True") == ([], [])


@pytest.mark.parametrize(
    "call",
    [
        "SaveModelCallback(x, monitor={})",
        "partial(SaveModelCallback, monitor={})",
        "EarlyStoppingCallback(x, monitor={})",
    ],
)
def test_old_column_is_renamed(call):
    (edit,), _ = _plan("from fastai.basics import *\n" + call.format("'val_loss'"))
    assert (edit.kind, edit.new) == ("text", ("'valid_loss'",))


@pytest.mark.parametrize(
    "call",
    [
        "f(monitor='val_loss')",
        "SaveModelCallback(x, monitor='accuracy')",
        "SaveModelCallback(x, name='val_loss')",
    ],
)
def test_other_text_stays(call):
    assert _plan("from fastai.basics import *\n" + call)[0] == []


def test_crowded_line_is_left_alone():
    edits, left = _plan("import os; from fastai.basic_train import Learner, SaveModelCallback")
    assert edits == []
    assert len(left) == 1
