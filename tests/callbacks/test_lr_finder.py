"""The range test raises the rate by equal factors and puts everything back."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.callback import Callback
from fastloop_v1.callbacks.lr_finder import LRFinder

BATCHES = [(torch.ones(2, 1) * i, torch.ones(2, 1)) for i in range(4)]


def learner(**options):
    torch.manual_seed(0)
    given = {
        "model": nn.Sequential(nn.Linear(1, 2), nn.Linear(2, 1)),
        "loss_func": F.mse_loss,
        "silent": True,
    }
    return Learner(DataBunch(BATCHES, BATCHES), **{**given, **options})


def weights(learn):
    return [p.detach().clone().tolist() for p in learn.model.parameters()]


def test_rate_after_each_batch_is_the_next_of_the_geometric_row():
    learn = learner()
    learn.fit(2, callbacks=LRFinder(learn, 0.001, 0.1, num_it=8, stop_div=False))
    assert learn.recorder.lrs == pytest.approx([0.001 * 100 ** (i / 8) for i in range(8)], rel=1e-9)


def test_fit_ends_with_the_number_of_batches():
    learn = learner()
    learn.fit(9, callbacks=LRFinder(learn, num_it=6, stop_div=False))
    assert len(learn.recorder.losses) == 6
    assert learn.recorder.val_losses == [None, None]


def test_fit_ends_with_its_epochs_if_these_are_fewer():
    learn = learner()
    learn.fit(1, callbacks=LRFinder(learn, num_it=100, stop_div=False))
    assert len(learn.recorder.losses) == 4


@pytest.mark.parametrize("fitted", [True, False], ids=["fitted before", "new"])
def test_weights_optimizer_and_rate_are_as_at_the_beginning(fitted):
    learn = learner()
    if fitted:
        learn.fit(1)
    before, rate = weights(learn), []

    class Note(Callback):
        _order = -1

        def on_train_begin(self, **state):
            rate.append(learn.opt.lr)

    learn.fit(1, 0.5, callbacks=[Note(), LRFinder(learn, 0.001, 10, num_it=4)])
    assert weights(learn) == before
    assert (rate, learn.opt.lr) == ([0.5], 0.5)
    assert len(learn.opt.opt.state) == (4 if fitted else 0)


def test_everything_is_put_back_when_another_callback_raises():
    class Raise(Callback):
        def on_backward_end(self, iteration, **state):
            if iteration == 2:
                raise ValueError("stop")

    learn = learner()
    before = weights(learn)
    with pytest.raises(ValueError, match="stop"):
        learn.fit(1, 0.5, callbacks=[LRFinder(learn, 0.1, 10, num_it=4), Raise()])
    assert (weights(learn), learn.opt.lr) == (before, 0.5)


def test_finder_can_be_used_again():
    learn = learner()
    finder, curves = LRFinder(learn, 0.001, 10, num_it=4), []
    for _ in range(2):
        learn.fit(1, callbacks=finder)
        curves.append((list(learn.recorder.lrs), list(learn.recorder.losses)))
    assert curves[0] == curves[1]


def test_learning_stops_when_the_smoothed_loss_is_above_four_times_its_lowest():
    # The averages are about 1, 1, 1, 3.5 and 4.5.
    values = iter([1.0, 1.0, 1.0, 11.0, 8.5, 60.0, 60.0, 60.0])
    learn = learner(loss_func=lambda out, y: F.mse_loss(out, y) * 0 + next(values))
    learn.fit(2, callbacks=LRFinder(learn, num_it=8))
    losses = learn.recorder.losses
    assert losses[-2] <= 4 * min(losses) < losses[-1]
    assert len(losses) == 5


def test_notebook_is_wiped_when_the_test_is_over():
    bars = []

    class Note(Callback):
        _order = 1

        def on_train_begin(self, pbar, **state):
            bars.append(pbar)

    learn = learner()
    learn.fit(1, callbacks=[LRFinder(learn, num_it=2), Note()])
    assert bars[0].clean_on_interrupt


def test_finder_stands_on_the_learner():
    learn = learner()
    finder = LRFinder(learn, slice(1e-3), 1.0)
    assert learn.lr_finder is finder
    assert (finder.data, finder.stop_div) == (learn.data, True)
