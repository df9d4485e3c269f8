"""A step of a bad batch is taken back by choices between old and new values, not by a look at the loss."""

from __future__ import annotations

import copy
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from fastloop_v1.callbacks.step_mask import StepMask, copies
from fastloop_v1.optim import OptimWrapper


class Asked(TorchDispatchMode):
    """Names of what torch is asked to do."""

    def __init__(self):
        super().__init__()
        self.names = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.append(func.name().partition(".")[0])
        return func(*args, **(kwargs or {}))


@pytest.fixture
def learn():
    torch.manual_seed(0)
    model = nn.Sequential(nn.BatchNorm1d(2), nn.Linear(2, 1))
    opt = OptimWrapper.create(torch.optim.Adam, 0.1, [model], wd=0.1, true_wd=True)
    return SimpleNamespace(model=model, opt=opt)


def batch(learn, mask, factor):
    """A batch, its loss multiplied by a factor."""
    mask.begin_batch()
    loss = learn.model(torch.randn(4, 2)).square().mean() * factor
    mask.look(loss)
    loss.backward()
    mask.before_step(loss)
    learn.opt.step()
    mask.after_step(stepped=True)
    learn.opt.zero_grad()


def numbers(learn):
    """Weights, buffers and state of the optimizer."""
    state = [value.clone() for each in learn.opt.state.values() for value in each.values()]
    return [value.clone() for value in learn.model.state_dict().values()] + state


@pytest.mark.parametrize("factor", [float("nan"), float("inf")])
def test_bad_batch_is_gone_when_the_flag_was_read(learn, factor):
    mask = StepMask(learn, lasting=False)
    batch(learn, mask, 1.0)
    before = numbers(learn)
    batch(learn, mask, factor)
    assert mask.read() == 1
    assert all(map(torch.equal, numbers(learn), before))
    assert mask.read() == 0


def test_first_bad_batch_leaves_an_optimizer_as_good_as_new(learn):
    again, mask = copy.deepcopy(learn), StepMask(learn, lasting=False)
    batch(learn, mask, float("nan"))
    mask.read()
    for each in (learn, again):
        torch.manual_seed(1)
        batch(each, StepMask(each, lasting=False), 1.0)
    assert all(map(torch.equal, numbers(learn), numbers(again)))


@pytest.mark.parametrize(("lasting", "bad"), [(True, 3), (False, 1)])
def test_batches_after_a_bad_one_are_bad_if_it_lasts(learn, lasting, bad):
    mask = StepMask(learn, lasting=lasting)
    for factor in (1.0, float("nan"), 1.0, 1.0):
        batch(learn, mask, factor)
    assert mask.read() == bad


def test_nothing_is_read_before_it_is_asked_for(learn):
    mask = StepMask(learn, lasting=True)
    batch(learn, mask, 1.0)
    torch.manual_seed(0)
    with Asked() as asked:
        mask.begin_batch()
        loss = learn.model(torch.randn(4, 2)).square().mean()
        mask.look(loss)
        loss.backward()
        mask.before_step(loss)
        mask.after_step(stepped=False)
    assert not {"aten::_local_scalar_dense", "aten::is_nonzero", "aten::equal", "aten::nonzero"} & {
        *asked.names
    }


def test_gathered_gradients_stay_without_those_of_a_bad_batch(learn):
    mask = StepMask(learn, lasting=False)
    learn.model(torch.randn(4, 2)).square().mean().backward()
    before = [param.grad.clone() for param in learn.model.parameters()]
    loss = learn.model(torch.randn(4, 2)).square().mean() * float("nan")
    mask.look(loss)
    loss.backward()
    mask.before_step(loss)
    assert all(torch.equal(p.grad, grad) for p, grad in zip(learn.model.parameters(), before, strict=True))


def test_copies_are_one_for_each_tensor():
    tensor = torch.ones(2)
    ((same, copied),) = copies([tensor, tensor])
    assert same is tensor
    assert copied.data_ptr() != tensor.data_ptr()
