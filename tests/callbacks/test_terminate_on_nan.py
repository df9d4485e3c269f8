"""Training ends at the first loss that is no finite number, and the weights stay good."""

from __future__ import annotations

import copy
import inspect
import math
import pickle
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastloop_v1.callback import Callback
from fastloop_v1.callbacks.accumulate_scheduler import AccumulateScheduler
from fastloop_v1.callbacks.stop_after_n_batches import StopAfterNBatches
from fastloop_v1.callbacks.terminate_on_nan import TerminateOnNaNCallback
from fastloop_v1.errors import ArgumentError, NonFiniteLossError
from fastloop_v1.exports.exported_learner import load_callback

MESSAGE = "Epoch/Batch (1/0): Invalid loss, terminating training."


class LossFrom(nn.Module):
    """Mean squared error that turns to another value after so many calls."""

    def __init__(self, value, after):
        super().__init__()
        self.value, self.after, self.calls = value, after, 0

    def forward(self, out, target):
        self.calls += 1
        factor = self.value if self.calls > self.after else 1.0
        return F.mse_loss(out, target) * factor


def weights(learn):
    return torch.cat([param.detach().reshape(-1).clone() for param in learn.model.parameters()])


# An epoch is two training batches and one validation batch.
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_bug_53_weights_are_those_of_the_last_good_step(line_learner, value):
    learn = line_learner(loss_func=LossFrom(value, after=3))
    learn.fit(3, 0.1, callbacks=TerminateOnNaNCallback())
    plain = line_learner()
    plain.fit(1, 0.1)
    assert torch.equal(weights(learn), weights(plain))
    assert len(learn.recorder.losses) == 3
    assert learn.recorder.val_losses[1:] == [None]


def test_bug_53_optimizer_and_gradients_stay_finite(line_learner):
    learn = line_learner(loss_func=LossFrom(float("nan"), after=1))
    learn.fit(1, 0.1, callbacks=TerminateOnNaNCallback())
    assert all(param.grad is None for param in learn.model.parameters())
    buffers = [state["momentum_buffer"] for state in learn.opt.state.values()]
    assert buffers
    assert all(torch.isfinite(buffer).all() for buffer in buffers)


@pytest.mark.parametrize(("value", "stops"), [(float("nan"), True), (float("inf"), False)])
def test_bug_53_v1_steps_before_it_stops_and_lets_infinity_pass(line_learner, v1_quirks, value, stops):
    learn = line_learner(loss_func=LossFrom(value, after=1), n_valid=0)
    callback = TerminateOnNaNCallback()
    learn.fit(1, 0.1, callbacks=callback)
    assert not torch.isfinite(weights(learn)).any()
    assert callback.stop == stops


def test_bug_8_answers_are_dicts(line_learner):
    learn = line_learner(loss_func=LossFrom(float("nan"), after=0))
    learn.fit(1, 0.1, callbacks=TerminateOnNaNCallback(), strict=True)
    assert len(learn.recorder.losses) == 1


def test_validation_loss_ends_training_too(line_learner):
    learn = line_learner(loss_func=LossFrom(float("inf"), after=2))
    learn.fit(3, 0.1, callbacks=TerminateOnNaNCallback())
    assert len(learn.recorder.losses) == 2


def test_good_fit_is_as_without_it(line_learner):
    learn, plain = line_learner(), line_learner()
    learn.fit(2, 0.1, callbacks=TerminateOnNaNCallback())
    plain.fit(2, 0.1)
    assert torch.equal(weights(learn), weights(plain))
    assert len(learn.recorder.val_losses) == 2


@pytest.mark.parametrize("read_every", [None, 1, 50])
@pytest.mark.parametrize("order", [-1, 1], ids=["before", "after"])
def test_loss_another_callback_spoils_ends_training_before_its_step(line_learner, order, read_every):
    class Spoil(Callback):
        _order = order

        def on_backward_begin(self, last_loss, iteration, **kwargs):
            return {"last_loss": last_loss * (float("nan") if iteration == 1 else 1)}

    learn, plain = line_learner(), line_learner()
    learn.fit(3, 0.1, callbacks=[Spoil(), TerminateOnNaNCallback(read_every=read_every)])
    plain.fit(1, 0.1, callbacks=StopAfterNBatches(1))
    assert len(learn.recorder.losses) == 2
    assert torch.equal(weights(learn), weights(plain))


def test_loss_scaled_to_infinity_by_another_callback_goes_on(line_learner):
    class Scale(Callback):
        _order = 999

        def on_backward_begin(self, last_loss, **kwargs):
            return {"last_loss": last_loss * float("inf"), "skip_bwd": True, "skip_step": True}

    learn = line_learner()
    learn.fit(1, 0.1, callbacks=[Scale(), TerminateOnNaNCallback()])
    assert len(learn.recorder.losses) == 2


def test_message_is_v1s(line_learner, capsys):
    learn = line_learner(loss_func=LossFrom(float("nan"), after=3), silent=False)
    learn.fit(3, 0.1, callbacks=TerminateOnNaNCallback())
    assert capsys.readouterr().out.count(MESSAGE) == 1


