"""A fit that was stopped anywhere and resumed with new objects ends as one that was never stopped."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import cycle

import pytest
import torch
from scenario import EPOCHS, Scenario, Stop, Stopped, learner, outcome, train, undisturbed

from fastloop_v1.errors import FastloopWarning

EVENTS = ("batch_begin", "loss_begin", "backward_begin", "backward_end", "step_end", "batch_end")
STOPS = (*EVENTS, "epoch_begin", "epoch_end")


def _stopped_and_resumed(path, of, *stops):
    """The outcome after as many stops, each followed by a resumption with new objects and random numbers."""
    for seed, stop in enumerate(stops):
        learn = learner(path, of, seed=seed)
        try:
            train(learn, of, stop, resume=seed > 0)
        except Stopped:
            continue
        return outcome(learn)
    learn = learner(path, of, seed=100)
    train(learn, of, resume=True)
    return outcome(learn)


def _assert_same(tmp_path, of, *stops):
    expected = undisturbed(of)
    assert _stopped_and_resumed(tmp_path / "parts", of, *stops) == expected


EVERY_SECOND = [pytest.param(k, marks=() if k % 2 else pytest.mark.slow) for k in range(1, 16)]


@pytest.mark.parametrize("k", EVERY_SECOND)
def test_bug_76_stop_after_any_batch_changes_nothing(tmp_path, k):
    _assert_same(tmp_path, Scenario(every=1 if k % 4 == 1 else "epoch"), Stop("step_end", k))


@pytest.mark.parametrize(
    ("event", "order"), list(zip(STOPS, cycle([-(2**32), 2**32]), strict=False)), ids=STOPS
)
def test_stop_in_any_event_changes_nothing(tmp_path, event, order):
    n = 2 if event.startswith("epoch") else 9
    _assert_same(tmp_path, Scenario(every=2), Stop(event, n, order))


@pytest.mark.parametrize(
    "changes",
    [
        {"shuffle": False},
        {"workers": 2},
        {"workers": 2, "drop_last": True, "every": 1},
        {"schedule": "flat"},
        {"schedule": "general"},
        {"n_step": 3, "every": 1},
        {"n_step": 3, "every": 1, "precision": "fp16"},
        {"tracker": "early"},
        {"tracker": "plateau"},
        {"tracker": "save"},
        {"tracker": "save each"},
        {"mixup": True},
        {"precision": "fp16"},
        {"precision": "flat", "optimizer": "sgd"},
        {"precision": "bf16"},
        {"precision": "amp"},
        {"recurrent": True, "every": 2},
        {"optimizer": "rmsprop"},
    ],
    ids=lambda changes: " ".join(f"{name}={value}" for name, value in changes.items()),
)
def test_stop_in_a_fit_of_any_make_changes_nothing(tmp_path, changes):
    _assert_same(tmp_path, replace(Scenario(every=2), **changes), Stop("step_end", 8))


@pytest.mark.parametrize("seed", range(6))
def test_drawn_stops_of_a_drawn_fit_change_nothing(tmp_path, seed):
    _drawn(tmp_path, seed)


@pytest.mark.exhaustive
@pytest.mark.parametrize("seed", range(1000, 1300))
def test_many_drawn_stops_of_drawn_fits_change_nothing(tmp_path, seed):
    _drawn(tmp_path, seed)


def _drawn(tmp_path, seed):
    draw = random.Random(seed)
    stops = [
        Stop(draw.choice(EVENTS), draw.randint(1, 25), draw.choice([-(2**32), 0, 2**32]))
        for _ in range(draw.randint(1, 3))
    ]
    _assert_same(tmp_path, Scenario.drawn(draw), *stops)


@pytest.mark.parametrize("every", ["epoch", 4])
def test_resuming_a_fit_that_has_ended_trains_nothing_and_gives_the_same(tmp_path, every):
    of = Scenario(every=every, tracker="save")
    train(learner(tmp_path, of), of)
    learn = learner(tmp_path, of, seed=3)
    train(learn, of, Stop("batch_begin", 1), resume=True)
    assert outcome(learn) == undisturbed(of)


def test_more_epochs_than_before_can_be_asked_for(tmp_path):
    of = Scenario(schedule="constant")
    learn = learner(tmp_path, of)
    learn.fit(2, 0.02)
    longer = learner(tmp_path, of, seed=1)
    longer.fit(EPOCHS, 0.02, resume=True)
    assert outcome(longer) == undisturbed(of)


def test_every_fit_of_a_script_finds_its_own_checkpoints(tmp_path):
    of = Scenario(every=2)

    def script(path, *stops, seed=0, resume=None):
        learn = learner(path, of, seed)
        train(learn, of, *stops[:1], resume=resume)
        learn.save("stage-1")
        learn.unfreeze()
        train(learn, of, *stops[1:], resume=resume)
        return outcome(learn), torch.load(path / "models" / "stage-1.pth", weights_only=True)["model"]

    expected, first = script(tmp_path / "whole")
    with pytest.raises(Stopped):
        script(tmp_path / "parts", Stop("batch_end", 10**9), Stop("step_end", 9))
    again, stage = script(tmp_path / "parts", seed=5, resume=True)
    assert again == expected
    assert all(torch.equal(first[name], stage[name]) for name in first)


def test_learner_goes_on_with_its_own_fit_after_an_error(tmp_path):
    of = Scenario(every=2)
    expected = undisturbed(of)
    learn = learner(tmp_path / "parts", of)
    with pytest.raises(Stopped):
        train(learn, of, Stop("backward_end", 12))
    train(learn, of, resume=True)
    assert outcome(learn) == expected


def test_callbacks_that_are_new_or_gone_are_named(tmp_path):
    of = Scenario(every=2, schedule="constant")
    with pytest.raises(Stopped):
        train(learner(tmp_path, of), of, Stop("step_end", 8))
    other = learner(tmp_path, replace(of, tracker="early"))
    with pytest.warns(FastloopWarning, match="EarlyStoppingCallback 0 was not there before"):
        train(other, of, resume=True)
