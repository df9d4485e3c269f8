"""A fit ends after so many of its own training batches."""

from __future__ import annotations

import pytest

from fastloop_v1.callback import Callback
from fastloop_v1.callbacks.misc import StopAfterNBatches as StopOfV1
from fastloop_v1.callbacks.stop_after_n_batches import StopAfterNBatches


def batches(learn, epochs=3, callbacks=()):
    learn.fit(epochs, 0.1, callbacks=callbacks)
    return learn.recorder.nb_batches


# An epoch is two training batches.
@pytest.mark.parametrize(
    ("n_batches", "expected", "validated"),
    [(1, [1], 0), (2, [2], 0), (3, [2, 1], 1), (6, [2, 2, 2], 2), (9, [2, 2, 2], 3)],
)
def test_bug_66_number_of_batches_is_that_of_training(line_learner, n_batches, expected, validated):
    learn = line_learner()
    assert batches(learn, callbacks=StopAfterNBatches(n_batches)) == expected
    assert sum(loss is not None for loss in learn.recorder.val_losses) == validated


def test_bug_66_v1_counts_a_validation_batch_as_the_training_batch_after_it(line_learner, v1_quirks):
    assert batches(line_learner(), callbacks=StopAfterNBatches(3)) == [2]


def test_default_is_two(line_learner):
    assert batches(line_learner(bs=2), callbacks=StopAfterNBatches()) == [2]


def test_bug_66_one_callback_counts_each_fit_of_each_learner(line_learner):
    stop = StopAfterNBatches(3)
    learners = [line_learner(callbacks=[stop]) for _ in range(2)]
    assert [batches(learn) for learn in learners * 2] == [[2, 1]] * 4


def test_bug_66_iteration_that_another_callback_sets_does_not_matter(line_learner):
    class Offset(Callback):
        def on_train_begin(self, **kwargs):
            return {"iteration": 100}

    assert batches(line_learner(), callbacks=[Offset(), StopAfterNBatches(3)]) == [2, 1]


def test_prediction_is_not_stopped_by_it(line_learner):
    learn = line_learner(bs=2, callbacks=[StopAfterNBatches(1)])
    assert len(learn.get_preds(activ=lambda x: x)[0]) == 4


def test_state_is_what_v1s_was(line_learner):
    stop = StopAfterNBatches(5)
    assert stop.get_state() == {"stop": False, "n_batches": 4}
    batches(line_learner(), callbacks=stop)
    assert stop.get_state() == {"stop": True, "n_batches": 4}


def test_name_in_v1s_module_is_this_class():
    assert StopOfV1 is StopAfterNBatches
