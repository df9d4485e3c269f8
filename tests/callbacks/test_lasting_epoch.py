"""Only what a training epoch of an ordinary fit did stays."""

from __future__ import annotations

from fastloop_v1.callback import Callback
from fastloop_v1.callbacks.lasting_epoch import is_lasting


class Asking(Callback):
    """Asks at the end of each epoch."""

    def __init__(self, learn):
        self.learn, self.answers = learn, []

    def on_epoch_end(self, **kwargs):
        self.answers.append(is_lasting(self.learn, kwargs))


def test_epochs_of_a_fit_last(line_learner):
    learn = line_learner()
    learn.callbacks = [Asking(learn)]
    learn.fit(2)
    assert learn.callbacks[0].answers == [True, True]


def test_epochs_of_lr_find_do_not_last_and_those_after_it_do(line_learner):
    learn = line_learner()
    learn.callbacks = [Asking(learn)]
    learn.lr_find(num_it=3)
    learn.fit(1)
    assert learn.callbacks[0].answers == [False, False, True]


def test_validation_alone_does_not_last(line_learner):
    learn = line_learner()
    learn.callbacks = [Asking(learn)]
    learn.validate()
    assert learn.callbacks[0].answers == [False]


def test_state_without_a_count_of_batches_counts_as_training(line_learner):
    assert is_lasting(line_learner(), {})
