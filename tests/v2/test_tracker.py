"""Callbacks that watch a column of the recorder."""

from __future__ import annotations

import pytest
import torch

from fastloop_v1.errors import ArgumentError
from fastloop_v1.v2 import (
    EarlyStoppingCallback,
    ReduceLROnPlateau,
    SaveModelCallback,
    TrackerCallback,
    get_preds,
)


def scored(small, scores, *cbs, epochs=None, **options):
    """A fit whose metric `score` (or `my_error`) has these values, epoch by epoch."""
    values = iter(scores)

    def score(output, target):
        return torch.tensor(next(values))

    score.__name__ = options.pop("metric", "score")
    log = small.Log()
    log.order = -5
    learn = small.learner(2, metrics=[score], cbs=[log, *cbs], **options)
    learn.fit(len(scores) if epochs is None else epochs, 0.1)
    return learn, log.seen.count("after_epoch")


STOPS = {
    "higher is better": ("score", [0.1, 0.3, 0.2, 0.2, 0.5], {"patience": 2}, 4),
    "lower is better": ("my_error", [0.3, 0.2, 0.2, 0.1], {}, 3),
    "by a margin": ("score", [0.5, 0.54, 0.7], {"min_delta": 0.05}, 2),
    "by a margin, lower": ("my_error", [0.5, 0.4, 0.38, 0.1], {"min_delta": 0.05}, 3),
    "as told": ("score", [0.5, 0.4, 0.6], {"comp": torch.lt}, 3),
}


@pytest.mark.parametrize(("name", "scores", "options", "epochs"), STOPS.values(), ids=STOPS)
def test_a_fit_that_gets_no_better_ends(small, name, scores, options, epochs):
    if "comp" in options:
        options = {"comp": lambda new, best: best == -float("inf") or new < best}
    stop = EarlyStoppingCallback(monitor=name, **options)
    assert scored(small, scores, stop, metric=name)[1] == epochs


def test_a_column_that_is_not_there_is_named(small):
    with pytest.raises(
        ArgumentError, match=r"monitor is 'nothing'; allowed are train_loss, valid_loss, score"
    ):
        scored(small, [0.1], TrackerCallback("nothing"))


def test_an_epoch_without_the_value_has_no_new_best(small):
    tracker = TrackerCallback()
    small.learner(bunch=small.data(4, n_valid=0), cbs=[tracker]).fit(1, 0.1)
    assert tracker.new_best is False


@pytest.mark.parametrize(("reset", "best"), [(True, 0.2), (False, 0.5)])
def test_the_best_counts_for_a_fit_or_for_all(small, reset, best):
    tracker = TrackerCallback("score", reset_on_fit=reset)
    learn, _ = scored(small, [0.5, 0.1, 0.2], tracker, epochs=1)
    learn.fit(2, 0.1)
    assert tracker.best == pytest.approx(best)


def test_predicting_is_not_watched(small):
    stop = EarlyStoppingCallback()
    learn = small.learner(cbs=[stop])
    get_preds(learn)
    assert stop.best is None
    assert stop.run is True


def test_the_best_model_is_loaded_at_the_end(small, tmp_path):
    kept = []
    keep = small.does("after_epoch", lambda cb: kept.append(small.weights(cb.learn)))
    learn, _ = scored(small, [0.1, 0.5, 0.3], SaveModelCallback("score"), keep, path=tmp_path)
    assert torch.equal(small.weights(learn), kept[1])
    assert [file.name for file in (tmp_path / "models").iterdir()] == ["model.pth"]


FILES = {
    "every epoch": ({"every_epoch": True, "fname": "ep"}, {"ep_0.pth", "ep_1.pth", "ep_2.pth"}),
    "every second epoch": ({"every_epoch": 2}, {"model_0.pth", "model_2.pth"}),
    "at the end": ({"at_end": True}, {"model.pth"}),
}


@pytest.mark.parametrize(("options", "files"), FILES.values(), ids=FILES)
def test_models_are_saved(small, tmp_path, options, files):
    scored(small, [0.1, 0.5, 0.3], SaveModelCallback("score", **options), path=tmp_path)
    assert {file.name for file in (tmp_path / "models").iterdir()} == files


def test_a_plateau_lowers_the_rate_but_not_below_the_least(small):
    rates = []
    note = small.does("after_epoch", lambda cb: rates.append(cb.opt.lr), order=70)
    reduce = ReduceLROnPlateau("score", factor=4.0, min_lr=0.02)
    scored(small, [0.5, 0.4, 0.6, 0.1, 0.1], reduce, note)
    assert rates == pytest.approx([0.1, 0.025, 0.025, 0.02, 0.02])
