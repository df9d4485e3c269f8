"""Every parameter group has its values: of layer groups, of foreign optimizers, of fresh ones."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.optim import LBFGS, SGD

from fastloop_v1.defaults import defaults
from fastloop_v1.optim import OptimWrapper

LRS, X = [0.1, 0.01], torch.ones(2, 3)


def layers():
    """Two layer groups."""
    torch.manual_seed(0)
    return [nn.Sequential(nn.Linear(3, 2)), nn.Sequential(nn.Linear(2, 1))]


def values(opt, key):
    """What stands in the inner groups."""
    return [group[key] for group in opt.opt.param_groups]


@pytest.mark.parametrize("true_wd", [True, False])
def test_bug_27_closure_of_an_optimizer_over_one_group_is_used(true_wd):
    one, other = layers()[0], layers()[0]
    opt, by_hand = OptimWrapper(LBFGS(one.parameters()), true_wd=true_wd), LBFGS(other.parameters(), lr=0.25)
    opt.lr = 0.25

    def closure(model, inner):
        inner.zero_grad()
        loss = F.mse_loss(model(X), X[:, :2])
        loss.backward()
        return loss

    opt.step(lambda: closure(one, opt))
    by_hand.step(lambda: closure(other, by_hand))
    assert torch.equal(one[0].weight, other[0].weight)
    assert not torch.equal(one[0].weight, layers()[0][0].weight)


def test_bug_28_rates_of_all_layer_groups_are_read_and_scaled():
    opt = OptimWrapper.create(SGD, LRS, layers())
    assert (opt.lrs, opt.lr) == (LRS, LRS[-1])
    opt.scale_lr(0.5)
    assert opt.lrs == [0.05, 0.005]
    assert values(opt, "lr") == [0.05, 0.05, 0.005, 0.005]


def test_bug_30_last_group_without_a_partner_gets_its_values():
    params = [nn.Parameter(torch.ones(1)) for _ in range(3)]
    opt = OptimWrapper(SGD([{"params": [param]} for param in params], lr=0.3), wd=0.1)
    opt.lr = [0.1, 0.2]
    assert (values(opt, "lr"), values(opt, "weight_decay")) == ([0.1, 0.1, 0.2], [0.1] * 3)


def test_bug_30_last_group_without_a_partner_decays():
    params = [nn.Parameter(torch.ones(1)) for _ in range(3)]
    for param in params:
        param.grad = torch.zeros(1)
    OptimWrapper(SGD([{"params": [param]} for param in params], lr=0.5), wd=0.1, true_wd=True).step()
    assert [param.item() for param in params] == pytest.approx([0.95] * 3)


def test_bug_29_other_number_of_layer_groups_gets_the_last_values():
    opt = OptimWrapper.create(SGD, LRS, layers(), wd=[0.3, 0.4])
    fresh = opt.new(layers()[:1])
    assert (fresh.lrs, fresh.wd) == (LRS[1:], 0.4)


@pytest.mark.parametrize(("quirks", "lrs"), [(False, LRS), (True, LRS[1:] * 2)], ids=["mended", "v1"])
def test_bug_29_fresh_optimizer_has_the_rates_of_its_layer_groups(monkeypatch, quirks, lrs):
    monkeypatch.setattr(defaults, "v1_quirks", quirks)
    assert OptimWrapper.create(SGD, LRS, layers()).new(layers()).lrs == lrs
