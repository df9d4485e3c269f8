"""A tiny seeded learner, and callbacks that write down what they hear, for the tests of v2 callbacks."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import TensorDataset

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.v2 import Callback
from fastloop_v1.v2.event_names import EVENT_NAMES


def data(n=4, n_valid=None, bs=2, parts=2):
    """Regression data that is never shuffled: `parts - 1` inputs of width 3, and a target."""
    torch.manual_seed(0)

    def dataset(size):
        return TensorDataset(*(torch.randn(size, 3) for _ in range(parts - 1)), torch.randn(size, 1))

    bunch = DataBunch.create(dataset(n), dataset(n if n_valid is None else n_valid), bs=bs, num_workers=0)
    bunch.train_dl = bunch.train_dl.new(shuffle=False)
    return bunch


def learner(n=4, *, model=None, bunch=None, **options):
    """A linear net on it, with plain gradient descent."""
    bunch = data(n) if bunch is None else bunch
    torch.manual_seed(1)
    options = {"opt_func": torch.optim.SGD, "loss_func": F.mse_loss, "silent": True, "wd": 0.0} | options
    return Learner(bunch, nn.Linear(3, 1) if model is None else model, **options)


class Log(Callback):
    """Writes down every event."""

    order = 100

    def __init__(self):
        super().__init__()
        self.seen = []


for _event in EVENT_NAMES:
    setattr(Log, _event, lambda self, _event=_event: self.seen.append(_event))


def does(event, action, **attributes):
    """A callback that does something with itself at an event."""
    return type("Does", (Callback,), {event: lambda self: action(self), **attributes})()


def raises(signal, event, when=lambda cb: True, **attributes):
    """A callback that raises something at an event."""

    def action(cb):
        if when(cb):
            raise signal

    return does(event, action, **attributes)


def weights(learn):
    """All parameters as one tensor."""
    return torch.cat([param.detach().flatten() for param in learn.model.parameters()])


def valid_loss(learn, model):
    """The loss of a model on the validation data of a learner."""
    with torch.no_grad():
        x, y = learn.data.valid_ds.tensors
        return F.mse_loss(model(x), y).item()


def pictures():
    """Data of 8 pictures to train on and 4 to validate, in batches of 4, and a net for them of any size."""
    torch.manual_seed(0)
    train, valid = (TensorDataset(torch.randn(n, 3, 8, 8), torch.randn(n, 1)) for n in (8, 4))
    bunch = DataBunch.create(train, valid, bs=4, num_workers=0)
    layers = nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 1)
    return {"bunch": bunch, "model": nn.Sequential(*layers)}


def plainly(model, x, y):
    """The backward pass of a plain batch."""
    F.mse_loss(model(x), y).backward()


@pytest.fixture
def small():
    """The names above: `small.learner(...)`, `small.Log()`, ..."""
    names = [data, learner, Log, does, raises, weights, valid_loss, pictures]
    return SimpleNamespace(**{thing.__name__: thing for thing in names})


@pytest.fixture
def fitted(tmp_path):
    """Fit a learner for two epochs, of 4 batches to train on and 2 to validate, and return it."""

    def fit(*cbs, epochs=2, **options):
        options = {"bunch": data(8, n_valid=4), "metrics": [F.l1_loss], "path": tmp_path} | options
        learn = learner(cbs=list(cbs), **options)
        learn.fit(epochs, 0.1)
        return learn

    return fit


@pytest.fixture
def by_hand():
    """Weights after the same batches in a loop of plain PyTorch, whose backward pass is the one given."""

    def train(backward=plainly, epochs=2):
        learn = learner(bunch=data(8, n_valid=4))
        for x, y in epochs * list(learn.data.train_dl):
            learn.model.zero_grad()
            backward(learn.model, x, y)
            with torch.no_grad():
                for param in learn.model.parameters():
                    param -= 0.1 * param.grad
        return weights(learn)

    return train
