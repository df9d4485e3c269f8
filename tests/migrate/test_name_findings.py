"""What is not offered, what cannot be called so, and what a learner has no more is found."""

from __future__ import annotations

import ast

import pytest

from fastloop_v1.migrate.name_findings import inherited_names, name_findings
from fastloop_v1.migrate.names_used import uses_of
from fastloop_v1.migrate.scopes import names_of

STAR = "from fastai.vision import *\n"
CASES = {
    "cnn_learner(1)": [("work", "not-offered")],
    "x = cnn_learner": [("remark", "not-offered")],
    "Learner(1, 2, lr=3)": [("work", "arguments")],
    "Learner(1, 2, **{})": [],
    "learn = Learner(1, 2)\nlearn.fit(1, cyc=2)": [("work", "arguments")],
    "learn = f()\nlearn.fit(1, cyc=2)": [("work", "unknown-name")],
    "learn = Learner(1, 2)\nlearn.fit(1, cbs=2)": [("remark", "v2")],
    "learn = Learner(1, 2)\nlearn.lr_find(cbs=2)": [("work", "v2")],
    "def f(learn): learn.fit(1, 2, cycle_len=1)": [("work", "0.7")],
    "def f(learn): learn.sched.plot()": [("work", "0.7")],
    "learn = Learner(1, 2)\nlearn.unet": [("work", "gone")],
    "learn = Learner(1, 2)\nlearn.unet = 1\nlearn.unet": [],
    "class Unet(Callback): pass\nlearn = Learner(1, 2)\nlearn.unet": [],
    "def f(learn): learn.unet": [],
    "def f(learn): learn.recorder.add_metrics(1)": [("work", "before-1.0.47")],
    "DataBlock()": [("work", "v2")],
    "ConvLearner()": [("work", "0.7")],
    "nowhere": [("work", "unknown-name")],
}


def _findings(code):
    names = names_of(ast.parse(code))
    uses = uses_of(names)
    return list(name_findings(names, uses, inherited_names(names, uses)))


@pytest.mark.parametrize("code", CASES)
def test_finding(code):
    assert [(finding.level, finding.kind) for finding in _findings(STAR + code)] == CASES[code]


def test_replacement_is_named():
    (finding,) = _findings(STAR + "cnn_learner(1)")
    assert "Learner(data, model)" in finding.instead
    assert finding.line == 2


def test_names_are_inherited_through_classes_of_the_file():
    names = names_of(ast.parse(STAR + "class A(ImageList): pass\nclass B(A, nn.Module): pass"))
    found = inherited_names(names, uses_of(names))
    assert [[name.name for name in found[cls]] for cls in names.classes] == [
        ["ImageList"],
        ["ImageList", "nn"][:1],
    ]
