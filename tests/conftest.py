"""What tests of the loop share: a listener that writes a log, and the least that `fit` trains."""

from __future__ import annotations

import gc
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastloop_v1.callback import Callback
from fastloop_v1.events import EVENTS


def pytest_collection_finish():
    """Spare the collector what stays for the whole run: tests of leaks ask it often."""
    gc.collect()
    gc.freeze()


class Spy(Callback):
    """Writes every event in a log and answers as told: a value, a function of the state, or an error."""

    def __init__(self, name="spy", order=0, log=None, **answers):
        self.name, self._order, self.answers = name, order, answers
        self.log = [] if log is None else log

    def hear(self, event, state):
        """Write down an event, and answer it."""
        self.log.append((self.name, event, state))
        answer = self.answers.get(event)
        if isinstance(answer, BaseException):
            raise answer
        return answer(state) if callable(answer) else answer

    def events(self):
        """The events heard, in order."""
        return [event for _, event, _ in self.log]

    def states(self, event):
        """The keywords of each call of an event."""
        return [state for _, heard, state in self.log if heard == event]


def _hearing(event):
    return lambda self, **state: self.hear(event, state)


for _event in EVENTS:
    setattr(Spy, f"on_{_event}", _hearing(_event))


@pytest.fixture(name="Spy")
def _spy():
    """The class of a listener to every event: `Spy(name, order, log, batch_end={"stop_epoch": True})`."""
    return Spy


def _tiny(n_train=1, n_valid=1):
    torch.manual_seed(0)
    model = nn.Linear(1, 1)
    batches = [(torch.randn(2, 1), torch.randn(2, 1)) for _ in range(n_train + n_valid)]
    data = SimpleNamespace(train_dl=batches[:n_train], valid_dl=batches[n_train:], empty_val=not n_valid)
    opt = torch.optim.SGD(model.parameters(), lr=0.1)
    return SimpleNamespace(model=model, loss_func=F.mse_loss, opt=opt, data=data, silent=True)


@pytest.fixture
def tiny():
    """Makes a line to train through batches of two points: `tiny(n_train=1, n_valid=1)`."""
    return _tiny
