"""A snapshot puts back everything that training changes."""

from __future__ import annotations

import random
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import BatchSampler, DataLoader, RandomSampler, TensorDataset

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.snapshot import Snapshot

SET = TensorDataset(torch.arange(8.0)[:, None], torch.arange(8.0)[:, None])


class Counting(nn.Module):
    """Counts its calls in a buffer that is saved and in one that is not."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(1, 1)
        self.register_buffer("saved", torch.zeros(()))
        self.register_buffer("cached", torch.zeros(()), persistent=False)
        self.register_buffer("nothing", None)

    def forward(self, x):
        self.saved += 1
        self.cached = self.cached + 1
        return self.linear(x)


def learner(train=None, **options):
    torch.manual_seed(0)
    model = nn.Sequential(Counting(), nn.Dropout(0.1), nn.Linear(1, 1))
    given = {"model": model, "loss_func": F.mse_loss, "silent": True, "wd": 0.1}
    data = DataBunch(DataLoader(SET, 2) if train is None else train, None)
    learn = Learner(data, **{**given, **options})
    return learn.split([model[0], model[2]])


def plain(state):
    """Return a state with tensors and arrays as lists, to compare it."""
    if isinstance(state, dict):
        return {key: plain(value) for key, value in state.items()}
    if isinstance(state, (list, tuple)):
        return [plain(value) for value in state]
    return state.tolist() if isinstance(state, (torch.Tensor, np.ndarray)) else state


def picture(learn):
    """Return everything a snapshot is about as plain values."""
    opt = getattr(learn, "opt", None)
    return plain({
        "model": learn.model.state_dict(),
        "buffers": dict(learn.model.named_buffers()),
        "grads": [p.grad for p in learn.model.parameters()],
        "modes": [module.training for module in learn.model.modules()],
        "opt": None if opt is None else opt.state_dict(),
        "hypers": None if opt is None else [opt._lr, opt._mom, opt._beta, opt._wd],
        "random": [random.getstate(), np.random.get_state()[1], torch.get_rng_state()],
    })  # fmt: skip


def disturb(learn):
    """Train, and leave modes, gradients, rates and random numbers elsewhere."""
    learn.fit_one_cycle(1, [0.3, 0.1], moms=(0.5, 0.4), wd=0.2)
    learn.model.train()
    learn.model(torch.ones(1, 1)).sum().backward()
    random.random()
    np.random.rand()


OPTIMIZERS = {
    "SGD": partial(torch.optim.SGD, momentum=0.9),
    "Adam": partial(torch.optim.Adam, betas=(0.9, 0.99)),
    "RMSprop": partial(torch.optim.RMSprop, momentum=0.1),
    "Adagrad": torch.optim.Adagrad,
}


@pytest.mark.parametrize("opt_func", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_everything_is_as_before_as_often_as_wanted(opt_func):
    learn = learner(opt_func=opt_func)
    learn.fit(1, [0.2, 0.1], wd=[0.01, 0.02])
    learn.model.eval()
    learn.model[1].train()
    before, opt, parts = picture(learn), learn.opt, list(learn.model.parameters())
    snapshot = Snapshot(learn)
    for _ in range(2):
        disturb(learn)
        after = picture(learn)
        assert all(after[name] != before[name] for name in before)
        snapshot.restore()
        assert picture(learn) == before
    assert learn.opt is opt
    assert all(p is old for p, old in zip(learn.model.parameters(), parts, strict=True))


def test_gradients_there_before_come_back():
    learn = learner()
    learn.model(torch.ones(1, 1)).sum().backward()
    before, snapshot = picture(learn), Snapshot(learn)
    learn.model(torch.ones(1, 1)).sum().backward()
    snapshot.restore()
    assert picture(learn)["grads"] == before["grads"] != [None] * 4


@pytest.mark.parametrize("given", [True, False], ids=["None", "not there"])
def test_optimizer_made_later_stays_and_is_empty(given):
    learn = learner()
    if given:
        learn.opt = None
    snapshot = Snapshot(learn)
    disturb(learn)
    opt = learn.opt
    snapshot.restore()
    assert learn.opt is opt
    assert len(opt.opt.state) == 0


def test_optimizer_replaced_later_comes_back():
    learn = learner()
    learn.fit(1)
    opt, before = learn.opt, picture(learn)
    snapshot = Snapshot(learn)
    learn.freeze()
    disturb(learn)
    for p in learn.model.parameters():
        p.requires_grad = True
    snapshot.restore()
    assert learn.opt is opt
    assert picture(learn) == before


def draws(*generators):
    """Return what each generator draws next."""
    return [torch.rand(3, generator=generator).tolist() for generator in generators]


def shuffled(generator):
    return DataLoader(SET, 2, shuffle=True, generator=generator)


def sampled(generator):
    return DataLoader(SET, 2, sampler=RandomSampler(SET, generator=generator))


def batch_sampled(generator):
    batches = BatchSampler(RandomSampler(SET, generator=generator), 2, drop_last=False)
    batches.generator = generator
    return DataLoader(SET, batch_sampler=batches)


@pytest.mark.parametrize("make", [shuffled, sampled, batch_sampled])
@pytest.mark.parametrize("phase", ["train", "valid"])
def test_generators_of_loaders_are_as_before(make, phase):
    generator = torch.Generator().manual_seed(3)
    dl = make(generator)
    learn = learner()
    learn.data = DataBunch(dl, None) if phase == "train" else DataBunch(DataLoader(SET, 2), dl)
    snapshot = Snapshot(learn)
    expected = [y.tolist() for _, y in dl]
    snapshot.restore()
    assert [y.tolist() for _, y in dl] == expected
    snapshot.restore()
    first = draws(generator)
    snapshot.restore()
    assert draws(generator) == first


def test_loader_that_keeps_a_state_is_as_before():
    class Stateful(list):
        """Batches that know how often they were read."""

        read = {"times": 0}

        def __iter__(self):
            self.read = {"times": self.read["times"] + 1}
            return super().__iter__()

        def state_dict(self):
            return self.read

        def load_state_dict(self, state):
            self.read = state

    dl = Stateful([SET[:2], SET[2:4]])
    learn = learner(dl)
    learn.fit(2)
    snapshot = Snapshot(learn)
    learn.fit(3)
    assert dl.read == {"times": 5}
    snapshot.restore()
    assert dl.read == {"times": 2}


def test_model_inside_a_parallel_wrapper_is_as_before():
    learn = learner()
    learn.model = nn.DataParallel(learn.model)
    before, snapshot = picture(learn), Snapshot(learn)
    disturb(learn)
    snapshot.restore()
    assert {**picture(learn), "opt": None, "hypers": None} == before


def test_learner_needs_no_more_than_model_optimizer_and_loaders():
    model = nn.Linear(1, 1)
    opt = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9)
    learn = SimpleNamespace(model=model, opt=opt, data=SimpleNamespace(train_dl=[], valid_dl=None))
    snapshot = Snapshot(learn)
    before = plain([model.state_dict(), opt.state_dict()])
    model(torch.ones(1, 1)).sum().backward()
    opt.step()
    snapshot.restore()
    assert plain([model.state_dict(), opt.state_dict()]) == before
