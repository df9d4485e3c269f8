"""A step for several batches is the step for one batch of all their samples."""

from __future__ import annotations

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn, optim

from fastloop_v1.callback import Callback
from fastloop_v1.callbacks.accumulate_scheduler import AccumulateScheduler
from fastloop_v1.callbacks.terminate_on_nan import TerminateOnNaNCallback
from fastloop_v1.errors import ArgumentError, FastloopWarning

SUM = partial(F.mse_loss, reduction="sum")


def weights(learn):
    return torch.cat([param.detach().reshape(-1).clone() for param in learn.model.parameters()])


def by_hand(learn, groups, *, epochs=1, lr=0.1, momentum=0.9, wd=0.01):
    """Weights after a step for each group of samples, with the gradient of their mean loss."""
    x, y = learn.data.train_ds.tensors
    model = nn.Linear(2, 1)
    model.load_state_dict(learn.model.state_dict())
    opt = optim.SGD(model.parameters(), lr=lr, momentum=momentum)
    for group in groups * epochs:
        opt.zero_grad()
        F.mse_loss(model(x[group]), y[group]).backward()
        with torch.no_grad():
            for param in model.parameters():
                param.mul_(1 - lr * wd)
        opt.step()
    return torch.cat([param.detach().reshape(-1) for param in model.parameters()])


@pytest.mark.parametrize("loss_func", [F.mse_loss, nn.MSELoss(), SUM, nn.MSELoss(reduction="sum")])
@pytest.mark.parametrize(
    ("n_train", "bs", "n_step", "groups"),
    [
        pytest.param(12, 2, 3, [slice(0, 6), slice(6, 12)], id="groups of equal batches"),
        pytest.param(11, 4, 3, [slice(0, 11)], id="last batch is smaller"),
        pytest.param(10, 3, 2, [slice(0, 6), slice(6, 10)], id="group with a smaller batch"),
        pytest.param(10, 2, 2, [slice(0, 4), slice(4, 8), slice(8, 10)], id="batch is left over"),
        pytest.param(6, 2, 1, [slice(0, 2), slice(2, 4), slice(4, 6)], id="a step for each batch"),
        pytest.param(6, 2, 9, [slice(0, 6)], id="more than an epoch has"),
    ],
)
def test_bug_58_step_is_that_of_the_mean_over_all_samples(
    line_learner, n_train, bs, n_step, groups, loss_func
):
    learn = line_learner(n_train=n_train, bs=bs, loss_func=loss_func)
    expected = by_hand(learn, groups, epochs=2)
    learn.fit(2, 0.1, callbacks=AccumulateScheduler(learn, n_step=n_step))
    assert torch.allclose(weights(learn), expected, atol=1e-6)


def test_batches_left_over_are_dropped_if_asked(line_learner):
    learn = line_learner(n_train=10, bs=2)
    expected = by_hand(learn, [slice(0, 4), slice(4, 8)], epochs=2)
    learn.fit(2, 0.1, callbacks=AccumulateScheduler(learn, n_step=2, drop_last=True))
    assert torch.allclose(weights(learn), expected, atol=1e-6)
    assert all(param.grad is None for param in learn.model.parameters())


def test_loss_function_that_does_not_say_it_sums_is_told(line_learner):
    learn = line_learner(loss_func=lambda out, target: ((out - target) ** 2).sum())
    expected = by_hand(learn, [slice(0, 8)])
    callback = AccumulateScheduler(learn, n_step=2)
    callback.reduction = "sum"
    learn.fit(1, 0.1, callbacks=callback)
    assert torch.allclose(weights(learn), expected, atol=1e-6)


def test_bug_58_v1_divides_a_mean_by_the_samples_once_more(line_learner, v1_quirks):
    learn = line_learner(n_train=4, bs=2, n_valid=2, loss_func=nn.MSELoss(), wd=0.0)
    x, y = learn.data.train_ds.tensors
    for half in (slice(2), slice(2, 4)):
        F.mse_loss(learn.model(x[half]), y[half]).backward()
    expected = weights(learn) - 0.1 * torch.cat([p.grad.reshape(-1) / 4 for p in learn.model.parameters()])
    learn.model.zero_grad()
    learn.opt_func = optim.SGD
    with pytest.warns(FastloopWarning, match="For better gradients consider 'reduction=sum'"):
        learn.fit(1, 0.1, callbacks=AccumulateScheduler(learn, n_step=2))
    assert torch.allclose(weights(learn), expected, atol=1e-6)


class Steps(Callback):
    """Counts the steps of the inner optimizer."""

    def __init__(self, learn):
        self.learn, self.count = learn, 0

    def on_epoch_begin(self, **kwargs):
        if not self.count:
            step = self.learn.opt.opt.step

            def counted(*args, **kwargs):
                self.count += 1
                return step(*args, **kwargs)

            self.learn.opt.opt.step = counted


