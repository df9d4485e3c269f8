"""`get_preds` of v2, outside of a fit and in the middle of one."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastloop_v1.layers import CrossEntropyFlat
from fastloop_v1.v2 import CancelValidException, FetchPredsCallback, get_preds


def test_predictions_targets_and_losses_are_those_of_the_model(small):
    learn = small.learner(bunch=small.data(5, n_valid=5))
    x, y = learn.data.valid_ds.tensors
    inputs, preds, targets, losses = get_preds(learn, with_input=True, with_loss=True)
    with torch.no_grad():
        expected = learn.model(x)
    assert torch.equal(inputs, x)
    assert torch.allclose(preds, expected)
    assert torch.equal(targets, y)
    assert torch.allclose(losses, F.mse_loss(expected, y, reduction="none"))


@pytest.mark.parametrize("loss_func", [nn.MSELoss(), F.mse_loss], ids=["module", "function"])
def test_the_loss_function_is_as_before(small, loss_func):
    learn = small.learner(loss_func=loss_func)
    losses = get_preds(learn, with_loss=True)[-1]
    assert len(losses) == 4
    assert getattr(loss_func, "reduction", "mean") == "mean"


def test_training_data_come_whole_and_in_order(small):
    learn = small.learner(bunch=small.data(5))
    assert torch.equal(get_preds(learn, ds_idx=0)[1], learn.data.train_ds.tensors[1])


def test_an_activation_may_be_given(small):
    learn = small.learner()
    assert torch.allclose(get_preds(learn, act=torch.exp)[0], get_preds(learn)[0].exp())


def test_v1s_flat_loss_has_its_activation(small):
    learn = small.learner(model=nn.Linear(3, 2), loss_func=CrossEntropyFlat())
    learn.add_cb(
        small.does("before_batch", lambda cb: setattr(cb.learn, "yb", (cb.y.long().abs().clamp(0, 1),)))
    )
    with torch.no_grad():
        expected = learn.model(learn.data.valid_ds.tensors[0]).softmax(-1)
    assert torch.allclose(get_preds(learn)[0], expected)


def test_a_loss_function_that_decodes_does(small):
    class Rounded:
        reduction = "mean"

        def __call__(self, output, target):
            return F.mse_loss(output, target, reduction=self.reduction)

        def decodes(self, preds):
            return preds.round()

    learn = small.learner(loss_func=Rounded())
    preds, _, decoded = get_preds(learn, with_decoded=True)
    assert torch.equal(decoded, preds.round())


def test_a_cancelled_validation_gives_what_there_is(small):
    stop = small.raises(CancelValidException, "after_batch", lambda cb: cb.iter == 0, order=10)
    preds, _ = get_preds(small.learner(cbs=[stop]))
    assert len(preds) == 2


def test_fetched_predictions_are_those_at_the_end_of_each_validation(small):
    fetch, seen = FetchPredsCallback(), []
    look = small.does("after_validate", lambda cb: seen.append(fetch.preds and fetch.preds[0]), order=5)
    learn = small.learner(cbs=[fetch, look])
    learn.fit(2, 0.1)
    with torch.no_grad():
        assert torch.allclose(seen[-1], learn.model(learn.data.valid_ds.tensors[0]))
    assert len(learn.recorder.values) == 2
