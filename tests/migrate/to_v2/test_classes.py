"""Callback classes are found by what their bases are, however these were imported."""

from __future__ import annotations

import ast

import pytest

from fastloop_v1.migrate.port_text import Text
from fastloop_v1.migrate.scopes import names_of
from fastloop_v1.migrate.to_v2.classes import callback_classes_of, check_class, methods_of
from fastloop_v1.migrate.to_v2.plan import v2_plan

FOUND = {
    "from fastai.callback import Callback\nclass A(Callback): 0": ["A"],
    "from fastai.vision import *\nclass A(Callback): 0\nclass B(LearnerCallback): 0": ["A", "B"],
    "from fastai.basic_train import LearnerCallback as L\nclass A(L): 0": ["A"],
    "import fastai.callback as cb\nclass A(cb.Callback): 0": ["A"],
    "from fastloop_v1.callback import Callback\nclass A(Callback): 0": ["A"],
    "from fastloop_v1 import Callback\nclass A(Callback): 0": ["A"],
    "from fastloop_v1.basics import *\nclass A(Callback): 0": ["A"],
    "import fastloop_v1.callback as cb\nclass A(cb.Callback): 0": ["A"],
    "import fastloop_v1.callback\nclass A(fastloop_v1.callback.Callback): 0": ["A"],
    "from fastloop_v1.v2 import Callback\nclass A(Callback): 0": [],
    "from fastloop_v1 import v2\nclass A(v2.Callback): 0": [],
    "from fastai.callback.all import *\nclass A(Callback): 0": [],
    "from mine import Callback\nclass A(Callback): 0": [],
    "class Callback: 0\nclass A(Callback): 0": [],
}


@pytest.mark.parametrize("code", FOUND)
def test_classes_are_found_by_their_base(code):
    plan = v2_plan(ast.parse(code), code)
    assert (list(plan.classes), plan.left_alone) == (FOUND[code], ())


def _class(body, base="LearnerCallback"):
    code = f"from fastai.basics import *\nclass TimeCallback({base}):\n{body}"
    names = names_of(ast.parse(code))
    (cls,), uses = callback_classes_of(names, Text(code))
    return cls, uses


def test_what_a_class_has_of_its_own():
    cls, _ = _class(" a = b = 1\n c: int = 2\n def f(self): self.d, self.e = 1, self.g")
    assert (cls.own, cls.written) == ({"a", "b", "c", "f", "d", "e"}, {"d", "e"})
    assert cls.has_learner
    assert cls.of_file == {"time", "time_callback"}
    assert [method.name for method in methods_of(cls)] == ["f"]


@pytest.mark.parametrize("body", [" 'text'", " a = 1", " _order = 3", " def f(self): 0", " pass"])
def test_plain_body_is_accepted(body):
    cls, uses = _class(body)
    check_class(cls, uses)
    assert cls.why_not == []


def test_order_is_read():
    cls, uses = _class(" _order = 3")
    check_class(cls, uses)
    assert cls.order == 3


@pytest.mark.parametrize(
    "body", [" for x in y: 0", " class B: 0", " def f(self): 0\n def f(self): 1", " f(1)"]
)
def test_other_body_is_refused(body):
    cls, uses = _class(body)
    check_class(cls, uses)
    assert cls.why_not
