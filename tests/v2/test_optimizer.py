"""The optimizers of v2 as `opt_func` of a Learner, through `OptimWrapper`."""

from __future__ import annotations

import copy
from functools import partial

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.callback import Callback
from fastloop_v1.errors import FastloopWarning
from fastloop_v1.optim import OptimWrapper
from fastloop_v1.snapshot import Snapshot
from fastloop_v1.v2 import optimizer
from fastloop_v1.v2.optimizer import (
    SGD,
    Adam,
    Lamb,
    Larc,
    Lookahead,
    Optimizer,
    QHAdam,
    RAdam,
    RMSProp,
    ranger,
)

MAKERS = {
    "SGD": partial(SGD, mom=0.9),
    "RMSProp": partial(RMSProp, mom=0.5),
    "Adam": Adam,
    "RAdam": RAdam,
    "QHAdam": QHAdam,
    "Larc": Larc,
    "Lamb": Lamb,
    "ranger": ranger,
    "Lookahead": lambda params: Lookahead(Adam(params), k=2),
    "own steppers": lambda params: Optimizer(params, [optimizer.weight_decay, optimizer.sgd_step]),
}


def a_learner(tmp_path, opt_func, norm=nn.BatchNorm1d, **options):
    torch.manual_seed(0)
    x = torch.randn(12, 3)
    sets = [TensorDataset(part, part.sum(1, keepdim=True)) for part in (x[:8], x[8:])]
    data = DataBunch(*(DataLoader(one, batch_size=4) for one in sets), device=torch.device("cpu"))
    model = nn.Sequential(nn.Linear(3, 4), norm(4), nn.Tanh(), nn.Linear(4, 1))
    options = {"loss_func": nn.MSELoss(), "path": tmp_path, "silent": True, **options}
    learn = Learner(data, model, opt_func=opt_func, **options)
    return learn.split(lambda m: (m[3],))


def weights(learn):
    return [param.detach().clone() for param in learn.model.parameters()]


@pytest.fixture(params=MAKERS.values(), ids=MAKERS)
def learn(request, tmp_path):
    return a_learner(tmp_path, request.param)


class Watch(Callback):
    """Writes down the inner groups' hyper-parameters at each step."""

    def __init__(self, learn):
        self.learn, self.seen = learn, []

    def on_backward_end(self, **kwargs):
        """Look at every group."""
        self.seen.append([dict(group) for group in self.learn.opt.param_groups])


def test_home_has_the_names_of_v2():
    assert all(hasattr(optimizer, name) for name in optimizer.__all__)
    assert isinstance(Adam([nn.Parameter(torch.zeros(1))], 0.1), torch.optim.Optimizer)


def test_fit_lowers_the_loss(learn):
    before = learn.validate()[0]
    learn.fit(4, 0.02)
    assert learn.recorder.val_losses[-1] < before


def test_rates_differ_by_layer_group(learn):
    watch = Watch(learn)
    learn.fit(1, slice(0.001, 0.1), callbacks=[watch])
    for groups in watch.seen:
        assert [group["lr"] for group in groups] == pytest.approx([0.001, 0.001, 0.1, 0.1])


@pytest.mark.parametrize("name", [name for name in MAKERS if name != "own steppers"])
def test_one_cycle_moves_rate_and_momentum(tmp_path, name):
    learn = a_learner(tmp_path, MAKERS[name])
    watch = Watch(learn)
    learn.fit_one_cycle(2, 0.1, moms=(0.95, 0.85), callbacks=[watch])
    last = [groups[-1] for groups in watch.seen]
    assert [group["lr"] for group in last] == learn.recorder.lrs
    assert [group["momentum"] for group in last] == learn.recorder.moms
    assert learn.recorder.moms[0] == 0.95
    assert len(set(learn.recorder.lrs)) > 2


def test_lr_find_leaves_everything_as_it_was(learn):
    learn.fit(1, 0.01)
    before = weights(learn)
    learn.lr_find(num_it=3)
    assert all(map(torch.equal, weights(learn), before))


def test_frozen_layers_stay(learn):
    learn.freeze()
    before = weights(learn)
    learn.fit(2, 0.05)
    moved = [not torch.equal(old, new) for old, new in zip(before, weights(learn), strict=True)]
    assert moved[:2] == [False, False]
    # The batch norm of a frozen layer group trains on.
    assert all(moved[i] for i in (2, 4, 5))


def test_saved_optimizer_goes_on_with_the_same_bits(learn, tmp_path):
    learn.fit(2, slice(0.001, 0.02))
    learn.save("half")
    other = a_learner(tmp_path, learn.opt_func).load("half")
    state, loaded = learn.opt.state_dict(), other.opt.state_dict()
    assert loaded["param_groups"] == state["param_groups"]
    assert list(loaded["state"]) == list(state["state"])
    for one in (learn, other):
        one.fit(2, 0.01)
    assert all(map(torch.equal, weights(learn), weights(other)))


