"""Rates and momentums follow the formula of the one-cycle policy."""

from __future__ import annotations

from functools import partial
from math import cos, pi

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.callback import Callback
from fastloop_v1.callbacks.one_cycle import OneCycleScheduler

BATCH = torch.ones(2, 1), torch.ones(2, 1)
SGD, ADAM = partial(torch.optim.SGD, momentum=0.9), partial(torch.optim.Adam, betas=(0.9, 0.99))


def learner(batches=5, groups=1, opt_func=SGD):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(1, 2), nn.Linear(2, 1))
    data = DataBunch([BATCH] * batches, [BATCH])
    learn = Learner(data, model, opt_func=opt_func, loss_func=F.mse_loss, silent=True)
    return learn.split(list(model)) if groups == 2 else learn


class Note(Callback):
    """Notes epoch, rates and momentums with which each batch is trained."""

    def __init__(self, learn):
        self.learn = learn
        self.epochs, self.lrs, self.moms = [], [], []

    def on_backward_begin(self, epoch, **state):
        groups = self.learn.opt.opt.param_groups[::2]
        self.epochs.append(epoch)
        self.lrs.append([group["lr"] for group in groups])
        self.moms.append(
            [group["momentum"] if "momentum" in group else group["betas"][0] for group in groups]
        )


def trained(learn, epochs, *args, lr=0.1, **options):
    """Train with the policy and return what was noted."""
    note = Note(learn)
    learn.fit(epochs, lr, callbacks=[OneCycleScheduler(learn, *args, **options), note])
    return note


def cosine(start, end, share):
    """Return half a cosine wave from start to end."""
    return end + (start - end) / 2 * (1 + cos(pi * share))


def by_formula(n, lr_max, moms=(0.95, 0.85), div_factor=25.0, pct_start=0.3, final_div=None):
    """Return rate and momentum of each of n batches."""
    rising = int(n * pct_start)
    falling = n - rising
    lowest = lr_max / (div_factor * 1e4 if final_div is None else final_div)
    first = [
        (cosine(lr_max / div_factor, lr_max, i / rising), cosine(*moms, i / rising)) for i in range(rising)
    ]
    second = [(cosine(lr_max, lowest, i / falling), cosine(*moms[::-1], i / falling)) for i in range(falling)]
    return [list(column) for column in zip(*first, *second, strict=True)]


# --- the formula --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("opt_func", [SGD, ADAM], ids=["momentum", "betas"])
@pytest.mark.parametrize(
    ("batches", "epochs", "options"),
    [
        pytest.param(5, 2, {}, id="default"),
        pytest.param(7, 3, {"pct_start": 0.5}, id="share of a half"),
        pytest.param(10, 1, {"moms": (0.8, 0.7), "div_factor": 10.0}, id="momentum and start"),
        pytest.param(10, 1, {"final_div": 100.0}, id="end"),
        pytest.param(4, 1, {"pct_start": 0.0}, id="no rise"),
        pytest.param(4, 1, {"pct_start": 1.0}, id="no fall"),
        pytest.param(1, 1, {}, id="one batch"),
        pytest.param(3, 1, {"pct_start": 0.3}, id="rise of less than a batch"),
    ],
)
def test_bug_32_rate_and_momentum_of_every_batch_are_the_formula(opt_func, batches, epochs, options):
    note = trained(learner(batches, opt_func=opt_func), epochs, 0.1, **options)
    lrs, moms = by_formula(batches * epochs, 0.1, **options)
    assert len(note.lrs) == batches * epochs
    assert [lr for (lr,) in note.lrs] == pytest.approx(lrs, rel=1e-12)
    assert [mom for (mom,) in note.moms] == pytest.approx(moms, rel=1e-12)


@pytest.mark.parametrize(
    "lr_max", [[0.1, 0.4], (0.1, 0.4), np.array([0.1, 0.4])], ids=["list", "tuple", "array"]
)
def test_each_layer_group_has_a_cycle_of_its_own(lr_max):
    note = trained(learner(groups=2), 2, lr_max, lr=[0.1, 0.4])
    for group, highest in enumerate((0.1, 0.4)):
        lrs, moms = by_formula(10, highest)
        assert [rates[group] for rates in note.lrs] == pytest.approx(lrs, rel=1e-12)
        assert [momentums[group] for momentums in note.moms] == pytest.approx(moms, rel=1e-12)


