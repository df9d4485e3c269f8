"""What the fuzzing shares: a small learner, what may not change, and an alarm for whatever hangs."""

from __future__ import annotations

import signal

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner

PATIENCE = 100  # seconds for a whole test, of which each takes a few


@pytest.fixture(autouse=True)
def _alarm():
    """End what hangs."""

    def ring(*args):
        raise TimeoutError(f"still not through after {PATIENCE} seconds")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(PATIENCE)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def make_learner(batches=None, **options):
    """A learner with two layer groups, an optimizer and a fit behind it."""
    torch.manual_seed(0)
    data = TensorDataset(torch.randn(8, 2), torch.randn(8, 1))
    loaders = [DataLoader(data, 4), DataLoader(data, 4)] if batches is None else [batches, batches]
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    options = {"loss_func": F.mse_loss, "silent": True} | options
    learn = Learner(DataBunch(*loaders, device="cpu"), model, **options)
    learn.split(lambda model: [model[1]])
    if batches is None:
        learn.fit(1, 0.01)
    return learn


def state_of(learn):
    """What a refusal leaves as it was, number by number."""
    opt = learn.opt
    parts = (learn.model, learn.data, opt, opt.opt, learn.loss_func, learn.recorder)
    return {
        "names": set(vars(learn)),
        "parts": [id(part) for part in parts],
        "lists": [list(map(id, each)) for each in (learn.callbacks, learn.metrics, learn.callback_fns)],
        "weights": [str(value) for value in learn.model.state_dict().values()],
        "modes": [part.training for part in learn.model.modules()],
        "hypers": str([opt._lr, opt._wd, opt._mom, opt._beta]),
        "groups": str([{k: v for k, v in group.items() if k != "params"} for group in opt.param_groups]),
        "random": str(torch.get_rng_state()) + str(np.random.get_state()),
    }


@pytest.fixture(scope="session")
def made():
    """Makes learners."""
    return make_learner


@pytest.fixture(scope="session")
def condition():
    """What a refusal leaves as it was."""
    return state_of