@pytest.mark.parametrize("writer", [torch.optim.Adam, SGD], ids=["of torch", "other steppers"])
def test_file_of_another_optimizer_leaves_the_state(tmp_path, writer):
    other, learn = a_learner(tmp_path, writer), a_learner(tmp_path, Adam)
    for one in (other, learn):
        one.fit(1, 0.01)
    other.save("other")
    before = copy.deepcopy(learn.opt.state_dict())
    with pytest.warns(FastloopWarning, match="does not fit"):
        learn.load("other")
    assert str(learn.opt.state_dict()) == str(before)


def test_snapshot_puts_the_optimizer_back(learn):
    learn.fit(1, 0.01)
    snapshot = Snapshot(learn)
    learn.fit(1, 0.02)
    expected = weights(learn)
    snapshot.restore()
    learn.fit(1, 0.02)
    assert all(map(torch.equal, weights(learn), expected))


def test_clearing_forgets_the_state(learn):
    learn.fit(1, 0.01)
    learn.opt.clear()
    assert not any(learn.opt.opt.state.values())
    learn.fit(1, 0.01)


def a_wrapper(opt_func, **options):
    torch.manual_seed(0)
    return OptimWrapper.create(opt_func, [0.1, 0.2], [nn.Linear(2, 2), nn.Linear(2, 1)], **options)


@pytest.mark.parametrize("name", ["Adam", "RMSProp", "QHAdam", "ranger"])
def test_wrapper_reads_and_writes_hypers(name):
    wrapper = a_wrapper(MAKERS[name])
    first, second = (wrapper.opt.hypers[0][k] for k in ("mom", "sqr_mom"))
    assert (wrapper.mom, wrapper.beta, wrapper.lrs) == (first, second, [0.1, 0.2])
    wrapper.mom, wrapper.beta, wrapper.lr, wrapper.wd = [0.5, 0.6], 0.7, 0.3, 0.04
    hypers = [(h["mom"], h["sqr_mom"], h["lr"], h["wd"]) for h in wrapper.opt.hypers]
    assert hypers == [(0.5, 0.7, 0.3, 0.04)] * 2 + [(0.6, 0.7, 0.3, 0.04)] * 2
    wrapper.set_stat("eps", [1e-3, 1e-4])
    assert [h["eps"] for h in wrapper.opt.hypers] == [1e-3, 1e-3, 1e-4, 1e-4]
    assert wrapper.get_stat("eps") == 1e-4


@pytest.mark.parametrize("bn_wd", [True, False])
def test_true_decay_is_the_wrappers(bn_wd):
    wrapper = a_wrapper(SGD, wd=0.5, true_wd=True, bn_wd=bn_wd)
    before = [param.detach().clone() for param in wrapper.params]
    for param in wrapper.params:
        param.grad = torch.zeros_like(param)
    wrapper.step()
    rates = [0.1, 0.1, 0.2, 0.2] if bn_wd else [0.1, 0.0, 0.2, 0.0]
    for param, old, lr in zip(wrapper.params, before, rates, strict=True):
        torch.testing.assert_close(param.detach(), old * (1 - lr * 0.5))
    assert [h["wd"] for h in wrapper.opt.hypers] == [0, 0, 0, 0]


def test_decay_left_to_the_optimizer_is_its_own():
    wrapper = a_wrapper(SGD, wd=0.5, true_wd=False, bn_wd=False)
    assert [h["wd"] for h in wrapper.opt.hypers] == [0.5, 0.0, 0.5, 0.0]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (partial(SGD, mom=0.9), partial(torch.optim.SGD, momentum=0.9)),
        (partial(Adam, eps=1e-8), partial(torch.optim.Adam, betas=(0.9, 0.99))),
    ],
    ids=["SGD", "Adam"],
)
def test_training_is_that_with_torchs_optimizer(tmp_path, ours, theirs):
    # Without batch norm, before which a bias has no gradient but rounding errors for Adam to enlarge.
    both = [a_learner(tmp_path, opt_func, nn.Identity) for opt_func in (ours, theirs)]
    for learn in both:
        learn.fit_one_cycle(3, slice(0.001, 0.05))
    for mine, other in zip(*map(weights, both), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-6)
    assert both[0].recorder.lrs == both[1].recorder.lrs
    assert both[0].recorder.moms == both[1].recorder.moms


def test_new_wrapper_has_a_fresh_optimizer_with_the_same_hypers(learn):
    learn.fit(1, slice(0.001, 0.02))
    fresh = learn.opt.new(learn.layer_groups)
    assert (fresh.lrs, fresh.mom, fresh.wd) == (learn.opt.lrs, learn.opt.mom, learn.opt.wd)
    assert not fresh.opt.state


def test_half_precision_steps_its_own_copies(tmp_path):
    learn = a_learner(tmp_path, Adam)
    learn.to_fp16(dynamic=False, loss_scale=8.0)
    learn.fit(2, 0.01)
    masters = [group["params"] for group in learn.opt.param_groups]
    assert {param.dtype for params in masters for param in params} == {torch.float32}
    assert all(torch.isfinite(param).all() for param in learn.model.parameters())


def test_copy_of_a_wrapper_goes_on_alike():
    wrapper = a_wrapper(Adam)
    other = copy.deepcopy(wrapper)
    for one in (wrapper, other):
        for param in one.params:
            param.grad = torch.ones_like(param)
        one.step()
    assert all(map(torch.equal, wrapper.params, other.params))
