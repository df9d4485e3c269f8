"""Mixup mixes samples and losses, and leaves the loss function as it found it."""

from __future__ import annotations

import pickle
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.callback import Callback
from fastloop_v1.callbacks.mixup import MixUpCallback, MixUpLoss
from fastloop_v1.defaults import defaults
from fastloop_v1.errors import ArgumentError
from fastloop_v1.losses import CrossEntropyFlat, MSELossFlat

X = torch.tensor([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
CLASSES = torch.tensor([0, 2, 1])


def learner(targets=CLASSES, loss_func=None, model=None, **options):
    torch.manual_seed(0)
    np.random.seed(0)
    batches = [(X, targets), (X + 1, targets)]
    loss_func = loss_func or nn.CrossEntropyLoss()
    model = model or nn.Linear(2, 3)
    return Learner(DataBunch(batches, batches), model, loss_func=loss_func, silent=True, **options)


def drawn(alpha=0.4):
    """What a callback on a fresh learner draws for a batch of three: shares, and places of the others."""
    torch.manual_seed(0)
    np.random.seed(0)
    shares = np.random.beta(alpha, alpha, 3)
    return torch.tensor(np.maximum(shares, 1 - shares), dtype=torch.float32), torch.randperm(3)


def mixed_batch(learn, x=X, y=CLASSES, train=True, **options):
    mixup = MixUpCallback(learn, **options)
    mixup.on_train_begin()
    torch.manual_seed(0)
    np.random.seed(0)
    return mixup.on_batch_begin(last_input=x, last_target=y, train=train)


class Failing(Callback):
    """Raises at an event."""

    def __init__(self, event, error):
        setattr(self, f"on_{event}", self.fail)
        self.error = error

    def fail(self, **kwargs):
        raise self.error


# --- what is mixed ----------------------------------------------------------------------------------------


def test_inputs_are_weighted_means_of_two_samples():
    shares, others = drawn()
    expected = torch.stack([shares[i] * X[i] + (1 - shares[i]) * X[others[i]] for i in range(3)])
    torch.testing.assert_close(mixed_batch(learner())["last_input"], expected)


def test_share_of_the_sample_itself_is_the_larger_one():
    shares, _ = drawn()
    assert (shares >= 0.5).all()
    torch.testing.assert_close(mixed_batch(learner())["last_target"][:, 2], shares)


def test_stacked_targets_hold_both_and_the_share():
    shares, others = drawn()
    expected = torch.stack([CLASSES.float(), CLASSES[others].float(), shares], 1)
    assert mixed_batch(learner())["last_target"].equal(expected)


def test_stacked_inputs_are_left_to_the_model():
    shares, others = drawn()
    x, other, share = mixed_batch(learner(), stack_x=True)["last_input"]
    assert x.equal(X)
    assert other.equal(X[others])
    torch.testing.assert_close(share, shares)


@pytest.mark.parametrize("shape", [(3,), (3, 2), (3, 2, 2)], ids=str)
def test_targets_themselves_are_mixed_without_stacking(shape):
    y = torch.randn(shape)
    shares, others = drawn()
    expected = torch.stack([shares[i] * y[i] + (1 - shares[i]) * y[others[i]] for i in range(3)])
    torch.testing.assert_close(mixed_batch(learner(), y=y, stack_y=False)["last_target"], expected)


def test_validation_batches_are_left_alone():
    assert mixed_batch(learner(), train=False) is None


def test_loss_is_the_weighted_mean_of_two_losses():
    output = torch.randn(3, 3)
    target = torch.tensor([[0.0, 1.0, 0.75], [1.0, 1.0, 0.5], [2.0, 0.0, 1.0]])
    one, other = (F.cross_entropy(output, target[:, i].long(), reduction="none") for i in (0, 1))
    expected = one * target[:, 2] + other * (1 - target[:, 2])
    for crit in (nn.CrossEntropyLoss(), CrossEntropyFlat(), F.cross_entropy):
        torch.testing.assert_close(MixUpLoss(crit)(output, target), expected.mean())
        torch.testing.assert_close(MixUpLoss(crit, "sum")(output, target), expected.sum())
        torch.testing.assert_close(MixUpLoss(crit, "none")(output, target), expected)


def test_loss_of_other_targets_is_the_wrapped_one():
    output = torch.randn(3, 3)
    torch.testing.assert_close(
        MixUpLoss(nn.CrossEntropyLoss())(output, CLASSES), F.cross_entropy(output, CLASSES)
    )


def test_training_lowers_the_loss():
    learn = learner(callback_fns=[partial(MixUpCallback, alpha=0.2)])
    learn.fit(30, 0.1)
    assert learn.recorder.losses[-1] < learn.recorder.losses[0]


def test_two_fits_from_the_same_state_are_alike():
    runs = []
    for _ in range(2):
        learn = learner()
        learn.fit(2, 0.1, callbacks=[MixUpCallback(learn)])
        runs.append([loss.item() for loss in learn.recorder.losses])
    assert runs[0] == runs[1]


# --- what is refused --------------------------------------------------------------------------------------


def test_alpha_must_be_above_zero():
    with pytest.raises(ArgumentError, match="alpha is 0; it must be above 0"):
        MixUpCallback(learner(), alpha=0)


@pytest.mark.parametrize(
    ("x", "y", "text"),
    [
        pytest.param([X, X], CLASSES, "last_input is a list", id="two inputs"),
        pytest.param(X, [CLASSES, CLASSES], "last_target is a list", id="two targets"),
        pytest.param(X, torch.ones(3, 2), r"last_target has shape \(3, 2\)", id="targets of two dimensions"),
    ],
)
def test_batch_that_cannot_be_mixed_is_refused(x, y, text):
    with pytest.raises(ArgumentError, match=text):
        mixed_batch(learner(), x=x, y=y)


# --- real targets -----------------------------------------------------------------------------------------


def test_real_targets_keep_their_fraction():
    learn = learner(torch.tensor([0.5, -0.5, 0.25]), MSELossFlat(), nn.Linear(2, 1))
    learn.fit(200, 0.1, callbacks=[MixUpCallback(learn, alpha=0.01)])
    assert learn.recorder.val_losses[-1] < 0.2


@pytest.mark.parametrize(("quirks", "expected"), [(False, 0.25), (True, 0.0)], ids=["repaired", "v1"])
def test_real_targets_are_cut_with_v1_quirks(monkeypatch, quirks, expected):
    monkeypatch.setattr(defaults, "v1_quirks", quirks)
    y = torch.full((3,), 0.5)
    learn = learner(y, nn.MSELoss())
    batch = mixed_batch(learn, y=y)
    assert learn.loss_func(torch.zeros(3), batch["last_target"]).item() == pytest.approx(expected)


# --- bug 62: nothing is left behind ------------------------------------------------------------------------


def untouched(learn, loss_func):
    return learn.loss_func is loss_func and getattr(loss_func, "reduction", "mean") == "mean"


LOSSES = [nn.CrossEntropyLoss(), CrossEntropyFlat(), F.cross_entropy]
LOSS_IDS = ["module", "flattened", "function"]


@pytest.mark.parametrize("loss_func", LOSSES, ids=LOSS_IDS)
def test_bug_62_loss_is_put_back_after_a_fit(loss_func):
    learn = learner(loss_func=loss_func, callback_fns=[MixUpCallback])
    learn.fit(1)
    assert untouched(learn, loss_func)


@pytest.mark.parametrize("error", [ValueError("stop"), KeyboardInterrupt()], ids=["error", "interrupt"])
@pytest.mark.parametrize(
    "event", ["train_begin", "epoch_begin", "batch_begin", "loss_begin", "backward_end", "train_end"]
)
def test_bug_62_loss_is_put_back_after_an_error(event, error):
    learn = learner(callback_fns=[MixUpCallback])
    loss_func = learn.loss_func
    with pytest.raises(type(error)):
        learn.fit(1, callbacks=[Failing(event, error)])
    assert untouched(learn, loss_func)


def test_bug_62_loss_is_put_back_after_an_error_in_the_loss():
    learn = learner(torch.tensor([0, 2, 7]), callback_fns=[MixUpCallback])
    loss_func = learn.loss_func
    with pytest.raises(IndexError, match="out of bounds"):
        learn.fit(1)
    assert untouched(learn, loss_func)


@pytest.mark.parametrize("loss_func", LOSSES, ids=LOSS_IDS)
def test_bug_62_lr_find_and_predictions_leave_the_loss_alone(loss_func):
    learn = learner(loss_func=loss_func, callback_fns=[MixUpCallback])
    learn.lr_find(num_it=4)
    learn.get_preds(with_loss=True)
    learn.validate()
    assert untouched(learn, loss_func)


def test_bug_62_loss_that_validate_left_wrapped_is_not_wrapped_again():
    learn = learner()
    loss_func = learn.loss_func
    mixup = MixUpCallback(learn)
    for _ in range(2):
        mixup.on_train_begin()
    assert learn.loss_func.get_old() is loss_func
    mixup.on_train_end()
    assert untouched(learn, loss_func)


class Predicting(Callback):
    """Asks for predictions and their losses at the end of an epoch."""

    def __init__(self, learn):
        self.learn = learn

    def on_epoch_end(self, **kwargs):
        self.preds, _, self.losses = self.learn.get_preds(with_loss=True)


@pytest.mark.parametrize(
    "loss_func",
    [*LOSSES, nn.CrossEntropyLoss(torch.tensor([1.0, 2.0, 3.0]))],
    ids=[*LOSS_IDS, "with weights"],
)
def test_bug_62_predictions_during_a_fit_are_those_without_mixup(loss_func):
    learn = learner(loss_func=loss_func)
    inside = Predicting(learn)
    learn.fit(1, callbacks=[MixUpCallback(learn), inside])
    after = learn.get_preds(with_loss=True)
    torch.testing.assert_close(inside.preds, after[0])
    torch.testing.assert_close(inside.preds.sum(1), torch.ones(6))
    torch.testing.assert_close(inside.losses, after[2])


def test_bug_62_loss_function_replaced_during_the_fit_stays():
    learn = learner()
    mixup = MixUpCallback(learn)
    mixup.on_train_begin()
    learn.loss_func = F.mse_loss
    mixup.on_train_end()
    assert learn.loss_func is F.mse_loss


def test_state_is_what_the_constructor_takes():
    learn = learner()
    mixup = MixUpCallback(learn, alpha=0.2)
    mixup.on_train_begin()
    assert mixup.get_state() == {"alpha": 0.2, "stack_x": False, "stack_y": True}


def test_wrapped_loss_can_be_pickled():
    loss = pickle.loads(pickle.dumps(MixUpLoss(CrossEntropyFlat())))
    output = torch.randn(3, 3)
    torch.testing.assert_close(loss(output, CLASSES), F.cross_entropy(output, CLASSES))
