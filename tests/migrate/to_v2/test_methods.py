"""Each argument of an event method is read elsewhere in v2, if that is certain there."""

from __future__ import annotations

import ast

import pytest

from fastloop_v1.migrate.to_v2.plan import v2_plan

HEAD = "from fastai.basics import *\nclass C(Callback):\n"

READ = {
    " def on_batch_end(self, last_loss, train, **kw): f(last_loss, train)": {
        "last_loss": "self.loss_grad.detach().cpu()",
        "train": "self.training",
    },
    " def on_backward_end(self, last_loss, num_batch, **kw): f(last_loss, num_batch)": {
        "last_loss": "self.loss_grad",
        "num_batch": "self.iter",
    },
    " def on_batch_end(self, iteration, train, **kw):\n  if not train: return\n  f(iteration)": {
        "iteration": "(self.train_iter - 1)",
        "train": "self.training",
    },
    " def on_batch_begin(self, iteration, **kw): f(iteration)": {"iteration": "self.train_iter"},
    " def on_batch_begin(self, last_input, **kw): f(last_input, last_input.shape)": {"last_input": "self.x"},
    " def on_epoch_end(self, last_metrics, epoch, pbar, **kw): f(epoch)": {"epoch": "self.epoch"},
    " def on_epoch_end(self, epoch, *args, n_epochs=None, **kw): f([epoch for _ in x], n_epochs)": {
        "epoch": "self.epoch",
        "n_epochs": "self.n_epoch",
    },
    " def on_epoch_end(self, epoch, **kw): f(epoch=epoch, n=any(epoch for _ in x), say=f'n={epoch + 1}')": {
        "epoch": "self.epoch",
    },
}


@pytest.mark.parametrize("code", READ)
def test_argument_is_read_elsewhere(code):
    plan = v2_plan(ast.parse(HEAD + code), HEAD + code)
    assert plan.left_alone == ()
    (method,) = plan.classes["C"].methods.values()
    assert method.readings == READ[code]


STAYS = [
    " def on_epoch_end(self, epoch, **kw):\n  for epoch in x: 0",
    " def on_epoch_end(self, epoch, **kw): f(lambda epoch: epoch)",
    " def on_epoch_end(self, epoch, **kw):\n  def g(): return epoch\n  f(g)",
    " def on_epoch_end(self, epoch, **kw): f(epoch for _ in x)",
    " def on_epoch_end(self, epoch=f(), **kw): f(epoch)",
    " def on_epoch_end(this, epoch, **kw): f(epoch)",
    " def on_epoch_end(self, epoch, /, **kw): f(epoch)",
    " async def on_epoch_end(self, epoch, **kw): f(epoch)",
    " def on_epoch_end(self, epoch, **kw): yield epoch",
    " def on_epoch_end(self, *args, **kw): f(args)",
    " def on_epoch_end(self, n=1, **kw): f(n)",
    " def on_train_begin(self, epoch, **kw): f(epoch)",
    " def on_train_begin(self, metrics_names, **kw): f(metrics_names)",
    " def on_batch_end(self, last_target, **kw): f(len(last_target), last_target.shape)",
]


@pytest.mark.parametrize("code", STAYS)
def test_class_stays(code):
    plan = v2_plan(ast.parse(HEAD + code), HEAD + code)
    assert plan.classes == {}
    assert plan.left_alone
