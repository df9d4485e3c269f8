"""The learning rate is flat first and then annealed to 0."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.callbacks.flat_cos_anneal import FlatCosAnnealScheduler
from fastloop_v1.callbacks.general_sched import GeneralScheduler
from fastloop_v1.errors import ArgumentError

BATCHES = [(torch.full((2, 3), float(i)), torch.ones(2, 1)) for i in range(4)]


def learner(groups=1):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 1))
    learn = Learner(DataBunch(BATCHES, BATCHES[:2]), model, loss_func=F.mse_loss, silent=True)
    return learn.split([model[0], model[2]]) if groups == 2 else learn


def trained(**options):
    learn = learner()
    learn.fit(2, callbacks=[FlatCosAnnealScheduler(learn, 0.1, tot_epochs=2, **options)])
    return learn


@pytest.mark.parametrize(
    ("curve", "share"),
    [
        pytest.param("linear", lambda pct: 1 - pct, id="linear"),
        pytest.param("cosine", lambda pct: (1 + math.cos(math.pi * pct)) / 2, id="cosine"),
        pytest.param("exponential", lambda pct: float(pct == 0), id="exponential"),
    ],
)
def test_learning_rate_has_the_shape_of_the_curve(curve, share):
    # 8 batches, of which 4 are flat and 4 annealed; the first annealed one still has the flat value.
    learn = trained(start_pct=0.5, curve=curve)
    assert learn.recorder.lrs == pytest.approx([0.1] * 4 + [0.1 * share(i / 4) for i in range(4)])
    assert learn.opt.lr == pytest.approx(0)


def test_momentum_changes_with_the_part():
    moms = trained(start_pct=0.5, moms=(0.9, 0.7)).recorder.moms
    assert moms == pytest.approx([0.9] * 5 + [0.7] * 3)


def test_share_of_the_flat_part_is_rounded_down():
    # int(8 * 0.72) = 5 flat batches.
    assert trained().recorder.lrs[:7] == pytest.approx([0.1] * 6 + [0.1 * (1 + math.cos(math.pi / 3)) / 2])


@pytest.mark.parametrize("lr", [slice(0.1, 0.4), [0.1, 0.4]], ids=["slice", "list"])
def test_layer_groups_have_rates_of_their_own(lr):
    learn = learner(2)
    scheduler = FlatCosAnnealScheduler(learn, lr, start_pct=0.5, curve="linear")
    assert isinstance(scheduler, GeneralScheduler)
    learn.create_opt(0.0)
    scheduler.on_train_begin(epoch=0)
    rates = [list(learn.opt._lr)]
    for _ in range(4):
        scheduler.on_batch_end(train=True)
        rates.append(list(learn.opt._lr))
    shares = [1, 1, 1, 0.5, 0]
    assert [rate for row in rates for rate in row] == pytest.approx(
        [group * share for share in shares for group in (0.1, 0.4)]
    )


def test_unknown_curve_is_refused():
    with pytest.raises(ArgumentError, match="annealing type not supported nope; allowed are linear"):
        FlatCosAnnealScheduler(learner(), curve="nope")