def test_second_fit_starts_clean(line_learner):
    callback = TerminateOnNaNCallback()
    learn = line_learner(loss_func=LossFrom(float("nan"), after=1), callbacks=[callback])
    learn.fit(1, 0.1)
    assert callback.stop
    learn.loss_func = F.mse_loss
    learn.fit(2, 0.1)
    assert not callback.stop
    assert len(learn.recorder.losses) == 4


def test_prediction_is_not_disturbed_by_it_even_after_it_stopped_a_fit(line_learner):
    learn = line_learner(loss_func=LossFrom(float("nan"), after=1), bs=2)
    learn.callbacks = [TerminateOnNaNCallback()]
    learn.fit(1, 0.1)
    assert len(learn.get_preds(activ=lambda x: x)[0]) == 4


def test_state_is_what_v1s_was():
    assert TerminateOnNaNCallback().get_state() == {"stop": False}
    assert copy.copy(TerminateOnNaNCallback()).stop is False


# --- answers beyond v1 --------------------------------------------------------------------------------------

LATE = pytest.mark.parametrize("read_every", [None, 1, 3, 50], ids=lambda n: f"read every {n}")
BAD = pytest.mark.parametrize("value", [float("nan"), float("inf")])


class BadBatches(nn.Module):
    """Mean squared error that turns to another value in some of its calls."""

    def __init__(self, value, *calls):
        super().__init__()
        self.value, self.bad, self.calls = value, calls, 0

    def forward(self, out, target):
        self.calls += 1
        return F.mse_loss(out, target) * (self.value if self.calls in self.bad else 1.0)


class LeaveOut(Callback):
    """Leaves these batches out of training by hand."""

    def __init__(self, *iterations):
        self.iterations = iterations

    def on_backward_begin(self, iteration, **kwargs):
        return dict.fromkeys(("skip_bwd", "skip_step"), True) if iteration in self.iterations else None


OPTIMIZERS = {
    "momentum": partial(torch.optim.SGD, momentum=0.9),
    "RMSprop": torch.optim.RMSprop,
    "Adagrad": torch.optim.Adagrad,
}


def states(learn):
    """What the optimizer keeps of each parameter."""
    return [{name: torch.as_tensor(v) for name, v in state.items()} for state in learn.opt.state.values()]


def assert_alike(learn, other):
    assert torch.equal(weights(learn), weights(other))
    for state, expected in zip(states(learn), states(other), strict=True):
        assert state.keys() == expected.keys()
        assert all(torch.equal(state[name], expected[name]) for name in state)


# Training batches are calls 1 to 4 of the loss in the first epoch, validation is call 5.
@LATE
@BAD
@pytest.mark.parametrize("opt_func", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_skipped_batches_leave_no_trace(line_learner, opt_func, value, read_every):
    options = {"n_train": 16, "opt_func": opt_func, "wd": 0.1}
    learn = line_learner(loss_func=BadBatches(value, 1, 3, 8), **options)
    plain = line_learner(**options)
    callback = TerminateOnNaNCallback(on_nan="skip", read_every=read_every)
    learn.fit(2, 0.1, callbacks=callback)
    plain.fit(2, 0.1, callbacks=LeaveOut(0, 2, 6))
    assert_alike(learn, plain)
    assert callback.skipped == 3
    assert not callback.stop
    assert len(learn.recorder.val_losses) == 2


@pytest.mark.parametrize("read_every", [None, 1])
def test_skipped_batches_leave_no_trace_in_adams_counters(line_learner, read_every):
    learn = line_learner(loss_func=BadBatches(float("nan"), 1, 2), opt_func=torch.optim.Adam, n_train=16)
    plain = line_learner(opt_func=torch.optim.Adam, n_train=16)
    learn.fit(2, 0.1, callbacks=TerminateOnNaNCallback(on_nan="skip", read_every=read_every))
    plain.fit(2, 0.1, callbacks=LeaveOut(0, 1))
    assert_alike(learn, plain)


def test_adams_counters_are_right_again_when_the_flag_was_read(line_learner):
    learn = line_learner(loss_func=BadBatches(float("nan"), 1, 2), opt_func=torch.optim.Adam, n_train=16)
    learn.fit(1, 0.1, callbacks=TerminateOnNaNCallback(on_nan="skip", read_every=50))
    assert {float(state["step"]) for state in states(learn)} == {2.0}
    assert torch.isfinite(weights(learn)).all()


@LATE
@BAD
@pytest.mark.parametrize("opt_func", [*OPTIMIZERS.values(), torch.optim.Adam], ids=[*OPTIMIZERS, "Adam"])
@pytest.mark.parametrize("on_nan", ["stop", "raise"])
def test_end_leaves_the_weights_of_the_last_good_step(line_learner, on_nan, opt_func, value, read_every):
    learn = line_learner(loss_func=BadBatches(value, 7), n_train=16, opt_func=opt_func)
    plain = line_learner(n_train=16, opt_func=opt_func)
    callback = TerminateOnNaNCallback(on_nan=on_nan, read_every=read_every)
    if on_nan == "raise":
        with pytest.raises(NonFiniteLossError, match="epoch 1, batch 1"):
            learn.fit(3, 0.1, callbacks=callback)
    else:
        learn.fit(3, 0.1, callbacks=callback)
        assert callback.stop
        assert learn.recorder.val_losses[1:] == [None]
    plain.fit(2, 0.1, callbacks=LeaveOut(5, 6, 7))
    assert_alike(learn, plain)
    assert len(learn.recorder.losses) <= 8


@LATE
@pytest.mark.parametrize("on_nan", ["stop", "skip", "raise"])
def test_batch_norm_does_not_remember_a_bad_batch(line_learner, on_nan, read_every):
    learn = line_learner(model=nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 1)), n_train=16)
    learn.data.train_dl.dl.dataset.tensors[0][4:8] = float("nan")
    callback = TerminateOnNaNCallback(on_nan=on_nan, read_every=read_every)
    if on_nan == "raise":
        with pytest.raises(NonFiniteLossError):
            learn.fit(1, 0.1, callbacks=callback)
    else:
        learn.fit(1, 0.1, callbacks=callback)
    norm = learn.model[0]
    assert torch.isfinite(norm.running_mean).all()
    assert int(norm.num_batches_tracked) == (3 if on_nan == "skip" else 1)


