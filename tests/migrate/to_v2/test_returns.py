"""Returned dicts are understood key by key."""

from __future__ import annotations

import ast

import pytest

from fastloop_v1.migrate.to_v2.plan import v2_plan
from fastloop_v1.migrate.to_v2.returns import returned_keys

HEAD = "from fastai.basics import *\nclass C(Callback):\n"

KEYS = {
    "{'a': 1, 'b': 2}": ["a", "b"],
    "{}": [],
    "None": [],
    "{'a': 1} if x else None": ["a"],
    "{'a': 1} if x else {'b': 1}": ["a", "b"],
    "{**x}": None,
    "{a: 1}": None,
    "{1: 1}": None,
    "x": None,
    "dict(a=1)": None,
    "True": None,
}


@pytest.mark.parametrize("value", KEYS)
def test_keys_of_a_returned_value(value):
    assert returned_keys(ast.parse(value, mode="eval").body) == KEYS[value]


def _method(code):
    plan = v2_plan(ast.parse(HEAD + code), HEAD + code)
    return next(iter(plan.classes["C"].methods.values())) if plan.classes else None


def test_signal_is_planned():
    method = _method(" def on_backward_end(self, iteration, **kw):\n  return {'skip_step': iteration > 2}")
    assert method.raises == {"CancelStepException"}
    assert method.at_end == {(4, 2)}


@pytest.mark.parametrize(
    ("body", "at_end"),
    [
        ("  if x: return None\n  f()", set()),
        ("  if x: return None", {(4, 8)}),
        ("  if x:\n   f()\n  else:\n   return", {(7, 3)}),
        ("  for a in x:\n   return", set()),
        ("  with x:\n   return", set()),
    ],
)
def test_returns_at_the_end_are_known(body, at_end):
    assert _method(f" def on_backward_end(self, **kw):\n{body}").at_end == at_end


STAYS = [
    " def on_batch_begin(self, last_input, **kw): return {'last_input': [last_input.float()]}",
    " def on_batch_begin(self, last_input, **kw): return {'last_input': (last_input.float(), 1)}",
    " def on_batch_begin(self, last_target, **kw): return {'last_target': None}",
    " def on_loss_begin(self, last_output, **kw): return {'last_output': last_output, 'last_output': 2}",
    " def on_loss_begin(self, last_target, **kw): return {'last_target': last_target.float()}",
    " def on_loss_begin(self, last_output, **kw): return {'last_output': (x := last_output)}",
    " def on_backward_end(self, **kw):\n  with x: return {'skip_step': True}",
    " def on_batch_end(self, train, **kw): return {'stop_epoch': True, 'stop_training': True}",
    " def on_batch_end(self, train, **kw):\n  if not train: return {'stop_epoch': True}",
    " def on_epoch_end(self, **kw): return {'stop_training': 0}",
    " def on_epoch_end(self, **kw): return {'stop_training': True} if x else {}, 1",
    " def on_epoch_end(self, **kw): return dict(stop_training=True)",
]


@pytest.mark.parametrize("code", STAYS)
def test_class_stays(code):
    assert _method(code) is None
