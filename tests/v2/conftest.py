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


@pytest.fixture
def small():
    """The names above: `small.learner(...)`, `small.Log()`, ..."""
    return SimpleNamespace(data=data, learner=learner, Log=Log, does=does, raises=raises, weights=weights)
