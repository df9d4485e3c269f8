"""A tracker finds its value by name, in any table, and knows which of two is the better one."""

from __future__ import annotations

import copy
import math
import pickle
import re

import pytest
import torch

from fastloop_v1.callback import Callback, add_metrics
from fastloop_v1.callbacks.tracker_callback import TrackerCallback
from fastloop_v1.errors import FastloopWarning, ProtocolWarning
from fastloop_v1.exports.exported_learner import load_callback


class Watching(TrackerCallback):
    """Notes the value of each epoch."""

    def on_train_begin(self, **kwargs):
        super().on_train_begin(**kwargs)
        self.seen = []

    def on_epoch_end(self, **kwargs):
        self.seen.append(self.get_monitor_value())


def watch(learn, epochs=2, callbacks=(), **kwargs):
    learn.fit(epochs, 0.1, callbacks=[*callbacks, Watching(learn, **kwargs)])
    return learn.watching.seen


# --- which is better --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("monitor", "mode", "less"),
    [
        ("valid_loss", "auto", True),
        ("train_loss", "auto", True),
        ("error_rate", "auto", True),
        ("accuracy", "auto", False),
        ("valid_loss", "max", False),
        ("accuracy", "min", True),
    ],
)
def test_mode_says_which_of_two_values_is_better(line_learner, monitor, mode, less):
    tracker = TrackerCallback(line_learner(), monitor=monitor, mode=mode)
    assert tracker.operator(1.0, 2.0) == less
    assert tracker.operator(2.0, 1.0) != less
    tracker.on_train_begin()
    assert tracker.best == (math.inf if less else -math.inf)


def test_unknown_mode_is_taken_as_auto_with_a_warning(line_learner):
    with pytest.warns(FastloopWarning, match='mode best is invalid, falling back to "auto" mode'):
        tracker = TrackerCallback(line_learner(), mode="best")
    assert tracker.mode == "auto"
    assert tracker.operator(1.0, 2.0)


# --- the value --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("add_time", [True, False])
@pytest.mark.parametrize("monitor", ["first", "last"])
def test_bug_44_every_metric_is_found_with_or_without_a_time_column(
    line_learner, told_metric, add_time, monitor
):
    metrics = [told_metric(0.25, 0.5, name="first"), told_metric(3.0, 4.0, name="last")]
    learn = line_learner(metrics=metrics, add_time=add_time)
    assert watch(learn, monitor=monitor) == {"first": [0.25, 0.5], "last": [3.0, 4.0]}[monitor]


def test_bug_44_metric_is_found_in_a_table_without_a_validation_column(line_learner, told_metric):
    learn = line_learner(metrics=[told_metric(0.25, name="score")])

    class NoColumn(Callback):
        _order = -30

        def on_train_begin(self, **kwargs):
            learn.recorder.no_val = True

    assert watch(learn, epochs=1, callbacks=[NoColumn()], monitor="score") == [0.25]
    assert "valid_loss" not in learn.recorder.names


def test_losses_are_those_of_the_recorder(line_learner):
    learn = line_learner()
    assert watch(learn, monitor="valid_loss") == learn.recorder.val_losses
    learn = line_learner()
    assert watch(learn, monitor="train_loss") == [learn.recorder.losses[1], learn.recorder.losses[3]]


def test_bug_45_training_loss_is_watched_without_validation(line_learner):
    learn = line_learner(n_valid=0)
    assert watch(learn, monitor="train_loss") == [learn.recorder.losses[1], learn.recorder.losses[3]]


@pytest.mark.parametrize("monitor", ["valid_loss", "score"])
def test_value_is_none_without_validation(line_learner, told_metric, monitor):
    assert watch(line_learner(n_valid=0, metrics=[told_metric()]), monitor=monitor) == [None, None]


def test_metric_of_an_earlier_epoch_is_not_taken_for_this_one(line_learner, told_metric):
    class SecondUnvalidated(Callback):
        def on_epoch_begin(self, epoch, **kwargs):
            return {"skip_validate": epoch == 1}

    learn = line_learner(metrics=[told_metric(0.25, 0.5, 0.75)])
    assert watch(learn, 2, [SecondUnvalidated()], monitor="score") == [0.25, None]


