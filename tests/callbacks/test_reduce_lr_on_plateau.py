"""The learning rate shrinks when the watched value stands still."""

from __future__ import annotations

import pytest
from torch import nn

from fastloop_v1.callbacks.reduce_lr_on_plateau import ReduceLROnPlateauCallback


class RateOfEpoch(ReduceLROnPlateauCallback):
    """Notes the learning rates by layer group that each epoch had."""

    def on_train_begin(self, **kwargs):
        super().on_train_begin(**kwargs)
        self.rates = []

    def on_epoch_begin(self, **kwargs):
        self.rates.append(self.learn.opt.read_val("lr"))


def rates(learn, told, lr, **settings):
    callback = RateOfEpoch(learn, **settings)
    learn.fit(len(told.values), lr, callbacks=[told, callback])
    return [rate for (rate,) in callback.rates]


@pytest.mark.parametrize(
    ("losses", "settings", "expected"),
    [
        pytest.param([4, 3, 2], {}, [1, 1, 1], id="better and better"),
        pytest.param([4, 4, 3, 4], {"factor": 0.5}, [1, 1, 0.5, 0.5], id="equal is not better"),
        pytest.param([4, 5, 6, 7, 8], {"factor": 0.5, "patience": 1}, [1, 1, 1, 0.5, 0.5], id="patience"),
        pytest.param([4, 4.75, 3.75, 1], {"factor": 0.5, "min_delta": 0.5}, [1, 1, 0.5, 0.25], id="delta"),
        pytest.param([1, 2, 3], {"factor": 0.5, "mode": "max"}, [1, 1, 1], id="more is better if told"),
    ],
)
def test_rates_of_epochs(line_learner, told_loss, losses, settings, expected):
    assert rates(line_learner(), told_loss(*losses), 1.0, **settings) == expected


def test_bug_50_least_rate_stops_steps_but_is_no_bound_as_in_v1(line_learner, told_loss):
    told = told_loss(1, 2, 3, 4)
    # Recorded of v1 without being marked as faulty (`cb-plateau-p1`), hence kept; `clamp` is the bound.
    assert rates(line_learner(), told, 0.5, factor=0.25, min_lr=0.1) == [0.5, 0.5, 0.125, 0.03125]
    assert rates(line_learner(), told, 0.5, factor=0.25, min_lr=0.5) == [0.5] * 4


def test_bug_50_clamp_makes_the_least_rate_a_bound(line_learner, told_loss, monkeypatch):
    monkeypatch.setattr(RateOfEpoch, "clamp", True)
    told = told_loss(1, 2, 3, 4)
    assert rates(line_learner(), told, 0.5, factor=0.25, min_lr=0.1) == [0.5, 0.5, 0.125, 0.1]
    assert rates(line_learner(), told, 0.05, factor=0.25, min_lr=0.1) == [0.05] * 4


@pytest.fixture
def two_groups(line_learner):
    learn = line_learner(model=nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1)))
    return learn.split([learn.model[1]])


def test_bug_49_each_layer_group_keeps_its_share(two_groups, told_loss):
    two_groups.fit(
        2, slice(0.25, 1.0), callbacks=[told_loss(1, 2), ReduceLROnPlateauCallback(two_groups, factor=0.5)]
    )
    assert two_groups.opt.read_val("lr") == [0.125, 0.5]


def test_bug_49_v1_gives_all_groups_the_last_one_s_rate(two_groups, told_loss, v1_quirks):
    two_groups.fit(
        2, slice(0.25, 1.0), callbacks=[told_loss(1, 2), ReduceLROnPlateauCallback(two_groups, factor=0.5)]
    )
    assert two_groups.opt.read_val("lr") == [0.5, 0.5]


def test_bug_50_clamp_holds_for_each_layer_group(two_groups, told_loss):
    callback = ReduceLROnPlateauCallback(two_groups, factor=0.5, min_lr=0.25)
    callback.clamp = True
    two_groups.fit(3, slice(0.125, 1.0), callbacks=[told_loss(1, 2, 3), callback])
    assert two_groups.opt.read_val("lr") == [0.125, 0.25]


def test_message_is_v1s(line_learner, told_loss, capsys):
    learn = line_learner(silent=False)
    callbacks = [told_loss(1, 2), ReduceLROnPlateauCallback(learn, factor=0.5)]
    learn.fit(2, 1.0, callbacks=callbacks)
    assert "\nEpoch 1: reducing lr to 0.5\n" in capsys.readouterr().out


def test_second_fit_starts_clean(line_learner, told_loss):
    learn = line_learner()
    learn.callbacks = [told_loss(3, 4, 4), ReduceLROnPlateauCallback(learn, patience=1, factor=0.5)]
    for _ in range(2):
        learn.fit(3, 1.0)
        assert learn.opt.lr == 0.5


def test_bug_51_fit_that_goes_on_counts_on(line_learner, told_loss):
    learn = line_learner()
    callback = ReduceLROnPlateauCallback(learn, patience=2)
    learn.fit(3, 1.0, callbacks=[told_loss(1, 2, 2), callback])
    callback.on_train_begin()
    callback.jump_to_epoch(3)
    assert (callback.best, callback.wait) == (1, 2)


def test_state_is_what_v1s_was_before_a_fit(line_learner):
    state = ReduceLROnPlateauCallback(line_learner(), factor=0.5).get_state()
    names = {"monitor", "mode", "operator", "patience", "factor", "min_delta", "min_lr"}
    assert set(state) == names