@LATE
def test_bad_batch_does_not_spoil_gradients_that_are_gathered(line_learner, read_every):
    options = {"n_train": 16, "opt_func": torch.optim.SGD}
    learn, plain = line_learner(loss_func=BadBatches(float("nan"), 1, 3), **options), line_learner(**options)
    gather = partial(AccumulateScheduler, n_step=2)
    skip = TerminateOnNaNCallback(on_nan="skip", read_every=read_every)
    learn.callback_fns.append(gather)
    learn.loss_func.reduction = "mean"
    learn.fit(1, 0.1, callbacks=skip)
    assert torch.isfinite(weights(learn)).all()
    assert not torch.equal(weights(learn), weights(plain))


@LATE
def test_skipped_loss_does_not_count_in_the_smoothed_one(line_learner, read_every):
    learn = line_learner(loss_func=BadBatches(float("nan"), 2), n_train=16)
    plain = line_learner(n_train=16)
    learn.fit(1, 0.1, callbacks=TerminateOnNaNCallback(on_nan="skip", read_every=read_every))
    plain.fit(1, 0.1, callbacks=LeaveOut(1))
    assert all(map(math.isfinite, learn.recorder.losses))
    assert learn.recorder.losses[0] == learn.recorder.losses[1] == plain.recorder.losses[0]


@LATE
@pytest.mark.parametrize(("on_nan", "epochs"), [("stop", 1), ("skip", 2)])
def test_bad_loss_in_validation_stops_or_is_let_be(line_learner, on_nan, epochs, read_every):
    learn = line_learner(loss_func=BadBatches(float("inf"), 3))
    learn.fit(2, 0.1, callbacks=TerminateOnNaNCallback(on_nan=on_nan, read_every=read_every))
    assert len(learn.recorder.val_losses) == epochs


@LATE
def test_bad_loss_in_validation_is_raised(line_learner, read_every):
    learn = line_learner(loss_func=BadBatches(float("nan"), 3))
    with pytest.raises(NonFiniteLossError, match="validation"):
        learn.fit(2, 0.1, callbacks=TerminateOnNaNCallback(on_nan="raise", read_every=read_every))


def test_message_names_the_first_bad_batch_that_was_seen_late(line_learner, capsys):
    learn = line_learner(loss_func=BadBatches(float("nan"), 7), n_train=16, silent=False)
    learn.fit(3, 0.1, callbacks=TerminateOnNaNCallback(read_every=50))
    assert capsys.readouterr().out.count("Epoch/Batch (1/1): Invalid loss, terminating training.") == 1


@pytest.mark.parametrize("wrong", ["halt", None, 3, True])
def test_other_answer_is_refused(wrong):
    with pytest.raises(ArgumentError, match=r"on_nan is .*allowed are 'stop', 'skip', 'raise'"):
        TerminateOnNaNCallback(on_nan=wrong)


@pytest.mark.parametrize("wrong", [0, -1, 1.5, "often", float("nan")])
def test_other_interval_is_refused(wrong):
    with pytest.raises(ArgumentError, match="read_every is .*whole number from 1 on"):
        TerminateOnNaNCallback(read_every=wrong)


def test_signature_is_v1s():
    assert not inspect.signature(TerminateOnNaNCallback).parameters


def test_answer_is_exported_and_copied(line_learner):
    learn = line_learner(callbacks=[TerminateOnNaNCallback(on_nan="skip", read_every=7)])
    learn.fit(1, 0.1)
    learn.validate()
    callback = learn.callbacks[0]
    for again in (copy.copy(callback), pickle.loads(pickle.dumps(callback))):
        assert (again.on_nan, again.read_every) == ("skip", 7)
    made = load_callback(TerminateOnNaNCallback, callback.get_state(), learn)
    assert (made.on_nan, made.read_every) == ("skip", 7)
