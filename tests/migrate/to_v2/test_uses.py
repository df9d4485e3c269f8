"""Places where callbacks are made and handed on."""

from __future__ import annotations

import ast

import pytest

from fastloop_v1.migrate.to_v2.plan import v2_plan

HEAD = "from fastai.basics import *\nclass C({0}): 0\n"
PLAIN = [
    "learn.fit(1, callbacks=C())",
    "learn.fit_one_cycle(1, callbacks=[C(), x])",
    "Learner(d, m, callbacks=[C()])",
    "learn.callbacks.append(C())",
    "learn.callbacks += [C()]",
    "learn.callbacks = [x] + [C()]",
    "c = C()\nlearn.fit(1, callbacks=[c])",
    "both = [C(), x]\nlearn.fit(1, callbacks=both)",
    "def f(c: C) -> None: isinstance(c, C)",
]
WITH_LEARNER = [
    "learn.fit(1, callbacks=[C(learn)])",
    "c = C(learn, 2)\nlearn.fit(1, callbacks=[c])",
    "learn.callbacks.append(C(learn))",
    "Learner(d, m, callback_fns=[C])",
    "Learner(d, m, callback_fns=C)",
    "Learner(d, m, callback_fns=[partial(C, n=1)])",
    "learn.callback_fns.append(C)",
    "learn.callback_fns += [C]",
    "Learner(d, m, callback_fns=[lambda learn: C(learn, n=1)])",
    "fns = [C, partial(C, n=1)]\nLearner(d, m, callback_fns=fns)",
]


def _goes(base, code):
    text = HEAD.format(base) + code
    return bool(v2_plan(ast.parse(text), text).classes)


@pytest.mark.parametrize("code", PLAIN)
def test_plain_callback_may_be_used_so(code):
    assert _goes("Callback", code)


@pytest.mark.parametrize("code", WITH_LEARNER)
def test_learner_callback_may_be_used_so(code):
    assert _goes("LearnerCallback", code)


@pytest.mark.parametrize(
    "code",
    [
        "Learner(d, m, callback_fns=[C])",
        "fit(1, learn, callbacks=[C()])",
        "CallbackHandler([C()])",
        "learn.fit(1, 1, None, [C()])",
        "make(callbacks=[C()])",
        "c = C()\nc = f(c)\nlearn.fit(1, callbacks=[c])",
        "both = [C()]\nlearn.fit(1, callbacks=both)\nfit(1, learn, callbacks=both)",
        "both = [C()]\nf(both)\nlearn.fit(1, callbacks=both)",
        "c = C()\nc.size",
        "C.size",
        "def f(): return C()",
        "class D:\n def f(self): self.learn.fit(1, callbacks=[C()])",
    ],
)
def test_plain_callback_used_otherwise_stays(code):
    assert not _goes("Callback", code)


@pytest.mark.parametrize(
    "code",
    [
        "learn.fit(1, callbacks=[C(other)])",
        "learn.fit(1, callbacks=[C(self.learn)])",
        "learn.fit(1, callbacks=[C(*x)])",
        "learn.fit(1, callbacks=[C()])",
        "c = C(learn)\nother.fit(1, callbacks=[c])",
        "learn = f()\nc = C(learn)\nlearn = f()\nlearn.fit(1, callbacks=[c])",
        "Learner(d, m, callbacks=[C(learn)])",
        "fns = partial(C, n=1)",
        "Learner(d, m, callback_fns=[lambda learn: C(other)])",
        "f(lambda learn: C(learn))",
        "learn.c",
    ],
)
def test_learner_callback_used_otherwise_stays(code):
    assert not _goes("LearnerCallback", code)


HEARS = "from fastai.basics import *\nclass C(Callback):\n def on_epoch_end(self, **kw): f()\n"


@pytest.mark.parametrize(
    ("code", "goes"),
    [
        ("learn.callbacks.append(C())\nlearn.get_preds()", False),
        ("Learner(d, m, callbacks=C())\nlearn.predict(x)", False),
        ("learn.fit(1, callbacks=C())\nlearn.get_preds()", True),
        ("learn.callbacks.append(C())\nlearn.validate()", True),
    ],
)
def test_callback_that_is_there_in_predictions_hears_more_in_v2(code, goes):
    assert bool(v2_plan(ast.parse(HEARS + code), HEARS + code).classes) is goes


def test_calls_with_a_learner_are_known():
    text = HEAD.format("LearnerCallback") + "é = learn.fit(1, callbacks=[C(learn)])"
    (cls,) = v2_plan(ast.parse(text), text).classes.values()
    assert cls.calls == {(3, text.splitlines()[2].encode().index(b"C("))}
