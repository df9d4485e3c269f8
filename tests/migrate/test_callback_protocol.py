"""Bare values mean to the check what they mean to the loop."""

from __future__ import annotations

import ast
from types import SimpleNamespace

import pytest
import torch

from fastloop_v1.errors import CallbackReturnError
from fastloop_v1.events import EVENTS
from fastloop_v1.listeners import from_bare_value
from fastloop_v1.migrate.callback_protocol import (
    bare_meaning,
    callback_findings,
    event_methods,
    is_bare,
    returns_of,
)
from fastloop_v1.migrate.scopes import names_of

# Code of a returned value, and the value.
VALUES = {
    "True": True,
    "1": 1,
    "'stop'": "stop",
    "not self.x": False,
    "epoch == 1": True,
    "(last_input, last_target)": (torch.zeros(1), torch.zeros(1)),
    "[last_input, last_target]": [torch.zeros(1), torch.zeros(1)],
    "last_input": torch.zeros(1),
    "last_loss * 2": torch.zeros(()),
}


def _method(event, code):
    text = f"def on_{event}(self, last_input, last_target, last_loss, **kw):\n    return {code}"
    return ast.parse(text).body[0]


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("code", VALUES)
@pytest.mark.filterwarnings("ignore")
def test_bare_value_means_what_the_loop_takes_it_for(event, code):
    method = _method(event, code)
    value = method.body[0].value
    assert is_bare(event, method, value)
    try:
        meant = from_bare_value(SimpleNamespace(), event, VALUES[code])
    except CallbackReturnError:
        assert bare_meaning(event, value) == ()
    else:
        assert set(bare_meaning(event, value)) >= set(meant)
        assert bare_meaning(event, value)


@pytest.mark.parametrize(
    "code", ["None", "{}", "add_metrics(last_metrics, 1)", "self.x", "a if b else None", "a | b"]
)
def test_what_may_be_a_dict_is_not_bare(code):
    method = _method("epoch_end", code)
    assert not is_bare("epoch_end", method, method.body[0].value)


def test_returns_of_inner_functions_do_not_count():
    method = ast.parse("def f():\n    def g(): return 1\n    lambda: 2\n    if x: return 3").body[0]
    assert [node.value.value for node in returns_of(method)] == [3]


def test_event_methods_are_found():
    cls = ast.parse(
        "class A:\n    def on_batch_end(self): 0\n    def on_air(self): 0\n    def f(self): 0"
    ).body[0]
    assert [event for event, _ in event_methods(cls)] == ["batch_end"]


def _findings(body):
    names = names_of(ast.parse(f"class A(Callback):\n    {body}"))
    return [(f.level, f.kind) for f in callback_findings(names, {names.classes[0]: ["Callback"]})]


FINDINGS = {
    "def on_batch_end(self, **kw): return True": [("remark", "old-return")],
    "def on_train_end(self, **kw): return True": [("work", "old-return")],
    "def on_batch_end(self, **kw): return {'stop_epoch': True}": [],
    "def on_batch_end(self, **kw): return {'stop_epok': True}": [("work", "state-key")],
    "def on_epoch_begin(self, **kw): return {'stop_epoch': True}": [("remark", "state-key")],
    "def on_epoch_end(self, last_metrics): 0": [("work", "arguments")],
    "def on_epoch_begin(self, last_metrics, **kw): 0": [("work", "arguments")],
    "def on_epoch_begin(self, last_metrics=None, **kw): 0": [],
    "def on_epoch_ends(self, **kw): 0": [("remark", "event")],
    "def on_air(self, **kw): 0": [],
    "def before_batch(self): 0": [("work", "v2")],
    "@retry\n    def on_batch_end(self): 0": [],
}


@pytest.mark.parametrize("body", FINDINGS)
def test_finding(body):
    assert _findings(body) == FINDINGS[body]


def test_class_of_unknown_base_counts_if_it_listens():
    names = names_of(ast.parse("class A(Mine):\n    def on_batch_end(self, **kw): return True"))
    assert [finding.kind for finding in callback_findings(names, {})] == ["old-return"]
