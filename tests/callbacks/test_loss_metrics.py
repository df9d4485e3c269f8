"""The parts of a loss are in the table, as means over the validation set."""

from __future__ import annotations

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastloop_v1.callbacks.loss_metrics import LossMetrics
from fastloop_v1.callbacks.mixup import MixUpCallback


class TwoParts(nn.Module):
    """Squared and absolute error, the latter also as a Python number."""

    def __init__(self):
        super().__init__()
        self.metric_names = ["squared", "absolute", "number"]

    def forward(self, out, target):
        squared, absolute = F.mse_loss(out, target), F.l1_loss(out, target)
        self.metrics = {"squared": squared, "absolute": absolute, "number": absolute.item()}
        return squared + absolute


@pytest.fixture
def learn(line_learner):
    # Validation batches of 4 and 1 samples, so that means of batches and of samples differ.
    return line_learner(loss_func=TwoParts(), n_valid=5, callback_fns=LossMetrics)


def test_parts_are_means_over_the_samples(learn):
    learn.fit(1, 0.1)
    x, y = learn.data.valid_ds.tensors
    out = learn.model(x).detach()
    expected = [F.mse_loss(out, y).item(), *[F.l1_loss(out, y).item()] * 2]
    assert [metric.item() for metric in learn.recorder.metrics[0]] == pytest.approx(expected)
    assert learn.recorder.val_losses[0] == pytest.approx(sum(expected[:2]))


def test_columns_come_behind_the_metrics(learn, told_metric):
    learn.metrics = [told_metric(0.5)]
    learn.fit(1, 0.1)
    assert learn.recorder.names[2:-1] == ["valid_loss", "score", "squared", "absolute", "number"]
    assert len(learn.recorder.metrics[0]) == 4


def test_bug_43_names_of_the_loss_stay_its_own(learn):
    for _ in range(2):
        learn.fit(1, 0.1)
        assert learn.loss_func.metric_names == ["squared", "absolute", "number"]
        assert learn.recorder.names[3:-1] == ["squared", "absolute", "number"]


def test_bug_43_same_callback_in_two_fits_has_its_columns_once(line_learner):
    learn = line_learner(loss_func=TwoParts())
    learn.callbacks = [LossMetrics(learn)]
    for _ in range(2):
        learn.fit(1, 0.1)
        assert learn.recorder.names[3:-1] == ["squared", "absolute", "number"]
        assert len(learn.recorder.metrics[0]) == 3


def test_each_epoch_has_sums_of_its_own(learn):
    learn.fit(2, 0.0)
    first, second = learn.recorder.metrics
    assert torch.equal(torch.stack(first), torch.stack(second))


def test_loss_without_names_adds_nothing(line_learner):
    learn = line_learner(callback_fns=LossMetrics)
    learn.fit(1, 0.1)
    assert learn.recorder.metrics == []
    assert learn.recorder.names == ["epoch", "train_loss", "valid_loss", "time"]


def test_nothing_is_added_without_validation(line_learner):
    learn = line_learner(loss_func=TwoParts(), n_valid=0, callback_fns=LossMetrics)
    learn.fit(1, 0.1)
    assert learn.recorder.metrics == []


def test_prediction_is_not_disturbed_by_it(learn):
    learn.fit(1, 0.1)
    assert len(learn.get_preds(activ=partial(torch.mul, 1))[0]) == 5


def test_state_is_what_v1s_was_before_a_fit(learn):
    assert LossMetrics(learn).get_state() == {}


class Measured(nn.CrossEntropyLoss):
    """A loss that says how much its target classes count."""

    metric_names = ("first",)

    def forward(self, out, target):
        self.metrics = {"first": (target == 0).float().mean()}
        return super().forward(out, target)


def test_parts_are_those_of_the_loss_that_mixup_wraps(line_learner):
    learn = line_learner(
        loss_func=Measured(), model=nn.Linear(2, 2), callback_fns=[LossMetrics, MixUpCallback]
    )
    for dl in (learn.data.train_dl, learn.data.valid_dl):
        dl.dataset.tensors = dl.dataset.tensors[0], torch.arange(len(dl.dataset)) % 2
    learn.fit(1, 0.1)
    assert learn.recorder.metrics == [[torch.tensor(0.5)]]
