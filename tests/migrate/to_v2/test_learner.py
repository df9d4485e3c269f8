"""What a class may do with itself and its learner."""

from __future__ import annotations

import ast

import pytest

from fastloop_v1.migrate.to_v2.learner import learner_argument
from fastloop_v1.migrate.to_v2.plan import v2_plan

HEAD = "from fastai.basics import *\n"
PLAIN, LEARNER = "class C(Callback):\n", "class C(LearnerCallback):\n"

FINE = [
    PLAIN + " def __init__(self, n=1): self.n = n",
    PLAIN + " def __init__(self):\n  super().__init__()\n  self.n: int = 1",
    PLAIN + " n = 1\n def on_epoch_end(self, **kw): self.n += self.f()\n def f(self): return self.n",
    LEARNER + " def __init__(self, learner, n):\n  super().__init__(learner)\n  self.n = n",
    LEARNER + " def __init__(self, learn):\n  super(C, self).__init__(learn)",
    LEARNER + " def on_epoch_end(self, **kw): self.learn.save('x'); f(self.path, self.model)",
    LEARNER + " def on_epoch_begin(self, **kw): self.learn.model.head.train(); self.learn.mine = 1",
    LEARNER + " def on_epoch_end(self, **kw): f([x for x in self.data.classes])",
]


@pytest.mark.parametrize("code", FINE)
def test_class_goes(code):
    plan = v2_plan(ast.parse(HEAD + code), HEAD + code)
    assert (list(plan.classes), plan.left_alone) == (["C"], ())


STAYS = [
    PLAIN + " def __init__(self, n): super().__init__(n)",
    PLAIN + " def __init__(self): Callback.__init__(self)",
    LEARNER + " def __init__(self, learn=None): super().__init__(learn)",
    LEARNER + " def __init__(self, learn, n): super().__init__(learn, n)",
    LEARNER + " def __init__(self, learn):\n  if learn: super().__init__(learn)",
    LEARNER + " def __init__(self, learn, n):\n  super().__init__(learn)\n  self.n = self.data",
    LEARNER + " def __init__(self, **kw): super().__init__(**kw)",
    LEARNER + " def __init__(self, *learn): super().__init__(*learn)",
    LEARNER + " def on_epoch_end(self, **kw): self.learn = None",
    LEARNER + " def on_epoch_end(self, **kw): f(self.dl)",
    LEARNER + " def on_epoch_end(self, **kw): self.learn.x = 1",
    LEARNER + " def on_epoch_end(self, **kw): self.not_min.append('x')",
    PLAIN + " def on_epoch_end(self, **kw): f(self.__dict__)",
    PLAIN + " def on_epoch_end(self, **kw): f(locals())",
    PLAIN + " def f(self): self.on_epoch_end()\n def on_epoch_end(self, **kw): 0",
    "class D(LearnerCallback): 0\nclass C(LearnerCallback):\n def on_epoch_end(self, **kw): f(self.learn.d)",
    "class Size(Callback): 0\nclass C(Callback):\n def on_epoch_end(self, **kw): self.size = 1",
]


@pytest.mark.parametrize("code", STAYS)
def test_class_stays(code):
    plan = v2_plan(ast.parse(HEAD + code), HEAD + code)
    assert "C" not in plan.classes
    assert plan.left_alone


def test_argument_for_the_learner_is_the_first():
    code = HEAD + FINE[3]
    (cls,) = v2_plan(ast.parse(code), code).classes.values()
    assert learner_argument(cls).arg == "learner"
