"""Training ends at the first loss that is no finite number, and the weights stay good."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastloop_v1.callback import Callback
from fastloop_v1.callbacks.terminate_on_nan import TerminateOnNaNCallback

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


def test_loss_another_callback_spoils_ends_training_after_its_step(line_learner):
    class Spoil(Callback):
        def on_backward_begin(self, last_loss, iteration, **kwargs):
            return {"last_loss": last_loss * (float("nan") if iteration == 1 else 1)}

    learn = line_learner()
    learn.fit(3, 0.1, callbacks=[Spoil(), TerminateOnNaNCallback()])
    assert len(learn.recorder.losses) == 2


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
