"""Recurrent models are reset, and their activations penalized."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.callback import Callback
from fastloop_v1.callbacks.rnn import RNNTrainer
from fastloop_v1.errors import ArgumentError

torch.manual_seed(0)
BATCHES = [(torch.randn(3, 4, 2), torch.randn(3, 1)) for _ in range(2)]


class Recurrent(nn.Module):
    """Returns its output and, as raw and dropped activations, its input times a weight."""

    def __init__(self):
        super().__init__()
        self.scale, self.out, self.resets = nn.Parameter(torch.tensor(0.5)), nn.Linear(2, 1), 0

    def reset(self):
        self.resets += 1

    def forward(self, x):
        raw = x * self.scale
        return self.out(raw[:, -1]), [raw * 3, raw], [raw * 3, raw * 0.9]


class Watch(Callback):
    """Notes the loss that is gone backward from."""

    _order = 10

    def on_train_begin(self, **kwargs):
        self.losses = []

    def on_backward_end(self, last_loss, **kwargs):
        self.losses.append(last_loss.item())


def learner(model=None, batches=BATCHES):
    torch.manual_seed(0)
    return Learner(
        DataBunch(batches, batches), model or Recurrent(), loss_func=F.mse_loss, wd=0.0, silent=True
    )


def penalized(alpha, beta, batches=BATCHES):
    """First loss of a fit with penalties, and the loss and last activations before it."""
    learn, watch = learner(batches=batches), Watch()
    x, y = batches[0]
    with torch.no_grad():
        out, raw, dropped = learn.model(x)
        plain = F.mse_loss(out, y).item()
    learn.fit(1, callbacks=[RNNTrainer(learn, alpha, beta), watch])
    return watch.losses[0], plain, raw[-1], dropped[-1], learn


def test_output_alone_goes_into_the_loss():
    loss, plain, *_ = penalized(0.0, 0.0)
    assert loss == pytest.approx(plain)


def test_large_activations_are_penalized():
    loss, plain, _, dropped, _ = penalized(2.0, 0.0)
    squares = [v**2 for v in dropped.flatten().tolist()]
    assert loss == pytest.approx(plain + 2 * sum(squares) / len(squares))


def test_differences_in_time_are_penalized():
    loss, plain, raw, *_ = penalized(0.0, 3.0)
    squares = [(raw[b, t + 1, f] - raw[b, t, f]).item() ** 2
               for b in range(3) for t in range(3) for f in range(2)]  # fmt: skip
    assert loss == pytest.approx(plain + 3 * sum(squares) / len(squares))


def test_recorded_losses_are_without_penalties():
    *_, plain_learn = penalized(0.0, 0.0)
    *_, learn = penalized(2.0, 3.0)
    assert learn.recorder.losses[0].item() == pytest.approx(plain_learn.recorder.losses[0].item())


def test_batch_of_one_has_no_penalty_in_time_as_in_v1():
    loss, plain, *_ = penalized(0.0, 3.0, [(torch.randn(1, 4, 2), torch.randn(1, 1))])
    assert loss == pytest.approx(plain)


def test_model_is_reset_at_each_epoch():
    learn = learner()
    learn.fit(3, callbacks=[RNNTrainer(learn)])
    assert learn.model.resets == 3


def test_model_inside_a_wrapper_is_reset():
    learn = learner()
    learn.model = nn.DataParallel(learn.model)
    RNNTrainer(learn).on_epoch_begin()
    assert learn.model.module.resets == 1


def test_model_without_reset_can_be_trained():
    class Plain(Recurrent):
        reset = None

    learn = learner(Plain())
    learn.fit(1, callbacks=[RNNTrainer(learn, 1.0, 1.0)])
    assert learn.model.resets == 0


def test_activations_are_let_go_after_each_batch():
    learn = learner()
    trainer = RNNTrainer(learn, 1.0, 1.0)
    learn.fit(1, callbacks=[trainer])
    assert (trainer.raw_out, trainer.out) == (None, None)
    assert trainer.get_state() == {"alpha": 1.0, "beta": 1.0}


def test_predictions_are_the_output_alone():
    learn = learner()
    learn.callbacks.append(RNNTrainer(learn, 1.0, 1.0))
    preds, _ = learn.get_preds()
    assert preds.shape == (6, 1)
    assert learn.validate()[0] > 0


def test_model_that_returns_only_an_output_is_refused():
    learn = learner(nn.Sequential(nn.Flatten(), nn.Linear(8, 1)))
    with pytest.raises(ArgumentError, match="last_output is a Tensor; RNNTrainer needs a model that returns"):
        learn.fit(1, callbacks=[RNNTrainer(learn)])
