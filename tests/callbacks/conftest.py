"""What tests of callbacks share: a line to train, and values told beforehand to watch."""

from __future__ import annotations

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.utils.data import DataLoader, TensorDataset

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.callback import Callback, add_metrics
from fastloop_v1.defaults import defaults


class ToldMetric(Callback):
    """A metric with these values, one for each validated epoch of a fit."""

    def __init__(self, *values, name="score"):
        self.values, self.name = values, name

    def on_train_begin(self, **kwargs):
        """Start with the first value."""
        self.left = iter(self.values)

    def on_epoch_end(self, last_metrics, **kwargs):
        """Add the next one."""
        return add_metrics(last_metrics, torch.tensor(next(self.left)))


class ToldLoss(Callback):
    """Puts these values in the place of the validation losses of a fit."""

    _order = -50

    def __init__(self, *values):
        self.values = values

    def on_train_begin(self, **kwargs):
        """Start with the first value."""
        self.left = iter(self.values)

    def on_epoch_end(self, last_metrics, **kwargs):
        """Put in the next one."""
        return {"last_metrics": [next(self.left), *last_metrics[1:]]}


@pytest.fixture
def told_metric():
    """The class of a metric whose values are told: `told_metric(0.5, 0.7, name="score")`."""
    return ToldMetric


@pytest.fixture
def told_loss():
    """The class of a callback that tells the validation losses: `told_loss(1.0, 0.9)`."""
    return ToldLoss


@pytest.fixture
def line_learner(tmp_path):
    """Makes a learner of a line: `line_learner(n_train=8, n_valid=4, bs=4, **arguments_of_Learner)`."""

    def make(n_train=8, n_valid=4, bs=4, model=None, **kwargs):
        torch.manual_seed(0)
        x = torch.randn(n_train + n_valid, 2)
        y = x @ torch.tensor([[1.0], [-2.0]]) + 0.1 * torch.randn(n_train + n_valid, 1)
        sets = [TensorDataset(x[part], y[part]) for part in (slice(n_train), slice(n_train, None))]
        data = DataBunch(*[DataLoader(items, batch_size=bs) for items in sets], path=tmp_path, device="cpu")
        settings = {"loss_func": F.mse_loss, "opt_func": partial(optim.SGD, momentum=0.9), "silent": True}
        return Learner(data, model or nn.Linear(2, 1), **{**settings, **kwargs})

    return make


@pytest.fixture
def v1_quirks(monkeypatch):
    """v1's faulty behaviour, for the time of a test."""
    monkeypatch.setattr(defaults, "v1_quirks", True)
