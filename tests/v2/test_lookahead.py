"""Slow weights follow the fast ones, and both meet every k steps."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch

from fastloop_v1.errors import ArgumentError
from fastloop_v1.v2.lookahead import Lookahead
from fastloop_v1.v2.optimizers import SGD, Adam


def a_param(value=1.0):
    return torch.nn.Parameter(torch.tensor(value, dtype=torch.float64))


def stepped(opt, steps, start=0):
    """Values of the first parameter after each step; gradients are the step's number."""
    way = []
    for step in range(start, start + steps):
        for params in opt.param_lists:
            for param in params:
                param.grad = torch.full_like(param, float(step + 1))
        opt.step()
        way.append(opt.param_lists[0][0].item())
    return way


def test_weights_meet_every_k_steps():
    opt = Lookahead(SGD([a_param()], 0.1), k=2, alpha=0.5)
    slow = 1.0
    first = slow - 0.1
    slow += 0.5 * (first - 0.2 - slow)
    third = slow - 0.3
    last = slow + 0.5 * (third - 0.4 - slow)
    assert stepped(opt, 4) == pytest.approx([first, slow, third, last])


def test_groups_states_and_hypers_are_those_of_the_optimizer():
    inner = Adam([[a_param()], [a_param()]], 0.1)
    opt = Lookahead(inner)
    opt.set_hyper("lr", [0.2, 0.3])
    assert [hypers["lr"] for hypers in inner.hypers] == [0.2, 0.3]
    assert (opt.state is inner.state, opt.param_lists, opt.k, opt.alpha) == (True, inner.param_lists, 6, 0.5)


@pytest.mark.parametrize("before", range(5))
@pytest.mark.parametrize("dicts", [False, True], ids=["lists", "dicts"])
def test_loaded_state_goes_on_with_the_same_bits(before, dicts):
    def made(value):
        params = [a_param(value)]
        return Lookahead(Adam([{"params": params}] if dicts else params, 0.1), k=3)

    first = made(1.0)
    stepped(first, before)
    second = made(first.param_lists[0][0].item())
    saved = copy.deepcopy(first.state_dict())
    second.load_state_dict(saved)
    assert {"count", "slow_weights"} <= saved.keys()
    assert stepped(second, 7, before) == stepped(first, 7, before)


def test_loading_copies_the_slow_weights():
    opt = Lookahead(SGD([a_param()], 0.1), k=1)
    stepped(opt, 1)
    saved = opt.state_dict()
    slow = saved["slow_weights"][0][0].item()
    other = Lookahead(SGD([a_param()], 0.1), k=1)
    other.load_state_dict(saved | {"state": [{"any": 1}]})
    stepped(other, 2)
    assert saved["slow_weights"][0][0].item() == slow


@pytest.mark.parametrize("how", ["clear_state", "no state", "plain state"])
def test_slow_weights_start_anew_without_a_state(how):
    opt = Lookahead(Adam([{"params": [a_param()]}], 0.1), k=4)
    stepped(opt, 2)
    if how == "clear_state":
        opt.clear_state()
    elif how == "no state":
        opt.load_state_dict(opt.state_dict() | {"state": {}})
    else:
        opt.load_state_dict(Adam([{"params": [a_param()]}], 0.1).state_dict())
    assert (opt.count, opt.slow_weights, dict(opt.state[opt.param_lists[0][0]])) == (0, None, {})


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda opt: pickle.loads(pickle.dumps(opt))], ids=["copy", "pickle"]
)
def test_copies_go_on_with_the_same_bits(copied):
    opt = Lookahead(SGD([a_param()], 0.1), k=2)
    stepped(opt, 3)
    assert stepped(copied(opt), 4, 3) == stepped(opt, 4, 3)


def test_hooks_hear_a_step_once_and_see_the_slow_weights():
    opt, heard = Lookahead(SGD([a_param()], 0.1), k=1), []
    opt.register_step_post_hook(lambda *step: heard.append(opt.param_lists[0][0].item()))
    assert stepped(opt, 3) == heard


@pytest.mark.parametrize(
    ("opt", "options"),
    [(torch.optim.SGD([a_param()], 0.1), {}), (SGD([a_param()], 0.1), {"k": 0})],
    ids=["of torch", "no steps"],
)
def test_other_optimizers_and_numbers_are_refused(opt, options):
    with pytest.raises(ArgumentError):
        Lookahead(opt, **options)
