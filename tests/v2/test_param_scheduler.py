"""Hyper-parameters follow their schedules, batch by batch."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from fastloop_v1.v2 import ParamScheduler, SchedLin


def seen_rates(small, sched, **options):
    seen = []
    look = small.does("after_pred", lambda cb: seen.append([h["lr"] for h in cb.opt.hypers]), run_valid=False)
    scheduler = ParamScheduler({"lr": sched})
    learn = small.learner(cbs=[scheduler, look], **options)
    if options:
        learn.split(lambda model: [model[1]])
    learn.fit(2, 0.1)
    return seen, scheduler, learn


def test_values_are_those_of_the_share_of_training(small):
    seen, scheduler, learn = seen_rates(small, SchedLin(1e-2, 2e-2))
    expected = [0.01, 0.0125, 0.015, 0.0175]
    assert [row[0] for row in seen] == pytest.approx(expected)
    assert scheduler.hps["lr"] == pytest.approx(expected)
    assert learn.v2_view.recorder.hps is scheduler.hps


def test_each_group_may_have_its_own(small):
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1))
    seen, _, _ = seen_rates(small, [SchedLin(0, 4), SchedLin(1, 1)], model=model)
    assert seen == [[0, 1], [1, 1], [2, 1], [3, 1]]


def test_momentum_is_set_where_the_optimizer_has_it(small):
    learn = small.learner(
        cbs=[ParamScheduler({"mom": SchedLin(0.9, 0.9)})], opt_func=partial(torch.optim.SGD, momentum=0.5)
    )
    learn.fit(1, 0.1)
    assert learn.opt.mom == 0.9
    assert learn.opt.opt.param_groups[0]["momentum"] == 0.9
