"""Hyper-parameters of a wrapped optimizer under v2's names are live, in both directions."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from fastloop_v1 import v2
from fastloop_v1.errors import HyperParameterError, NotOfferedError
from fastloop_v1.optim import OptimWrapper
from fastloop_v1.sequences import LengthMismatchError


def wrapper(opt_func=torch.optim.Adam, groups=2):
    return OptimWrapper.create(opt_func, 0.1, [nn.Linear(2, 2) for _ in range(groups)], wd=0.01)


def test_each_layer_group_has_v2s_names():
    hypers = wrapper().hypers
    assert len(hypers) == 2
    assert {name: hypers[0][name] for name in ("lr", "mom", "sqr_mom", "wd", "eps")} == {
        "lr": 0.1,
        "mom": 0.9,
        "sqr_mom": 0.999,
        "wd": 0.01,
        "eps": 1e-8,
    }
    assert set(hypers[0]) >= {"lr", "mom", "sqr_mom", "wd", "eps"}
    assert len(hypers[0]) == len(list(hypers[0]))


def test_what_is_written_is_in_the_optimizer_at_once():
    opt = wrapper()
    hypers = opt.hypers
    hypers[0]["lr"], hypers[1]["mom"] = 0.5, 0.7
    assert opt.lrs == [0.5, 0.1]
    assert [group["lr"] for group in opt.opt.param_groups] == [0.5, 0.5, 0.1, 0.1]
    assert [group["betas"][0] for group in opt.opt.param_groups] == [0.9, 0.9, 0.7, 0.7]
    opt.lr = 0.3
    assert hypers[0]["lr"] == 0.3


def test_what_the_optimizer_has_not_is_missing():
    hypers = wrapper(torch.optim.Adagrad).hypers[0]
    with pytest.raises(KeyError):
        _ = hypers["mom"]
    with pytest.raises(TypeError, match="cannot be taken away"):
        del hypers["lr"]


SET = {
    "one value": (0.5, [0.5, 0.5, 0.5]),
    "a list": ([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]),
    "a list of one": ([0.5], [0.5, 0.5, 0.5]),
    "an array": (np.array([1.0, 2.0, 3.0]), [1.0, 2.0, 3.0]),
    "a range": (slice(0.01, 1.0), [0.01, 0.1, 1.0]),
    "an end": (slice(1.0), [0.1, 0.1, 1.0]),
}


@pytest.mark.parametrize(("value", "expected"), SET.values(), ids=SET)
def test_set_hyper_spreads_over_layer_groups(value, expected):
    opt = wrapper(groups=3)
    opt.set_hyper("lr", value)
    assert opt.lrs == pytest.approx(expected)


def test_one_layer_group_gets_the_end_of_a_range():
    opt = wrapper(groups=1)
    opt.set_hyper("lr", slice(0.01, 1.0))
    assert opt.lrs == [1.0]


def test_several_are_set_by_their_names():
    opt = wrapper(partial(torch.optim.SGD, momentum=0.9))
    opt.set_hypers(lr=0.2, mom=0.8)
    assert (opt.lr, opt.mom) == (0.2, 0.8)


def test_a_list_of_another_length_is_refused():
    with pytest.raises(LengthMismatchError, match="lr has 2 values for 3 layer groups"):
        wrapper(groups=3).set_hyper("lr", [0.1, 0.2])


def test_parameters_come_with_their_state_and_hyper_parameters():
    opt = wrapper()
    weight, bias = opt.param_lists[1]
    weight.grad = torch.ones_like(weight)
    assert [len(params) for params in opt.param_lists] == [2, 2]
    assert len(opt.all_params()) == 4
    assert [param is bias for param, *_ in opt.all_params(1)] == [False, True]
    ((param, params, state, hypers),) = opt.all_params(with_grad=True)
    assert param is weight
    assert params[1] is bias
    assert (state, hypers["lr"]) == ({}, 0.1)


def test_an_unknown_name_is_refused():
    with pytest.raises(HyperParameterError, match="no hyper-parameter 'speed'"):
        wrapper().set_hyper("speed", 1)


def test_what_can_be_listed_are_numbers():
    opt = wrapper(partial(torch.optim.Rprop, etas=(0.5, 1.2)))
    assert dict(opt.hypers[0]) == {"lr": 0.1, "wd": 0.01}
    opt = wrapper(partial(torch.optim.SGD, momentum=0.9))
    assert dict(opt.hypers[0]) == {"lr": 0.1, "mom": 0.9, "wd": 0.01, "dampening": 0}
    assert len(opt.hypers[0]) == 4
    for hypers in opt.hypers:
        assert all(float(value) >= 0 for value in hypers.values())


def test_flags_and_pairs_are_read_and_written_by_name():
    hypers = wrapper(partial(torch.optim.Rprop, etas=(0.5, 1.2))).hypers[0]
    assert hypers["etas"] == (0.5, 1.2)
    opt = wrapper(partial(torch.optim.SGD, momentum=0.9))
    opt.hypers[1]["nesterov"] = True
    assert [group["nesterov"] for group in opt.opt.param_groups] == [False, False, True, True]


def test_tensors_of_one_number_are_numbers():
    opt = wrapper(torch.optim.SGD)
    opt.lr = torch.tensor(0.2)
    assert opt.hypers[0]["lr"] == dict(opt.hypers[0])["lr"] == torch.tensor(0.2)


def stepped(opt_func):
    opt = wrapper(opt_func, groups=1)
    opt.param_lists[0][0].grad = torch.ones(2, 2)
    opt.step()
    return opt


def test_clear_state_forgets_what_steps_left():
    opt = stepped(torch.optim.Adam)
    assert opt.opt.state
    opt.clear_state()
    assert not opt.opt.state
    assert opt.lr == 0.1
    inner = stepped(v2.Adam)
    inner.clear_state()
    assert not any(inner.opt.state.values())


def test_freezing_is_the_learners():
    with pytest.raises(NotOfferedError, match="learn.freeze_to"):
        wrapper().freeze_to(1)
    opt = wrapper(v2.SGD)
    opt.freeze_to(2)  # v2's own optimizer has two groups for each layer group, as torch's
    assert [param.requires_grad for params in opt.param_lists for param in params] == 2 * [False] + 2 * [True]