def test_one_rate_holds_for_all_layer_groups():
    note = trained(learner(groups=2), 2, 0.1)
    assert [rates[0] for rates in note.lrs] == [rates[1] for rates in note.lrs]
    assert [rates[0] for rates in note.lrs] == pytest.approx(by_formula(10, 0.1)[0], rel=1e-12)


@pytest.mark.parametrize("moms", [0.9, (0.9, 0.9), [0.9, 0.9]], ids=["number", "pair", "list"])
def test_one_momentum_stays(moms):
    assert trained(learner(), 2, 0.1, moms=moms).moms == [[0.9]] * 10


def test_momentums_are_a_pair_whatever_they_were_given_as():
    scheduler = OneCycleScheduler(learner(), 0.1, moms=np.array([0.9, 0.8]))
    assert scheduler.moms == (0.9, 0.8)


def test_bug_33_last_values_are_set_after_the_last_batch():
    learn = learner()
    trained(learn, 2, 0.1)
    assert (learn.opt.lr, learn.opt.mom) == (pytest.approx(0.1 / 25e4), pytest.approx(0.95))


def test_validation_batches_do_not_count():
    learn = learner()
    learn.data.valid_dl = learn.data.train_dl
    note = trained(learn, 2, 0.1)
    assert [lr for (lr,) in note.lrs[::2]] == pytest.approx(by_formula(10, 0.1)[0][::2], rel=1e-12)


def test_optimizer_without_momentum_follows_the_rates():
    learn = learner(opt_func=torch.optim.Adagrad)
    learn.fit(2, 0.1, callbacks=OneCycleScheduler(learn, 0.1))
    assert learn.recorder.lrs == pytest.approx(by_formula(10, 0.1)[0], rel=1e-12)
    assert not {"momentum", "betas"} & set(learn.opt.opt.param_groups[0])


# --- parts of a cycle ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", [1, 2, 3])
def test_resumed_cycle_is_the_tail_of_the_whole(start):
    whole, tail = trained(learner(), 4, 0.1), trained(learner(), 4, 0.1, start_epoch=start)
    assert tail.epochs == whole.epochs[5 * start :]
    assert (tail.lrs, tail.moms) == (whole.lrs[5 * start :], whole.moms[5 * start :])


def test_cycle_starts_at_its_first_epoch_if_told():
    whole, again = trained(learner(), 2, 0.1), trained(learner(), 2, 0.1, start_epoch=0)
    assert (again.lrs, again.epochs) == (whole.lrs, whole.epochs)


def test_part_of_a_cycle_is_its_beginning():
    whole, part = trained(learner(), 4, 0.1), trained(learner(), 2, 0.1, tot_epochs=4)
    assert part.lrs == whole.lrs[:10]


def test_cycle_in_two_fits_is_the_whole():
    whole, learn = trained(learner(), 4, 0.1), learner()
    first = trained(learn, 2, 0.1, tot_epochs=4)
    second = trained(learn, 4, 0.1, start_epoch=2)
    assert first.lrs + second.lrs == whole.lrs


def test_cycle_goes_on_where_another_callback_lets_the_fit_start():
    class From(Callback):
        _order = -1

        def on_train_begin(self, **state):
            return {"epoch": 3}

    learn = learner()
    note = Note(learn)
    learn.fit(4, 0.1, callbacks=[From(), OneCycleScheduler(learn, 0.1), note])
    assert note.lrs == trained(learner(), 4, 0.1).lrs[15:]


def test_fit_longer_than_the_cycle_ends_with_one_batch_more():
    assert trained(learner(4), 5, 0.1, tot_epochs=2).epochs == [0] * 4 + [1] * 4 + [2]


def test_cycle_over_ends_the_fit_at_a_resumed_epoch_beyond_it():
    assert trained(learner(4), 5, 0.1, tot_epochs=2, start_epoch=3).epochs == [3]


# --- what others read ---------------------------------------------------------------------------------------


def test_settings_can_be_read():
    learn = learner()
    scheduler = OneCycleScheduler(learn, 0.5, (0.9, 0.8), 10.0, 0.2, None, 7, 3)
    assert (scheduler.lr_max, scheduler.moms, scheduler.div_factor) == (0.5, (0.9, 0.8), 10.0)
    assert (scheduler.pct_start, scheduler.final_div) == (0.2, 1e5)
    assert (scheduler.tot_epochs, scheduler.start_epoch) == (7, 3)
    assert learn.one_cycle_scheduler is scheduler
