"""A signal leaves its level at once, the points around levels are passed in order, and training goes on."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import TensorDataset

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.callback import Callback, CallbackHandler
from fastloop_v1.defaults import defaults
from fastloop_v1.events import EVENTS
from fastloop_v1.signals import (
    CancelBackwardException,
    CancelBatchException,
    CancelEpochException,
    CancelFitException,
    CancelSignal,
    CancelStepException,
    CancelTrainException,
    CancelValidException,
)


class Log(Callback):
    """Writes down events and points, by their short names."""

    _order = -100

    def __init__(self):
        self.seen = []

    def at_point(self, name):
        self.seen.append(name)


for _event in EVENTS:
    setattr(Log, f"on_{_event}", lambda self, _event=_event, **kwargs: self.seen.append(_event))


def raises(signal, event, *, when=lambda **state: True):
    """A callback that raises a signal at an event, when the state says so."""

    def on_event(self, **state):
        if when(**state):
            raise signal

    return type("Raises", (Callback,), {f"on_{event}": on_event})()


def learner(n=4, **options):
    torch.manual_seed(0)
    dataset = TensorDataset(torch.randn(n, 1), torch.randn(n, 1))
    data = DataBunch.create(dataset, dataset, bs=2, num_workers=0)
    return Learner(data, nn.Linear(1, 1), torch.optim.SGD, F.mse_loss, silent=True, **options)


def seen(callback, epochs=1, **options):
    """What is passed in a fit with this callback."""
    log = Log()
    learn = learner(**options)
    learn.fit(epochs, 0.1, callbacks=[log, callback])
    return log.seen, learn


TRAINED = ["batch_begin", "loss_begin", "backward_begin", "backward_end", "step_end", "batch_end"]
VALIDATED = ["batch_begin", "loss_begin", "after_loss", "batch_end"]
VALIDATION = ["before_validate", *VALIDATED, *VALIDATED, "after_validate"]
EPOCH = ["epoch_begin", "before_train", *TRAINED, *TRAINED, "after_train", *VALIDATION, "epoch_end"]


def test_points_stand_between_the_events():
    assert seen(Callback())[0] == ["train_begin", *EPOCH, *EPOCH[:0], "train_end"]


def first(num_batch, epoch, train=True, **state):
    return train and num_batch == 0 and epoch == 0


def in_validation(train, **state):
    return not train


LEFT = {
    "a batch at its begin": (
        raises(CancelBatchException(), "batch_begin", when=first),
        ["batch_begin", "after_cancel_batch", "batch_end", *TRAINED, "after_train", *VALIDATION, "epoch_end"],
    ),
    "a batch before its step": (
        raises(CancelBatchException(), "backward_end", when=first),
        [*TRAINED[:4], "after_cancel_batch", "batch_end", *TRAINED, "after_train", *VALIDATION, "epoch_end"],
    ),
    "the backward pass": (
        raises(CancelBackwardException(), "backward_begin", when=first),
        [
            *TRAINED[:3],
            "after_cancel_backward",
            *TRAINED[3:],
            *TRAINED,
            "after_train",
            *VALIDATION,
            "epoch_end",
        ],
    ),
    "the step": (
        raises(CancelStepException(), "backward_end", when=first),
        [*TRAINED[:4], "after_cancel_step", *TRAINED[4:], *TRAINED, "after_train", *VALIDATION, "epoch_end"],
    ),
    "the training": (
        raises(CancelTrainException(), "loss_begin", when=first),
        ["batch_begin", "loss_begin", "after_cancel_train", "after_train", *VALIDATION, "epoch_end"],
    ),
    "the validation": (
        raises(CancelValidException(), "batch_begin", when=in_validation),
        [
            *TRAINED,
            *TRAINED,
            "after_train",
            "before_validate",
            "batch_begin",
            "after_cancel_validate",
            "after_validate",
            "epoch_end",
        ],
    ),
    "the epoch": (
        raises(CancelEpochException(), "step_end", when=first),
        [*TRAINED[:5], "after_cancel_epoch", "epoch_end"],
    ),
    "the fit": (raises(CancelFitException(), "step_end", when=first), [*TRAINED[:5], "after_cancel_fit"]),
}


@pytest.mark.parametrize(("callback", "rest"), LEFT.values(), ids=LEFT)
def test_a_signal_leaves(callback, rest):
    assert seen(callback)[0] == ["train_begin", "epoch_begin", "before_train", *rest, "train_end"]


@pytest.mark.parametrize("name", ["the training", "the epoch"])
def test_the_next_epoch_follows(name):
    events, learn = seen(LEFT[name][0], epochs=2)
    assert events[-len(EPOCH) - 1 : -1] == EPOCH
    assert len(learn.recorder.nb_batches) == 2


def test_bug_11_an_abandoned_batch_does_not_train():
    events, learn = seen(raises(CancelBatchException(), "batch_begin", when=lambda train, **state: train))
    start = learner().model
    assert torch.equal(learn.model.weight, start.weight)
    assert events.count("batch_end") == 4


def test_gradients_of_a_batch_abandoned_before_its_step_add_up():
    keeps = raises(CancelBatchException(), "backward_end", when=first)
    learn = learner(n=4)
    x, y = learn.data.train_ds.tensors
    learn.data.train_dl = learn.data.train_dl.new(shuffle=False)
    model = nn.Linear(1, 1)
    model.load_state_dict(learn.model.state_dict())
    learn.fit(1, 0.1, wd=0, callbacks=keeps)
    (F.mse_loss(model(x[:2]), y[:2]) + F.mse_loss(model(x[2:]), y[2:])).backward()
    assert torch.allclose(learn.model.weight, model.weight - 0.1 * model.weight.grad)


def test_a_batch_that_was_abandoned_in_validation_counts_for_nothing():
    last = raises(CancelBatchException(), "loss_begin", when=lambda train, num_batch, **state: not train)
    _, learn = seen(last, metrics=[F.l1_loss])
    assert learn.recorder.val_losses == [None]


def test_a_batch_abandoned_in_training_leaves_the_metrics_alone():
    last = raises(CancelBatchException(), "loss_begin", when=lambda train, **state: train)
    _, learn = seen(last, metrics=[F.mse_loss])
    assert learn.recorder.metrics[0][0] == pytest.approx(float(learn.recorder.val_losses[0]))


def test_an_ended_validation_has_no_loss():
    _, learn = seen(LEFT["the validation"][0], metrics=[F.l1_loss])
    assert learn.recorder.val_losses == [None]


def test_rates_and_losses_stay_together_when_a_batch_is_abandoned():
    _, learn = seen(LEFT["a batch at its begin"][0])
    assert len(learn.recorder.lrs) == len(learn.recorder.losses) == 1


OUTSIDE = {
    "in on_train_begin, of a batch": raises(CancelBatchException(), "train_begin"),
    "in on_batch_end, of a batch": raises(CancelBatchException(), "batch_end"),
    "in on_epoch_end, of the training": raises(CancelTrainException(), "epoch_end"),
    "in a training batch, of the validation": raises(CancelValidException(), "backward_begin"),
    "in on_step_end, of the step": raises(CancelStepException(), "step_end"),
}


@pytest.mark.parametrize("callback", OUTSIDE.values(), ids=OUTSIDE)
def test_a_signal_outside_of_its_level_is_an_error(callback):
    with pytest.raises(CancelSignal):
        learner().fit(1, 0.1, callbacks=callback)


def test_a_fit_ended_by_its_signal_ends_without_an_exception():
    class End(Callback):
        def on_train_end(self, exception, **kwargs):
            self.exception = exception

    end = End()
    learner().fit(1, 0.1, callbacks=[end, raises(CancelFitException(), "batch_begin")])
    assert end.exception is False


def test_without_listeners_a_point_calls_nobody():
    handler = CallbackHandler([Callback()])
    assert handler.points == []
    handler.point("before_train")


@pytest.mark.parametrize("quirks", [False, True], ids=["mended", "v1"])
def test_a_fit_that_fails_leaves_each_part_of_the_model_in_the_mode_it_had(quirks, monkeypatch):
    monkeypatch.setattr(defaults, "v1_quirks", quirks)
    learn = learner()
    learn.model.eval()
    with pytest.raises(ValueError, match="stop"):
        learn.fit(1, 0.1, callbacks=raises(ValueError("stop"), "batch_end"))
    assert learn.model.training is quirks


def test_a_listener_has_its_loop_as_long_as_the_fit_lasts():
    class Listens(Callback):
        def at_point(self, name):
            self.learn = self.loop.learn

    listens, learn = Listens(), learner()
    learn.fit(1, 0.1, callbacks=listens)
    assert listens.learn is learn
    with pytest.raises(ReferenceError):
        listens.loop.learn  # noqa: B018
