"""Training ends after more epochs without a better value than `patience` lets pass."""

from __future__ import annotations

import math
import pickle
from functools import partial

import pytest

from fastloop_v1.callbacks.early_stopping import EarlyStoppingCallback
from fastloop_v1.callbacks.tracker import EarlyStoppingCallback as EarlyStoppingOfV1
from fastloop_v1.exports.exported_learner import load_callback

NAN = math.nan


def epochs_run(learn, callbacks, epochs):
    learn.fit(epochs, 0.1, callbacks=callbacks)
    return len(learn.recorder.val_losses)


@pytest.mark.parametrize(
    ("losses", "settings", "expected"),
    [
        pytest.param([4, 3, 2, 1], {}, 4, id="better and better"),
        pytest.param([4, 3, 3, 1], {}, 3, id="equal is not better"),
        pytest.param([4, 5, 3, 4, 5, 1], {"patience": 1}, 5, id="a better one starts the count anew"),
        pytest.param([4, 5, 6, 7], {"patience": 2}, 4, id="patience is what passes"),
        pytest.param([4.0, 3.75, 3.5, 3.0], {"min_delta": 0.5}, 2, id="better by too little"),
        pytest.param([4.0, 3.0, 2.0, 1.0], {"min_delta": 0.5}, 4, id="better by enough"),
        pytest.param([4, 3, 2], {"mode": "max"}, 2, id="more is better if told"),
        pytest.param([4, NAN, 3, 2], {"patience": 1}, 4, id="NaN is not better"),
        pytest.param([NAN, NAN, 3, 2], {"patience": 1}, 2, id="NaN from the start"),
    ],
)
def test_epochs_run(line_learner, told_loss, losses, settings, expected):
    learn = line_learner()
    callbacks = [told_loss(*losses), EarlyStoppingCallback(learn, **settings)]
    assert epochs_run(learn, callbacks, len(losses)) == expected


@pytest.mark.parametrize("min_delta", [0, 0.25])
def test_metric_that_is_to_rise_is_watched(line_learner, told_metric, min_delta):
    learn = line_learner(metrics=[told_metric(0.25, 0.5, 0.625, 0.75)])
    stopping = EarlyStoppingCallback(learn, monitor="score", min_delta=min_delta)
    assert epochs_run(learn, [stopping], 4) == (2 if min_delta else 4)


def test_epoch_without_a_value_does_not_count(line_learner, told_metric):
    learn = line_learner(n_valid=0, metrics=[told_metric()])
    assert epochs_run(learn, [EarlyStoppingCallback(learn, monitor="score")], 3) == 3


def test_message_is_v1s(line_learner, told_loss, capsys):
    learn = line_learner(silent=False)
    epochs_run(learn, [told_loss(1, 2), EarlyStoppingCallback(learn)], 4)
    assert "\nEpoch 1: early stopping\n" in capsys.readouterr().out


def test_second_fit_starts_clean(line_learner, told_loss):
    learn = line_learner()
    learn.callbacks = [told_loss(3, 4, 1), EarlyStoppingCallback(learn, patience=1)]
    assert [epochs_run(learn, [], 3) for _ in range(2)] == [3, 3]
    assert (learn.early_stopping_callback.best, learn.early_stopping_callback.wait) == (1, 0)


def test_bug_51_fit_that_goes_on_counts_on(line_learner, told_loss):
    learn = line_learner()
    stopping = EarlyStoppingCallback(learn, patience=2)
    learn.fit(2, 0.1, callbacks=[told_loss(1, 2), stopping])
    saved = pickle.loads(pickle.dumps(stopping.get_state()))
    again = load_callback(EarlyStoppingCallback, saved, learn)
    assert (again.best, again.wait) == (1, 1)
    learn.fit_one_cycle(6, start_epoch=2, callbacks=[told_loss(2, 2, 2, 2), again])
    assert len(learn.recorder.val_losses) == 2


@pytest.mark.parametrize("mode", ["min", "max"])
def test_saved_state_keeps_the_least_difference(line_learner, mode):
    learn = line_learner()
    stopping = EarlyStoppingCallback(learn, mode=mode, min_delta=0.5)
    again = load_callback(EarlyStoppingCallback, stopping.get_state(), learn)
    assert again.min_delta == stopping.min_delta == (-0.5 if mode == "min" else 0.5)


def test_lr_find_and_validation_alone_are_not_watched(line_learner):
    learn = line_learner(callback_fns=partial(EarlyStoppingCallback, monitor="train_loss"))
    learn.lr_find(num_it=8, stop_div=False)
    assert len(learn.recorder.lrs) == 8
    learn.callbacks = [EarlyStoppingCallback(learn)]
    assert len(learn.validate()) == 1


def test_name_in_v1s_module_is_this_class():
    assert EarlyStoppingOfV1 is EarlyStoppingCallback