@pytest.mark.parametrize(("n_train", "steps"), [(8, 2), (10, 3)])
def test_bug_57_epoch_has_a_step_for_each_group_and_no_other(line_learner, n_train, steps):
    learn = line_learner(n_train=n_train, bs=2, n_valid=3)
    counting = Steps(learn)
    learn.fit(1, 0.1, callbacks=[counting, AccumulateScheduler(learn, n_step=2)])
    assert counting.count == steps


def test_bug_57_v1_counts_validation_and_makes_another_step(line_learner, v1_quirks):
    learn = line_learner(n_train=8, bs=2, n_valid=3, loss_func=SUM)
    counting = Steps(learn)
    learn.fit(1, 0.1, callbacks=[counting, AccumulateScheduler(learn, n_step=2)])
    assert counting.count == 3


def test_bug_57_weights_stay_numbers_without_validation(line_learner):
    learn = line_learner(n_train=8, bs=2, n_valid=0)
    expected = by_hand(learn, [slice(0, 4), slice(4, 8)])
    learn.fit(1, 0.1, callbacks=AccumulateScheduler(learn, n_step=2))
    assert torch.allclose(weights(learn), expected, atol=1e-6)


def test_bug_57_validation_sees_the_weights_after_the_last_step(line_learner):
    learn = line_learner(n_train=10, bs=2)
    learn.fit(1, 0.1, callbacks=AccumulateScheduler(learn, n_step=2))
    assert learn.validate()[0] == learn.recorder.val_losses[0]


def test_bug_56_parameters_without_gradient_are_let_be(line_learner):
    learn = line_learner()
    learn.model.bias.requires_grad_(False)
    before = learn.model.bias.item()
    learn.fit(1, 0.1, callbacks=AccumulateScheduler(learn, n_step=2))
    assert learn.model.bias.item() == before


class LeaveAfter(Callback):
    """Leaves the epoch, or raises, after so many batches."""

    def __init__(self, batches, error=None):
        self.batches, self.error = batches, error

    def on_batch_end(self, num_batch, train, **kwargs):
        if train and num_batch + 1 == self.batches:
            if self.error is not None:
                raise self.error
            return {"stop_epoch": True}
        return None


@pytest.mark.parametrize(
    ("drop_last", "groups"), [(False, [slice(0, 4), slice(4, 6)]), (True, [slice(0, 4)])]
)
def test_epoch_left_in_the_middle_of_a_group_steps_for_it_or_drops_it(line_learner, drop_last, groups):
    learn = line_learner(n_train=8, bs=2)
    expected = by_hand(learn, groups)
    callbacks = [AccumulateScheduler(learn, n_step=2, drop_last=drop_last), LeaveAfter(3)]
    learn.fit(1, 0.1, callbacks=callbacks)
    assert torch.allclose(weights(learn), expected, atol=1e-6)


def test_gradients_of_a_fit_that_fails_do_not_reach_the_next(line_learner):
    learn = line_learner(n_train=8, bs=2)
    callback = AccumulateScheduler(learn, n_step=2)
    with pytest.raises(ValueError, match="stop"):
        learn.fit(1, 0.1, callbacks=[callback, LeaveAfter(1, ValueError("stop"))])
    assert all(param.grad is None for param in learn.model.parameters())
    expected = by_hand(learn, [slice(0, 4), slice(4, 8)])
    learn.fit(1, 0.1, callbacks=callback)
    assert torch.allclose(weights(learn), expected, atol=1e-6)


def test_loss_that_turns_to_nan_leaves_the_steps_before_it(line_learner):
    learn = line_learner(n_train=8, bs=2)
    expected = by_hand(learn, [slice(0, 6)])
    calls = []

    def loss_func(out, target):
        calls.append(1)
        return F.mse_loss(out, target) * (float("nan") if len(calls) == 4 else 1)

    learn.loss_func = loss_func
    learn.fit(1, 0.1, callbacks=[TerminateOnNaNCallback(), AccumulateScheduler(learn, n_step=3)])
    assert torch.allclose(weights(learn), expected, atol=1e-6)


@pytest.mark.parametrize("n_step", [0, -1])
def test_number_of_batches_below_one_is_refused(line_learner, n_step):
    with pytest.raises(ArgumentError, match=f"n_step is {n_step}; it must be at least 1"):
        AccumulateScheduler(line_learner(), n_step=n_step)


def test_prediction_is_not_disturbed_by_it(line_learner):
    learn = line_learner()
    learn.callbacks = [AccumulateScheduler(learn, n_step=2)]
    assert len(learn.get_preds(activ=lambda x: x)[0]) == 4


def test_state_is_what_v1s_was_before_a_fit(line_learner):
    assert AccumulateScheduler(line_learner(), n_step=3).get_state() == {"n_step": 3, "drop_last": False}
