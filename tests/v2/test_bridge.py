"""v2's events on the one loop: their order, the table of cancels, and changes in both directions."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastloop_v1.callback import Callback as FirstCallback
from fastloop_v1.errors import FastloopWarning
from fastloop_v1.v2 import (
    Callback,
    CancelBackwardException,
    CancelBatchException,
    CancelEpochException,
    CancelFitException,
    CancelStepException,
    CancelTrainException,
    CancelValidException,
)

TRAINED = [
    "before_batch",
    "after_pred",
    "after_loss",
    "before_backward",
    "after_backward",
    "before_step",
    "after_step",
    "after_batch",
]
VALIDATED = ["before_batch", "after_pred", "after_loss", "after_batch"]
VALIDATION = ["before_validate", *VALIDATED, *VALIDATED, "after_validate"]
BEGIN = ["after_create", "before_fit", "before_epoch", "before_train"]
END = ["after_epoch", "after_fit"]
REST = ["after_train", *VALIDATION, *END]


def first(cb):
    """In the first training batch."""
    return cb.training and cb.iter <= 0


def in_validation(cb):
    return not cb.training


def log_of(small, cb, epochs=1):
    log = small.Log()
    learn = small.learner(cbs=[log, cb])
    try:
        learn.fit(epochs, 0.1)
    finally:
        log.learner = learn
    return log.seen


def test_events_come_in_v2s_order(small):
    assert log_of(small, Callback()) == [*BEGIN, *TRAINED, *TRAINED, *REST]


def test_validation_without_a_batch_is_begun_and_ended(small):
    log = small.Log()
    small.learner(bunch=small.data(4, n_valid=0), cbs=[log]).fit(1, 0.1)
    assert log.seen == [*BEGIN, *TRAINED, *TRAINED, "after_train", "before_validate", "after_validate", *END]


CAUGHT = {
    "batch in before_batch": (
        CancelBatchException,
        "before_batch",
        ["after_cancel_batch", "after_batch", *TRAINED, *REST],
    ),
    "batch in before_step": (
        CancelBatchException,
        "before_step",
        [*TRAINED[:5], "after_cancel_batch", "after_batch", *TRAINED, *REST],
    ),
    "batch in after_step": (
        CancelBatchException,
        "after_step",
        [*TRAINED[:6], "after_cancel_batch", "after_batch", *TRAINED, *REST],
    ),
    "backward": (
        CancelBackwardException,
        "before_backward",
        [*TRAINED[:3], "after_cancel_backward", *TRAINED[4:], *TRAINED, *REST],
    ),
    "step": (
        CancelStepException,
        "before_step",
        [*TRAINED[:5], "after_cancel_step", *TRAINED[6:], *TRAINED, *REST],
    ),
    "train in after_pred": (CancelTrainException, "after_pred", [TRAINED[0], "after_cancel_train", *REST]),
    "train in after_batch": (
        CancelTrainException,
        "after_batch",
        [*TRAINED[:-1], "after_cancel_train", *REST],
    ),
    "epoch": (CancelEpochException, "before_step", [*TRAINED[:5], "after_cancel_epoch", *END]),
    "fit": (CancelFitException, "after_pred", [TRAINED[0], "after_cancel_fit", "after_fit"]),
}


@pytest.mark.parametrize(("signal", "event", "rest"), CAUGHT.values(), ids=CAUGHT)
def test_a_signal_leaves_its_level(small, signal, event, rest):
    assert log_of(small, small.raises(signal, event, first)) == [*BEGIN, *rest]


AROUND = {
    "train in before_train": (CancelTrainException, "before_train", ["after_cancel_train", *REST]),
    "epoch in before_epoch": (CancelEpochException, "before_epoch", ["after_cancel_epoch", *END]),
    "fit in before_fit": (CancelFitException, "before_fit", ["after_cancel_fit", "after_fit"]),
}


@pytest.mark.parametrize(("signal", "event", "rest"), AROUND.values(), ids=AROUND)
def test_a_signal_is_caught_where_its_level_begins(small, signal, event, rest):
    assert log_of(small, small.raises(signal, event)) == [*BEGIN[: BEGIN.index(event)], *rest]


def test_a_cancelled_validation_is_over(small):
    seen = log_of(small, small.raises(CancelValidException, "after_loss", in_validation))
    assert seen[-8:] == ["after_train", *VALIDATION[:3], "after_cancel_validate", "after_validate", *END]


ESCAPES = {
    "batch in after_batch": (CancelBatchException, "after_batch"),
    "batch in before_train": (CancelBatchException, "before_train"),
    "batch in after_cancel_batch": (CancelBatchException, "after_cancel_batch"),
    "backward in after_loss": (CancelBackwardException, "after_loss"),
    "backward in after_backward": (CancelBackwardException, "after_backward"),
    "step in before_backward": (CancelStepException, "before_backward"),
    "step in after_backward": (CancelStepException, "after_backward"),
    "step in after_step": (CancelStepException, "after_step"),
    "train in after_train": (CancelTrainException, "after_train"),
    "train in validation": (CancelTrainException, "before_validate"),
    "valid in training": (CancelValidException, "after_pred"),
    "valid in after_validate": (CancelValidException, "after_validate"),
    "epoch in after_epoch": (CancelEpochException, "after_epoch"),
    "fit in after_fit": (CancelFitException, "after_fit"),
}


@pytest.mark.parametrize(("signal", "event"), ESCAPES.values(), ids=ESCAPES)
def test_a_signal_outside_of_its_level_leaves_the_fit(small, signal, event):
    log = small.Log()
    cancels = (
        small.raises(CancelBatchException, "before_batch") if event == "after_cancel_batch" else Callback()
    )
    learn = small.learner(cbs=[log, cancels, small.raises(signal, event)])
    with pytest.raises(signal):
        learn.fit(1, 0.1)
    assert "after_fit" not in log.seen


CHAINS = {
    "batch to train": (
        [(CancelBatchException, "before_batch"), (CancelTrainException, "after_cancel_batch")],
        ["after_cancel_train", *REST],
    ),
    "step to batch": (
        [(CancelStepException, "before_step"), (CancelBatchException, "after_cancel_step")],
        [*TRAINED[:5], "after_cancel_batch", "after_batch", *TRAINED[:5]],
    ),
    "train to epoch": (
        [(CancelTrainException, "after_batch"), (CancelEpochException, "after_cancel_train")],
        [*TRAINED[:-1], "after_cancel_epoch", *END],
    ),
}


@pytest.mark.parametrize(("steps", "rest"), CHAINS.values(), ids=CHAINS)
def test_a_signal_in_the_answer_to_a_signal_goes_to_the_next_level(small, steps, rest):
    log = small.Log()
    small.learner(
        cbs=[log, *(small.raises(signal, event, lambda cb: cb.training) for signal, event in steps)]
    ).fit(1, 0.1)
    assert log.seen[: 4 + len(rest)] == [*BEGIN, *rest]


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt()], ids=["error", "interrupt"])
def test_an_error_is_followed_by_no_event_and_leaves_attributes_as_they_are(small, error):
    log = small.Log()
    learn = small.learner(cbs=[log])
    with pytest.raises(type(error)):
        learn.fit(1, 0.1, cbs=[small.raises(error, "after_pred")])
    assert log.seen == [*BEGIN, *TRAINED[:1]]
    assert learn.training is True
    assert len(learn.cbs) == 3
    assert learn.xb[0].shape == (2, 3)


def test_everything_is_cleaned_up_at_the_end(small):
    learn = small.learner(cbs=[Callback()])
    learn.fit(1, 0.1)
    assert (learn.xb, learn.yb, learn.pred, learn.loss, learn.loss_grad) == (
        (None,),
        (None,),
        None,
        None,
        None,
    )


def test_without_targets_there_is_no_loss_and_no_step(small):
    log = small.Log()

    def no_targets(cb):
        cb.learn.yb = ()

    learn = small.learner(cbs=[log, small.does("before_batch", no_targets)])
    before = small.weights(learn)
    learn.fit(1, 0.1)
    quiet = ["before_batch", "after_pred", "after_loss", "after_batch"]
    assert log.seen[3 : 3 + 10] == ["before_train", *quiet, *quiet, "after_train"]
    assert torch.equal(small.weights(learn), before)
    assert learn.recorder.values == [[None]]


# --- v1 and v2 in one fit --------------------------------------------------------------------------------


class First(FirstCallback):
    """v1: does at an event what it is told, with the state."""

    def __init__(self, event, action, order=0):
        self._order = order
        setattr(self, f"on_{event}", lambda **state: action(state))


def test_changes_go_from_v1_to_v2_and_on_to_later_v1(small):
    seen = {}
    later = First("backward_begin", lambda state: seen.update(v1=float(state["last_loss"].detach())), order=1)
    double = First("backward_begin", lambda state: {"last_loss": state["last_loss"] * 2})

    def add(cb):
        seen.setdefault("v2", float(cb.loss_grad.detach()))
        cb.learn.loss_grad = cb.loss_grad + 1

    learn = small.learner(2)
    x, y = learn.data.train_ds.tensors
    loss = float(F.mse_loss(learn.model(x), y).detach())
    learn.fit(1, 0.1, callbacks=[later, small.does("after_loss", add, run_valid=False), double])
    assert seen == {"v2": pytest.approx(2 * loss), "v1": pytest.approx(2 * loss + 1)}


def test_inputs_and_targets_keep_v1s_form(small):
    forms = []
    look = First(
        "batch_begin", lambda state: forms.append((state["last_input"], state["last_target"])), order=1
    )

    def half(cb):
        cb.learn.xb = tuple(x / 2 for x in cb.xb)

    learn = small.learner(cbs=[small.does("before_batch", half)], callbacks=[look])
    learn.fit(1, 0.1)
    assert torch.equal(forms[0][0], learn.data.train_ds.tensors[0][:2] / 2)
    assert torch.equal(forms[0][1], learn.data.train_ds.tensors[1][:2])


def test_several_inputs_are_a_list_for_v1_and_a_tuple_for_v2(small):
    class Sum(nn.Module):
        def __init__(self):
            super().__init__()
            self.line = nn.Linear(3, 1)

        def forward(self, a, b):
            return self.line(a + b)

    seen = []
    look = First("batch_begin", lambda state: seen.append(type(state["last_input"])))
    learn = small.learner(
        model=Sum(),
        bunch=small.data(parts=3),
        callbacks=[look],
        cbs=[small.does("before_batch", lambda cb: seen.append((type(cb.xb), len(cb.xb))))],
    )
    learn.fit(1, 0.1)
    assert seen[:2] == [list, (tuple, 2)]
    assert learn.data.train_dl.tfms == []


def test_a_v1_callback_may_cancel_too(small):
    def cancel(state):
        if state["train"]:
            raise CancelTrainException

    log = small.Log()
    small.learner(cbs=[log]).fit(1, 0.1, callbacks=First("loss_begin", cancel, order=-1))
    assert log.seen == [*BEGIN, "before_batch", "after_cancel_train", *REST]


def test_a_skipped_step_of_v1_is_a_step_without_effect_for_v2(small):
    log = small.Log()
    learn = small.learner(cbs=[log])
    before = small.weights(learn)
    learn.fit(1, 0.1, callbacks=First("backward_end", lambda state: {"skip_step": True}))
    assert log.seen == [*BEGIN, *TRAINED, *TRAINED, *REST]
    assert torch.equal(small.weights(learn), before)


def test_gradients_left_by_an_abandoned_batch_count_in_the_next_fit(small):
    stop = small.raises(CancelFitException, "before_step")
    learn = small.learner(2)
    learn.fit(1, 0.1, cbs=[stop])
    before, grad = small.weights(learn), learn.model.weight.grad.clone()
    learn.fit(1, 0.1, cbs=[small.does("after_backward", lambda cb: None)])
    weight = before[:3] - 0.1 * 2 * grad
    assert torch.allclose(learn.model.weight.detach().flatten(), weight.flatten())


LATE = {
    "the loss function": ("loss_func", F.l1_loss),
    "the model": ("model", nn.Linear(3, 1)),
}


@pytest.mark.parametrize(("name", "value"), LATE.values(), ids=LATE)
def test_what_is_set_too_late_for_a_validation_is_named_once(small, name, value):
    put = small.does("before_batch", lambda cb: setattr(cb.learn, name, value), run_train=False)
    learn = small.learner(cbs=[put])
    with pytest.warns(FastloopWarning, match=f"learn.{name} was set in a batch of validation") as caught:
        learn.fit(1, 0.1)
    assert len(caught) == 1


@pytest.mark.parametrize(("name", "value"), LATE.values(), ids=LATE)
def test_what_is_set_before_a_validation_acts(small, name, value):
    losses = [small.learner(cbs=[Callback()]).validate()]
    learn = small.learner(cbs=[small.does("before_validate", lambda cb: setattr(cb.learn, name, value))])
    learn.fit(1, 0.0)
    assert learn.recorder.val_losses != losses[0]
