"""Hyper-parameters follow the schedules of phases."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.callback import Callback
from fastloop_v1.callbacks.general_sched import GeneralScheduler, TrainingPhase
from fastloop_v1.defaults import defaults
from fastloop_v1.errors import ArgumentError
from fastloop_v1.schedule import annealing_cos, annealing_exp

BATCHES = [(torch.full((2, 3), float(i)), torch.ones(2, 1)) for i in range(4)]


class Watch(Callback):
    """Notes hyper-parameters at the beginning of each training batch."""

    def __init__(self, learn):
        self.learn, self.lrs, self.moms, self.groups = learn, [], [], []

    def on_batch_begin(self, train, **kwargs):
        if train:
            self.lrs.append(self.learn.opt.lr)
            self.moms.append(self.learn.opt.mom)
            self.groups.append([group["lr"] for group in self.learn.opt.opt.param_groups[::2]])


def learner(groups=1, opt_func=torch.optim.Adam):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 2), nn.Tanh(), nn.Linear(2, 1))
    learn = Learner(DataBunch(BATCHES, BATCHES[:2]), model, opt_func, F.mse_loss, silent=True)
    return learn.split([model[0], model[2]]) if groups == 2 else learn


def watched(learn, epochs, *phases, **options):
    watch = Watch(learn)
    learn.fit(epochs, 0.5, callbacks=[watch, GeneralScheduler(learn, phases, **options)])
    return watch


def phase(length, *vals, name="lr", anneal=None):
    return TrainingPhase(length).schedule_hp(name, vals if len(vals) > 1 else vals[0], anneal)


def test_values_follow_the_functions_of_the_phases():
    first = phase(4, 0.1, 0.3).schedule_hp("mom", (0.95, 0.85))
    second = phase(4, 0.3, 0.1, anneal=annealing_cos).schedule_hp("mom", 0.7)
    watch = watched(learner(), 2, first, second)
    rise = [0.1, 0.15, 0.2, 0.25]
    # The first batch of the second phase has the end of the first one.
    fall = [0.1 + 0.2 / 2 * (1 + math.cos(math.pi * i / 4)) for i in range(4)]
    assert watch.lrs == pytest.approx([*rise, *fall])
    assert watch.moms == pytest.approx([0.95, 0.925, 0.9, 0.875, 0.85, 0.7, 0.7, 0.7])


def test_default_function_is_a_line_for_a_pair_and_constant_for_a_value():
    assert watched(learner(), 1, phase(4, 0.4, 0.0)).lrs == pytest.approx([0.4, 0.3, 0.2, 0.1])
    assert watched(learner(), 1, phase(4, 0.4)).lrs == [0.4] * 4


def test_training_ends_one_batch_after_the_last_phase():
    learn = learner()
    assert watched(learn, 3, phase(3, 0.2), phase(2, 0.2, 0.0)).lrs == pytest.approx([0.2] * 4 + [0.1, 0.0])
    assert learn.recorder.nb_batches == [4, 2]


def test_any_hyper_parameter_of_the_optimizer_can_be_scheduled():
    learn = learner()
    watched(learn, 1, phase(4, 1e-8, 1e-4, name="eps", anneal=annealing_exp).schedule_hp("beta", (0.99, 0.9)))
    group = learn.opt.opt.param_groups[0]
    assert group["eps"] == pytest.approx(1e-4)
    assert group["betas"] == pytest.approx((0.9, 0.9))


def test_validation_does_not_move_the_schedule():
    assert watched(learner(), 2, phase(8, 0.8, 0.0)).lrs == pytest.approx([0.1 * i for i in range(8, 0, -1)])


def test_same_scheduler_starts_anew_in_the_next_fit():
    learn = learner()
    scheduler = GeneralScheduler(learn, [phase(2, 0.1, 0.3), phase(4, 0.3, 0.1)])
    rows = []
    for _ in range(2):
        watch = Watch(learn)
        learn.fit(1, callbacks=[watch, scheduler])
        rows.append(watch.lrs)
    assert rows[0] == rows[1] == pytest.approx([0.1, 0.2, 0.3, 0.25])


def test_phases_can_be_shared_by_learners():
    shared = phase(4, slice(0.1, 0.4), slice(0.0, 0.0))
    assert watched(learner(), 1, shared).groups[0] == [0.4]
    assert watched(learner(2), 1, shared).groups[0] == pytest.approx([0.1, 0.4])
    assert shared.scheds["lr"].start == slice(0.1, 0.4)


def test_fit_can_start_in_the_middle():
    phases = [phase(4, 0.1, 0.3), phase(8, 0.3, 0.1)]
    whole = watched(learner(), 3, *phases)
    rest = watched(learner(), 3, *phases, start_epoch=1)
    assert rest.lrs == whole.lrs[4:]


class PhasesAtBegin(GeneralScheduler):
    """Knows how long training is only when it begins."""

    def __init__(self, learn):
        super().__init__(learn, [])

    def on_train_begin(self, n_epochs, epoch, **kwargs):
        self.phases = [phase(4 * n_epochs, 0.1, 0.3)]
        return super().on_train_begin(epoch=epoch, **kwargs)


def test_phases_can_be_made_when_training_begins():
    learn = learner()
    learn.fit(2, callbacks=PhasesAtBegin(learn))
    assert learn.recorder.lrs == watched(learner(), 2, phase(8, 0.1, 0.3)).lrs


def test_no_phase_is_refused_when_training_begins():
    learn = learner()
    with pytest.raises(ArgumentError, match="at least one TrainingPhase"):
        learn.fit(1, callbacks=GeneralScheduler(learn, []))


def test_single_phase_needs_no_list():
    assert GeneralScheduler(learner(), phase(4, 0.1)).phases == [TrainingPhase(4)]


def test_scheduler_can_be_pickled_after_a_fit():
    learn = learner()
    watched(learn, 1, phase(4, 0.1, 0.2))
    back = pickle.loads(pickle.dumps(learn.general_scheduler))
    assert (back.phases, back.idx_s) == ([TrainingPhase(4)], 1)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        pytest.param([0.1, 0.4], [0.2, 0.8], id="lists"),
        pytest.param(np.array([0.1, 0.4]), np.array([0.2, 0.8]), id="arrays"),
        pytest.param(slice(0.1, 0.4), slice(0.2, 0.8), id="slices"),
    ],
)
def test_bug_34_layer_groups_have_values_of_their_own(start, end):
    watch = watched(learner(2), 1, phase(4, start, end))
    expected = [[0.1 + 0.025 * i, 0.4 + 0.1 * i] for i in range(4)]
    assert np.array(watch.groups) == pytest.approx(np.array(expected))
    assert all(type(lr) is float for lr in watch.groups[-1])


def test_bug_34_values_of_layer_groups_may_stay():
    learn = learner(2)
    watch = watched(learn, 1, phase(4, [0.1, 0.4]).schedule_hp("eps", [1e-8, 1e-6]))
    assert watch.groups == [[0.1, 0.4]] * 4
    assert [group["eps"] for group in learn.opt.opt.param_groups] == [1e-8, 1e-8, 1e-6, 1e-6]


def uneven():
    """A phase whose second schedule is made for more batches than the first."""
    made = phase(2, 0.2, 0.4)
    made.length = 3
    return made.schedule_hp("mom", (0.9, 0.6))


def test_bug_35_phase_lasts_as_long_as_its_longest_schedule():
    watch = watched(learner(), 1, uneven(), phase(1, 0.1))
    assert watch.lrs == pytest.approx([0.2, 0.3, 0.4, 0.4])
    assert watch.moms == pytest.approx([0.9, 0.8, 0.7, 0.6])


def test_bug_35_first_schedule_decides_with_v1_quirks(monkeypatch):
    monkeypatch.setattr(defaults, "v1_quirks", True)
    watch = watched(learner(), 1, uneven(), phase(1, 0.1))
    assert watch.lrs == pytest.approx([0.2, 0.3, 0.4, 0.1])
    assert watch.moms == pytest.approx([0.9, 0.8, 0.7, 0.7])


def test_bug_35_phase_without_schedules_lasts_its_length():
    watch = watched(learner(), 1, TrainingPhase(2), phase(2, 0.3, 0.1))
    assert watch.lrs == pytest.approx([0.5, 0.5, 0.5, 0.2])


def test_slices_fail_with_v1_quirks(monkeypatch):
    monkeypatch.setattr(defaults, "v1_quirks", True)
    with pytest.raises(TypeError, match="slice"):
        watched(learner(2), 1, phase(4, slice(0.1, 0.4)))
