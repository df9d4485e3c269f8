from __future__ import annotations

import pytest
import torch
from torch import nn

from fastloop_v1.callbacks.optimizer_moves import move_optimizer
from fastloop_v1.optim import OptimWrapper

LAYERS = [nn.Linear(2, 3), nn.Linear(3, 1)]
LISTS = [[layer_part] for layer in LAYERS for layer_part in layer.parameters()]


def _trained(opt_func):
    opt = OptimWrapper.create(opt_func, [0.1, 0.2], LAYERS)
    for at, param in enumerate(opt.params):
        param.grad = torch.full_like(param, at + 1.0)
    opt.step()
    opt.zero_grad()
    return opt


def _vectors():
    return [[nn.Parameter(torch.cat([p.detach().reshape(-1) for p in params]))] for params in LISTS]


@pytest.mark.parametrize(
    "opt_func",
    [lambda groups: torch.optim.SGD(groups, momentum=0.9), torch.optim.Adam],
    ids=["sgd", "adam"],
)
@pytest.mark.parametrize("flat", [False, True], ids=["by parameter", "flat"])
def test_state_is_the_same_after_moving_there_and_back(opt_func, flat):
    opt = _trained(opt_func)
    before = opt.state_dict()
    targets = _vectors() if flat else [[nn.Parameter(p.detach().clone()) for p in ps] for ps in LISTS]
    move_optimizer(opt, LISTS, targets, joined=flat)
    assert [group["params"] for group in opt.opt.param_groups] == targets
    move_optimizer(opt, targets, LISTS, split=flat)
    after = opt.state_dict()
    assert after["param_groups"] == before["param_groups"]
    for at, state in before["state"].items():
        assert all(torch.equal(value, after["state"][at][name]) for name, value in state.items())


def test_learning_rate_of_each_layer_group_stays():
    opt = _trained(torch.optim.SGD)
    move_optimizer(opt, [], LISTS)
    assert [group["lr"] for group in opt.opt.param_groups] == [0.1, 0.1, 0.2, 0.2]


def test_target_without_source_starts_without_state():
    opt = _trained(torch.optim.Adam)
    move_optimizer(opt, [], LISTS)
    assert opt.state_dict()["state"] == {}


def test_joined_state_is_new_when_a_source_has_none():
    opt = OptimWrapper.create(torch.optim.Adam, 0.1, [nn.Sequential(*LAYERS)])
    weights = [layer.weight for layer in LAYERS]
    weights[0].grad = torch.ones_like(weights[0])
    opt.step()
    opt.zero_grad()
    vector = nn.Parameter(torch.zeros(9))
    move_optimizer(opt, [weights, []], [[vector], []], joined=True)
    assert opt.state_dict()["state"] == {}


def test_half_precision_state_becomes_float32():
    opt = _trained(lambda groups: torch.optim.SGD(groups, momentum=0.9))
    source = LISTS[0][0]
    opt.opt.state[source]["momentum_buffer"] = opt.opt.state[source]["momentum_buffer"].half()
    targets = [[nn.Parameter(p.detach().clone()) for p in ps] for ps in LISTS]
    move_optimizer(opt, LISTS, targets)
    assert opt.opt.state[targets[0][0]]["momentum_buffer"].dtype is torch.float32
