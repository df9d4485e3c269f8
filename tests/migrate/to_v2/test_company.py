"""Classes that meet others of the file at an event stay, if the order of the two may change."""

from __future__ import annotations

import ast

import pytest

from fastloop_v1.migrate.to_v2.plan import v2_plan

HEAD = "from fastai.basics import *\n"
LOSS = (
    "class {0}(Callback):\n{1} def on_backward_begin(self, last_loss, **kw):\n"
    "  return {{'last_loss': last_loss + 1}}\n"
)
STAYS = " def on_train_end(self, **kw): 0\n"
SKIPS = "class {0}(Callback):\n{1} def on_backward_end(self, **kw): return {{'skip_step': True}}\n"
READS = "class {0}(Callback):\n{1} def on_batch_begin(self, iteration, **kw): f(iteration)\n"
STOPS = (
    "class Stops(Callback):\n def on_batch_end(self, train, **kw):\n  if train: return {'stop_epoch': True}\n"
)

GOING = {
    "two alike": (LOSS.format("A", "") + LOSS.format("B", ""), ["A", "B"]),
    "one beside one that stays": (LOSS.format("A", "") + LOSS.format("B", STAYS), []),
    "one that comes after": (LOSS.format("A", " _order = 2\n") + LOSS.format("B", STAYS), ["A"]),
    "at other events": (SKIPS.format("A", "") + LOSS.format("B", STAYS), ["A"]),
    "what only one reads": (READS.format("A", "") + READS.format("B", STAYS), ["A"]),
    "a flag that another one sets": (SKIPS.format("A", "") + SKIPS.format("B", ""), []),
    "a signal before a later one": (SKIPS.format("A", "") + LOSS.format("B", " _order = 2\n" + STAYS), []),
    "a signal beside another value": (
        LOSS.format("A", "")
        + "class B(Callback):\n def on_backward_begin(self, **kw): return {'skip_bwd': True}\n",
        [],
    ),
    "an epoch cut short beside a counter": (STOPS + READS.format("B", STAYS), []),
    "a variable of the file": (
        "log = []\nclass A(Callback):\n def on_epoch_end(self, **kw): log.append(1)\n"
        f"class B(Callback):\n{STAYS} def on_epoch_end(self, **kw): log.append(2)\n",
        [],
    ),
    "a variable at other events": (
        "log = []\nclass A(Callback):\n def on_epoch_end(self, **kw): log.append(1)\n"
        f"class B(Callback):\n{STAYS} def on_epoch_begin(self, **kw): log.append(2)\n",
        ["A"],
    ),
    "an epoch cut short": (STOPS + READS.format("B", ""), ["Stops", "B"]),
}


@pytest.mark.parametrize("name", GOING)
def test_classes_that_go(name):
    code, going = GOING[name]
    assert list(v2_plan(ast.parse(HEAD + code), HEAD + code).classes) == going


def test_one_that_stays_may_keep_others_one_by_one():
    middle = LOSS.format(
        "B", " def on_loss_begin(self, last_output, **kw): return {'last_output': last_output}\n"
    )
    code = HEAD + LOSS.format("A", STAYS) + middle
    code += "class C(Callback):\n def on_loss_begin(self, last_output, **kw): f(last_output)\n"
    assert v2_plan(ast.parse(code), code).classes == {}


RATE = "class A(LearnerCallback):\n{0} def on_{1}(self, **kw): f(self.learn.opt.lr)\n"


@pytest.mark.parametrize(
    ("event", "order", "goes"),
    [
        ("batch_begin", "", True),
        ("epoch_end", "", True),
        ("batch_end", "", False),
        ("train_begin", "", False),
        ("batch_end", " _order = 1\n", True),
    ],
)
def test_rates_are_read_where_schedules_do_not_come_between(event, order, goes):
    code = HEAD + RATE.format(order, event)
    assert bool(v2_plan(ast.parse(code), code).classes) is goes


@pytest.mark.parametrize(
    ("beside", "goes"),
    [("learn.clip_grad(1)", False), ("GradientClipping(learn)", False), ("CSVLogger(learn)", True)],
)
def test_callbacks_of_the_package_may_come_between(beside, goes):
    code = f"{HEAD}from fastai.callbacks import *\nclass A(LearnerCallback):\n"
    code += f" def on_backward_end(self, **kw): f(self.learn.model)\n{beside}\n"
    assert bool(v2_plan(ast.parse(code), code).classes) is goes