def test_value_a_callback_adds_without_validation_is_found(line_learner):
    class Norm(Callback):
        _order = -20

        def __init__(self, learn):
            self.learn = learn

        def on_train_begin(self, **kwargs):
            self.learn.recorder.add_metric_names(["norm"])

        def on_epoch_end(self, epoch, last_metrics, **kwargs):
            return add_metrics(last_metrics, 10 + epoch)

    learn = line_learner(n_valid=0)
    learn.callback_fns.append(Norm)
    assert watch(learn, monitor="norm") == [10, 11]


@pytest.mark.parametrize(("old", "new"), [("val_loss", "valid_loss"), ("trn_loss", "train_loss")])
def test_bug_46_old_name_watches_the_value_and_warns(line_learner, old, new):
    expected = watch(line_learner(), monitor=new)
    learn = line_learner()
    with pytest.warns(FastloopWarning, match=f"watches `{new}`, which was once called `{old}`"):
        assert watch(learn, monitor=old) == expected


def test_bug_46_metric_that_has_an_old_name_is_itself(line_learner, told_metric):
    learn = line_learner(metrics=[told_metric(7.0, name="val_loss")])
    assert watch(learn, 1, monitor="val_loss") == [7.0]


def test_bug_46_unknown_name_warns_in_v1s_words_with_the_names_there_are(line_learner, told_metric):
    learn = line_learner(metrics=[told_metric(1.0, name="score")])
    words = (
        f"{Watching} conditioned on metric `accuracy` which is not available. "
        "Available metrics are: train_loss, valid_loss, score"
    )
    with pytest.warns(FastloopWarning, match=f"^{re.escape(words)}$"):
        assert watch(learn, 1, monitor="accuracy") == [None]


# --- from fit to fit --------------------------------------------------------------------------------------


def test_second_fit_starts_clean(line_learner):
    tracker = TrackerCallback(line_learner())
    tracker.on_train_begin()
    tracker.best = 0.5
    tracker.on_train_begin()
    assert tracker.best == math.inf


def test_bug_51_fit_that_goes_on_at_an_epoch_knows_the_best_before(line_learner):
    tracker = TrackerCallback(line_learner())
    tracker.on_train_begin()
    tracker.best = 0.5
    tracker.on_train_begin()
    tracker.jump_to_epoch(3)
    assert tracker.best == 0.5


def test_bug_51_saved_state_goes_on(line_learner):
    learn = line_learner()
    tracker = TrackerCallback(learn, monitor="score", mode="max")
    tracker.on_train_begin()
    tracker.best = 0.5
    state = pickle.loads(pickle.dumps(tracker.get_state()))
    again = load_callback(TrackerCallback, state, learn)
    assert (again.monitor, again.mode, again.best) == ("score", "max", 0.5)
    again.on_train_begin()
    again.jump_to_epoch(1)
    assert again.best == 0.5


def test_first_fit_may_go_on_at_an_epoch(line_learner):
    tracker = TrackerCallback(line_learner())
    tracker.on_train_begin()
    tracker.jump_to_epoch(3)
    assert tracker.best == math.inf


def test_state_is_what_v1s_was_before_a_fit(line_learner):
    tracker = TrackerCallback(line_learner(), monitor="score")
    assert set(tracker.get_state()) == {"monitor", "mode", "operator"}
    assert tracker.get_state()["operator"].__name__ == "greater"


def test_copy_is_a_tracker(line_learner):
    assert copy.copy(TrackerCallback(line_learner(), mode="max")).mode == "max"


def test_value_of_half_precision_is_a_number(line_learner):
    learn = line_learner(metrics=[lambda out, target: torch.tensor(0.5, dtype=torch.bfloat16)])
    assert watch(learn, 1, monitor="<lambda>") == [0.5]


# --- the learner ------------------------------------------------------------------------------------------


def test_bug_69_tracker_named_as_a_field_of_the_learner_does_not_replace_it(line_learner):
    class Model(TrackerCallback):
        """Its name on the learner would be `model`."""

    learn = line_learner()
    model = learn.model
    with pytest.warns(ProtocolWarning, match="would replace the learner's own 'model'"):
        tracker = Model(learn)
    assert learn.model is model
    learn.fit(1, callbacks=[tracker])


def test_bug_70_unknown_attribute_names_callback_and_attribute(line_learner):
    learn = line_learner()
    tracker = TrackerCallback(learn)
    with pytest.raises(AttributeError, match="Neither TrackerCallback nor its learner .* 'monitr'"):
        _ = tracker.monitr
    del learn
    with pytest.raises(ReferenceError, match="TrackerCallback has no 'monitr', and its learner is gone"):
        _ = tracker.monitr
