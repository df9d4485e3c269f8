"""A class with one thing that is not certain stays as it is, and the reason is said with its line."""

from __future__ import annotations

import ast

import pytest

from fastloop_v1.migrate.to_v2.plan import v2_plan

HEAD = "from fastai.basics import *\n"
PLAIN, LEARNER = "class C(Callback):\n", "class C(LearnerCallback):\n"


def plan(code):
    """The plan of some code."""
    return v2_plan(ast.parse(code), code)


# Code after the import, the line of the reason, and words of it.
LEFT = {
    "end of training": (PLAIN + " def on_train_end(self, **kw): x", 3, "after an error too"),
    "metrics": (
        PLAIN + " def on_epoch_end(self, last_metrics, **kw): f(last_metrics)",
        3,
        "last_metrics",
    ),
    "metric returned": (
        PLAIN + " def on_epoch_end(self, **kw): return {'last_metrics': 1}",
        3,
        "last_metr",
    ),
    "bare value": (PLAIN + " def on_batch_end(self, **kw): return True", 3, "a bare value"),
    "unknown value": (PLAIN + " def on_batch_end(self, **kw): return f()", 3, "no dict"),
    "one of two dicts": (
        PLAIN + " def on_loss_begin(self, **kw):\n  return {'last_output': 1} if x else {'last_output': 2}",
        4,
        "one of several",
    ),
    "flag taken back": (
        PLAIN + " def on_backward_end(self, **kw): return {'skip_step': False}",
        3,
        "taken",
    ),
    "flag with value": (
        PLAIN + " def on_backward_begin(self, last_loss, **kw):\n"
        "  return {'skip_bwd': True, 'last_loss': last_loss}",
        4,
        "nothing else",
    ),
    "gradients kept": (
        PLAIN + " def on_step_end(self, **kw): return {'skip_zero': True}",
        3,
        "skip_zero",
    ),
    "validation stopped": (
        PLAIN + " def on_batch_end(self, num_batch, **kw):\n  return {'stop_epoch': True}",
        4,
        "stops validation",
    ),
    "validation left out": (
        PLAIN + " def on_epoch_begin(self, **kw): return {'skip_validate': True}",
        3,
        "skip_validate",
    ),
    "signal caught": (
        PLAIN + " def on_backward_end(self, **kw):\n  try: return {'skip_step': True}\n  except Exception: 0",
        4,
        "may be caught",
    ),
    "block on a line": (
        PLAIN + " def on_backward_end(self, iteration, **kw): return {'skip_step': iteration > 2}",
        3,
        "become a block",
    ),
    "comment in a return": (
        PLAIN + " def on_loss_begin(self, last_output, **kw):\n  return {  # doubled\n"
        "   'last_output': last_output * 2}",
        4,
        "a comment",
    ),
    "comment in a head": (
        PLAIN + " def on_epoch_end(self, epoch,  # the epoch\n    **kw):\n  f(epoch)",
        3,
        "a comment",
    ),
    "comment behind the arguments": (
        PLAIN + " def on_epoch_end(self, epoch, **kw  # the rest\n  ):\n  f(epoch)",
        3,
        "a comment",
    ),
    "batch number in validation": (
        PLAIN + " def on_batch_begin(self, num_batch, train, **kw):\n  if train: f()\n  f(num_batch)",
        5,
        "another number",
    ),
    "iteration at a batch's end": (
        PLAIN + " def on_batch_end(self, iteration, train, **kw):\n  if not train: f()\n  f(iteration)",
        5,
        "another number",
    ),
    "smoothed loss too early": (
        PLAIN + " def on_batch_begin(self, smooth_loss, **kw): f(smooth_loss)",
        3,
        "is not in the state",
    ),
    "loss too early": (
        PLAIN + " def on_batch_begin(self, last_loss, **kw): f(last_loss)",
        3,
        "not in the",
    ),
    "unknown key": (PLAIN + " def on_batch_end(self, lr=1, **kw): f(lr)", 3, "not in the state"),
    "flag read": (
        PLAIN + " def on_batch_end(self, skip_step, **kw): f(skip_step)",
        3,
        "no certain",
    ),
    "several inputs": (
        PLAIN + " def on_batch_begin(self, last_input, **kw): f(last_input)",
        3,
        "a list",
    ),
    "kind of input": (
        PLAIN + " def on_batch_begin(self, last_input, **kw):\n"
        "  x = last_input if isinstance(last_input, Tensor) else last_input[0]\n  f(last_input.shape)",
        4,
        "what kind of thing",
    ),
    "unknown new input": (
        PLAIN + " def on_batch_begin(self, last_input, **kw):\n"
        "  return {'last_input': f(last_input.float())}",
        4,
        "something else than one tensor",
    ),
    "argument changed": (
        PLAIN + " def on_backward_begin(self, last_loss, **kw):\n  last_loss += 1\n"
        "  return {'last_loss': last_loss}",
        3,
        "another value",
    ),
    "argument of an inner function": (
        PLAIN + " def on_epoch_end(self, epoch, **kw):\n  self.f = lambda: epoch",
        4,
        "in a function inside",
    ),
    "argument in a generator": (
        PLAIN + " def on_epoch_end(self, epoch, **kw):\n  self.f = (epoch for _ in x)",
        4,
        "a generator",
    ),
    "argument hidden": (
        PLAIN + " def on_epoch_end(self, epoch, **kw):\n  f(epoch, [epoch for epoch in x])",
        3,
        "another value",
    ),
    "argument with its name": (
        PLAIN + " def on_epoch_end(self, epoch, **kw): f(f'{epoch=}')",
        3,
        "{...=}",
    ),
    "rest of the state": (
        PLAIN + " def on_epoch_end(self, **kw): f(kw['epoch'])",
        3,
        "uses `kw`",
    ),
    "rest handed on": (
        PLAIN + " def on_epoch_end(self, **kw): super().on_epoch_end(**kw)",
        3,
        "calls `super()`",
    ),
    "no rest": (PLAIN + " def on_epoch_end(self, epoch): f(epoch)", 3, "the rest of the state"),
    "error raised": (
        PLAIN + " def on_epoch_end(self, **kw): raise ValueError",
        3,
        "another message",
    ),
    "decorated method": (
        PLAIN + " @no_grad\n def on_epoch_end(self, **kw): f()",
        4,
        "no plain method",
    ),
    "code after a return": (
        PLAIN + " def on_epoch_end(self, **kw): return {'stop_training': True}; f()",
        3,
        "code after",
    ),
    "self handed on": (PLAIN + " def on_epoch_end(self, **kw): f(self)", 3, "hands `self` on"),
    "learner handed on": (
        LEARNER + " def on_epoch_end(self, **kw): f(self.learn)",
        3,
        "hands `self.learn` on",
    ),
    "unknown attribute": (
        PLAIN + " def on_epoch_end(self, **kw): f(self.size)",
        3,
        "not set in the class",
    ),
    "learner's name": (
        PLAIN + " def on_train_begin(self, **kw): self.loss = 0",
        3,
        "would hide the learner's `loss`",
    ),
    "callback's name": (
        PLAIN + " def on_train_begin(self, **kw): self.name = 0",
        3,
        "something else in v2",
    ),
    "v2's event": (PLAIN + " def after_batch(self): 0", 3, "`after_batch` means"),
    "learner's own attribute of v2": (
        LEARNER + " def on_train_begin(self, **kw): f(self.learn.epoch)",
        3,
        "`epoch` is something else",
    ),
    "fit inside a fit": (
        LEARNER + " def on_epoch_end(self, **kw): self.learn.validate()",
        3,
        "the loop itself",
    ),
    "learner in a helper": (
        LEARNER + " def on_epoch_end(self, **kw): self.f()\n def f(self): self.learn.save('x')",
        4,
        "outside of an event",
    ),
    "learner later": (
        LEARNER + " def on_epoch_end(self, **kw): self.f = lambda: self.model",
        3,
        "outside of an event",
    ),
    "learner in the constructor": (
        LEARNER + " def __init__(self, learn):\n  super().__init__(learn)\n  self.n = len(learn.data)",
        3,
        "uses `learn`",
    ),
    "learner of a plain callback": (
        PLAIN + " def __init__(self, learn): self.learn = learn",
        3,
        "of a `Callback` is its own",
    ),
    "no call of the base": (
        LEARNER + " def __init__(self, learn): self.n = 1",
        3,
        "does not simply call",
    ),
    "rate at a batch's end": (
        LEARNER + " def on_batch_end(self, **kw): f(self.learn.opt.lr)",
        2,
        "a schedule",
    ),
    "order that is not plain": (
        PLAIN + " _order = -20\n def on_epoch_end(self, **kw): f()",
        3,
        "_order",
    ),
    "order and a signal": (
        PLAIN + " _order = 5\n def on_epoch_end(self, **kw): return {'stop_training': True}",
        2,
        "have to come last",
    ),
    "several bases": (
        "class C(Callback, Mixin):\n def on_epoch_end(self, **kw): f()",
        2,
        "more than one base",
    ),
    "other base": (
        "class C(TrackerCallback):\n def on_epoch_end(self, **kw): f()",
        2,
        "neither `Callback` nor",
    ),
    "decorated": (
        "@dataclass\nclass C(LearnerCallback):\n def on_epoch_end(self, **kw): f()",
        3,
        "a decorator",
    ),
    "inside a function": ("def f():\n class C(Callback): 0", 3, "not defined at the top"),
    "defined twice": ("class C(Callback): 0\nclass C(Callback): 1", 2, "bound more than once"),
    "inherited from": ("class C(Callback): 0\nclass D(C): 0", 2, "`D` inherits from it"),
    "taken name": ("class Epoch(Callback): 0", 2, "`epoch`, which is taken"),
    "own state": (
        PLAIN + " def get_state(self, minimal=True): return {}",
        3,
        "`get_state` means",
    ),
    "excluded": (PLAIN + " exclude = ['x']", 3, "`exclude` means"),
    "called itself": (PLAIN + " def __call__(self): 0", 3, "`__call__`"),
    "event by assignment": (PLAIN + " on_epoch_end = f", 3, "not defined as a method"),
    "odd body": (PLAIN + " if x: y = 1", 3, "more than methods"),
    "the name v2": ("class C(Callback): 0\nv2 = 1", 2, "the name `v2`"),
    "the name v2 inside": ("class C(Callback): 0\ndef f(v2): 0", 2, "the name `v2`"),
    "other star": ("from mine import *\nclass C(Callback): 0", 3, "a star import of another"),
    "handed on": ("class C(Callback): 0\nf(C)", 2 + 1, "handed on"),
    "used as a metric": ("class C(Callback): 0\nLearner(d, m, metrics=[C()])", 3, "not certain that it only"),
    "instance handed on": ("class C(Callback): 0\nc = C()\nf(c)", 3, "not certain that it only"),
    "method called by hand": (
        PLAIN + " def on_epoch_end(self, **kw): f()\nc = C()\nc.on_epoch_end()",
        4,
        "not",
    ),
    "two learners": (
        "class C(LearnerCallback): 0\na.fit(1, callbacks=[C(b)])",
        3,
        "not certain that it only",
    ),
    "unknown learner": (
        "class C(LearnerCallback): 0\na.fit(1, callbacks=[C(learn=a)])",
        3,
        "plain name of a learner",
    ),
    "partial by position": (
        "class C(LearnerCallback): 0\nLearner(d, m, callback_fns=partial(C, 1))",
        3,
        "by position",
    ),
    "partial kept": ("class C(LearnerCallback): 0\nf(partial(C, a=1))", 3, "outside of `callback_fns`"),
    "place on the learner": ("class MyLog(LearnerCallback): 0\nlearn.my_log.plot()", 3, "attribute `my_log`"),
    "list looked at": ("class C(Callback): 0\nlearn.callbacks[0]", 3, "looks at `callbacks`"),
    "export": ("class C(Callback): 0\nlearn.export()", 3, "an export keeps no v2"),
    "isinstance": ("class C(Callback): 0\nisinstance(c, Callback)", 3, "isinstance(c, Callback)"),
    "mixup beside": (
        PLAIN + " def on_batch_begin(self, last_input, **kw): f(last_input.shape)\nlearn.mixup()",
        4,
        "`mixup` comes before it",
    ),
    "half precision and a signal": (
        PLAIN + " def on_backward_end(self, **kw): return {'skip_step': True}\nlearn.to_fp16()",
        4,
        "would not hear of an event",
    ),
}


@pytest.mark.parametrize("name", LEFT)
def test_class_stays_with_its_reason(name):
    code, line, words = LEFT[name]
    found = plan(HEAD + code)
    assert found.classes == {}
    assert [entry for entry in found.left_alone if entry.line == line and words in entry.reason]
