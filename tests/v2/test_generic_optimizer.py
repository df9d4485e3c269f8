"""The optimizer made of steppers: groups, hyper-parameters, freezing, state."""

from __future__ import annotations

import copy
import pickle
from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from fastloop_v1 import v2
from fastloop_v1.errors import ArgumentError, FastloopWarning
from fastloop_v1.v2.generic_optimizer import Optimizer
from fastloop_v1.v2.steppers import (
    adam_step,
    average_grad,
    average_sqr_grad,
    momentum_step,
    sgd_step,
    step_stat,
    weight_decay,
)

MOMENTUM = [weight_decay, average_grad, momentum_step]
ADAM = [weight_decay, partial(average_grad, dampening=True), average_sqr_grad, step_stat, adam_step]


def count_calls(p, calls=0, **kwargs):
    return {"calls": calls + 1}


def lists(*sizes):
    """Lists of parameters, so many in each."""
    torch.manual_seed(0)
    return [[torch.nn.Parameter(torch.randn(3)) for _ in range(size)] for size in sizes]


def set_gradients(groups, seed):
    generator = torch.Generator().manual_seed(seed)
    for params in groups:
        for param in params:
            param.grad = torch.randn(3, generator=generator)


def stepped(opt, seeds):
    for seed in seeds:
        set_gradients(opt.param_lists, seed)
        opt.step()
    return [param.detach().clone() for params in opt.param_lists for param in params]


def made(*sizes, steppers=MOMENTUM, **hypers):
    return Optimizer(lists(*sizes), steppers, **{"lr": 0.1, **hypers})


def as_dicts(*sizes, **hypers):
    return [{"params": params, **hypers} for params in lists(*sizes)]


def test_hypers_are_the_steppers_defaults_and_what_is_given():
    opt = made(1, 2, steppers=ADAM, wd=0.3, extra=7)
    assert opt.hypers == [{"wd": 0.3, "mom": 0.9, "sqr_mom": 0.99, "eps": 1e-5, "lr": 0.1, "extra": 7}] * 2


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.5, [0.5, 0.5, 0.5]),
        ([0.5], [0.5, 0.5, 0.5]),
        ((0.1, 0.2, 0.3), [0.1, 0.2, 0.3]),
        (np.array([0.1, 0.2, 0.3]), [0.1, 0.2, 0.3]),
        (torch.tensor([1.0, 2.0, 3.0]), [1, 2, 3]),
        (slice(0.01, 1.0), [0.01, 0.1, 1.0]),
        (slice(0.5), [0.05, 0.05, 0.5]),
        (slice(0, 0.5), [0.05, 0.05, 0.5]),
        ("name", ["name"] * 3),
    ],
    ids=str,
)
def test_set_hyper_spreads_a_value_over_the_groups(value, expected):
    opt = made(1, 1, 1)
    opt.set_hyper("lr", value)
    found = [hypers["lr"] for hypers in opt.hypers]
    assert found == (expected if isinstance(value, str) else pytest.approx(expected))


@pytest.mark.parametrize("value", [slice(0.1, 0.5), slice(0.5), [0.5]])
def test_one_group_gets_the_last_value(value):
    opt = made(2)
    opt.set_hypers(lr=value, new=3)
    assert (opt.hypers[0]["lr"], opt.hypers[0]["new"]) == (0.5, 3)


@pytest.mark.parametrize("value", [[1, 2], [1, 2, 3, 4], np.array([1.0])], ids=str)
def test_wrong_number_of_values_is_refused(value):
    with pytest.raises(AssertionError, match="3 parameter groups"):
        made(1, 1, 1).set_hyper("lr", value)


def test_groups_are_live():
    opt = made(1, 1)
    opt.param_groups[0]["lr"] = 5
    opt.hypers[1]["mom"] = 0.5
    assert (opt.hypers[0]["lr"], opt.param_groups[1]["mom"]) == (5, 0.5)
    assert sorted(opt.param_groups[0]) == ["lr", "mom", "params", "wd"]


def test_group_dicts_have_hypers_of_their_own_in_torchs_words():
    params = lists(1, 1)
    groups = [{"params": params[0], "momentum": 0.5}, {"params": iter(params[1]), "lr": 3.0}]
    opt = Optimizer(groups, MOMENTUM, lr=0.1)
    assert opt.hypers == [{"wd": 0.0, "mom": 0.5, "lr": 0.1}, {"wd": 0.0, "mom": 0.9, "lr": 3.0}]
    assert opt.param_lists == params
    assert sorted(opt.param_groups[0]) == ["lr", "momentum", "params", "weight_decay"]
    assert opt.defaults == {"weight_decay": 0.0, "momentum": 0.9, "lr": 0.1}


@pytest.mark.parametrize(
    "params", [lists(2)[0], iter(lists(2)[0]), lists(2)], ids=["flat", "iterator", "lists"]
)
def test_parameters_alone_are_one_group(params):
    assert [len(group) for group in Optimizer(params, [sgd_step], lr=1).param_lists] == [2]


def test_added_group_takes_the_other_hypers_from_the_last():
    opt, more = made(1), lists(2)[0]
    opt.add_param_group({"params": more, "lr": 0.7})
    opt.add_param_group({"params": torch.nn.Parameter(torch.zeros(1))})
    assert [hypers["lr"] for hypers in opt.hypers] == [0.1, 0.7, 0.7]
    opt.hypers[2]["lr"] = 1
    assert opt.hypers[1]["lr"] == 0.7


def test_parameter_in_two_groups_is_refused():
    opt = made(1)
    with pytest.raises(ArgumentError, match="group 1"):
        opt.add_param_group({"params": opt.param_lists[0]})


def test_all_params_come_with_state_and_hypers():
    opt = made(1, 2)
    opt.param_lists[1][0].grad = torch.ones(3)
    rows = opt.all_params(1)
    assert [(row[0], row[3]) for row in rows] == [(p, opt.hypers[1]) for p in opt.param_lists[1]]
    assert [row[0] for row in opt.all_params(with_grad=True)] == [opt.param_lists[1][0]]


def test_parameters_without_gradient_stay():
    opt = made(2, steppers=[count_calls, sgd_step])
    moving, resting = opt.param_lists[0]
    before, moving.grad = resting.detach().clone(), torch.ones(3)
    opt.step()
    assert opt.state[moving] == {"calls": 1}
    assert opt.state[resting] == {}
    assert torch.equal(resting, before)


def test_closure_is_refused():
    with pytest.raises(NotImplementedError, match="closure"):
        made(1).step(lambda: None)


@pytest.mark.parametrize(("arguments", "expected"), [((), 0), ((False,), 0), ((True,), None)])
def test_zero_grad_zeroes_in_place_or_drops(arguments, expected):
    opt = made(1)
    set_gradients(opt.param_lists, 0)
    grad = opt.param_lists[0][0].grad
    opt.zero_grad(*arguments)
    found = opt.param_lists[0][0].grad
    assert found is None if expected is None else (found is grad and not found.any())


@pytest.mark.parametrize(
    ("n", "trainable", "frozen_idx"),
    [(1, [False, True, True], 1), (-1, [False, False, True], 2), (0, [True] * 3, 0), (-3, [True] * 3, 0)],
)
def test_freeze_to_trains_the_groups_from_there(n, trainable, frozen_idx):
    opt = made(1, 1, 1)
    opt.freeze_to(n)
    assert [params[0].requires_grad for params in opt.param_lists] == trainable
    assert opt.frozen_idx == frozen_idx


def test_parameters_forced_to_train_are_not_frozen():
    opt = made(1, 1)
    opt.state[opt.param_lists[0][0]]["force_train"] = True
    with pytest.warns(FastloopWarning, match="frozen"):
        opt.freeze_to(2)
    assert [params[0].requires_grad for params in opt.param_lists] == [True, False]


def test_freeze_leaves_the_last_group():
    opt = made(1, 1)
    opt.freeze()
    assert [params[0].requires_grad for params in opt.param_lists] == [False, True]
    opt.unfreeze()
    assert all(params[0].requires_grad for params in opt.param_lists)
    with pytest.raises(AssertionError, match="one"):
        made(1).freeze()


def test_clear_state_keeps_what_is_said_of_the_parameter():
    opt = made(2)
    param = opt.param_lists[0][0]
    opt.state[param].update(do_wd=False, force_train=True)
    stepped(opt, [1])
    opt.clear_state()
    assert [dict(opt.state[p]) for p in opt.param_lists[0]] == [{"do_wd": False, "force_train": True}, {}]


def test_state_dicts_are_v2s_or_torchs():
    opt = made(1, 1)
    stepped(opt, [1])
    saved = opt.state_dict()
    assert saved["hypers"] == opt.hypers
    assert [list(state) for state in saved["state"]] == [["grad_avg"]] * 2
    torchs = Optimizer(as_dicts(1, 1), MOMENTUM, lr=0.1)
    stepped(torchs, [1])
    saved = torchs.state_dict()
    group = {"weight_decay": 0.0, "momentum": 0.9, "lr": 0.1}
    assert saved["param_groups"] == [{"params": [0], **group}, {"params": [1], **group}]
    assert list(saved["state"]) == [0, 1]


@settings(max_examples=25, deadline=None)
@given(
    before=st.integers(0, 4),
    after=st.integers(1, 3),
    sizes=st.lists(st.integers(0, 12), min_size=1, max_size=3).filter(any),
    steppers=st.sampled_from([MOMENTUM, ADAM, [count_calls, sgd_step]]),
    dicts=st.tuples(st.booleans(), st.booleans()),
    lr=st.floats(1e-4, 1),
)
def test_loaded_state_goes_on_with_the_same_bits(before, after, sizes, steppers, dicts, lr):
    first, second = (
        Optimizer(as_dicts(*sizes) if is_dict else lists(*sizes), steppers, lr=0.5) for is_dict in dicts
    )
    first.set_hyper("lr", lr)
    weights = stepped(first, range(before)) if before else []
    saved = copy.deepcopy(first.state_dict())
    expected = stepped(first, range(10, 10 + after))
    flat = [param for params in second.param_lists for param in params]
    for param, weight in zip(flat, weights, strict=bool(weights)):
        param.data.copy_(weight)
    second.load_state_dict(saved)
    assert second.hypers == first.hypers
    assert all(map(torch.equal, stepped(second, range(10, 10 + after)), expected))


def test_loading_copies():
    opt = made(1)
    stepped(opt, [1])
    saved = copy.deepcopy(opt.state_dict())
    other = made(1)
    other.load_state_dict(saved)
    stepped(other, [2])
    assert torch.equal(saved["state"][0]["grad_avg"], opt.state[opt.param_lists[0][0]]["grad_avg"])
    other.hypers[0]["lr"] = 9
    assert saved["hypers"][0]["lr"] == 0.1


@pytest.mark.parametrize("sizes", [(1,), (1, 2)], ids=["groups", "parameters"])
def test_state_of_other_parameters_is_refused(sizes):
    with pytest.raises(AssertionError, match="this optimizer has"):
        made(*sizes).load_state_dict(made(1, 1).state_dict())
    with pytest.raises(ArgumentError, match="this optimizer has"):
        made(*sizes).load_state_dict(Optimizer(as_dicts(1, 1), MOMENTUM, lr=1).state_dict())


@pytest.mark.parametrize(
    "other",
    [
        torch.optim.SGD(lists(1)[0], 0.1, momentum=0.9),
        torch.optim.Adam(lists(1)[0], 0.1),
        Optimizer(as_dicts(1), [sgd_step], lr=0.1),
    ],
    ids=["SGD of torch", "Adam of torch", "other steppers"],
)
def test_state_of_another_kind_of_optimizer_is_refused(other):
    opt = Optimizer(as_dicts(1), MOMENTUM, lr=0.1)
    stepped(opt, [1])
    before = copy.deepcopy(opt.state_dict())
    with pytest.raises(ArgumentError, match="another kind"):
        opt.load_state_dict(other.state_dict())
    assert str(opt.state_dict()) == str(before)


def test_loading_takes_away_hypers_that_are_not_in_the_state():
    opt = made(1)
    saved = opt.state_dict() | {"hypers": [{"lr": 0.5, "mom": 0.1, "wd": 0.0}]}
    opt.set_hyper("brand_new", 3)
    opt.load_state_dict(saved)
    assert opt.hypers == [{"lr": 0.5, "mom": 0.1, "wd": 0.0}]


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda opt: pickle.loads(pickle.dumps(opt))], ids=["copy", "pickle"]
)
def test_copies_go_on_with_the_same_bits(copied):
    opt = made(2, 9, steppers=ADAM)
    stepped(opt, [1, 2])
    other = copied(opt)
    other.param_groups[0]["lr"] = opt.param_groups[0]["lr"] = 0.3
    assert all(map(torch.equal, stepped(other, [3, 4]), stepped(opt, [3, 4])))


def test_schedulers_and_hooks_of_torch_work_on_it():
    opt, heard = made(1, 1), []
    opt.register_step_post_hook(lambda *step: heard.append(len(heard)))
    schedule = torch.optim.lr_scheduler.StepLR(opt, 1, gamma=0.5)
    stepped(opt, [1])
    schedule.step()
    assert [hypers["lr"] for hypers in opt.hypers] == [0.05, 0.05]
    assert heard == [0]


def test_v1s_words_are_the_last_groups_and_set_all():
    opt = v2.SGD([[nn.Parameter(torch.ones(2))], [nn.Parameter(torch.ones(3))]], lr=0.1, mom=0.9, wd=0.2)
    assert (opt.lr, opt.mom, opt.wd, opt.beta) == (0.1, 0.9, 0.2, None)
    opt.lr, opt.mom, opt.wd = [0.3, 0.4], 0.8, 0.0
    assert [hypers["lr"] for hypers in opt.hypers] == opt.lrs == [0.3, 0.4]
    assert [hypers["mom"] for hypers in opt.hypers] == [0.8, 0.8]
    opt.beta = opt.mom = None
    assert (opt.mom, opt.beta, "sqr_mom" in opt.hypers[0]) == (0.8, None, False)
    adam = v2.Adam([nn.Parameter(torch.ones(2))], lr=0.1)
    adam.beta = 0.5
    assert adam.hypers[0]["sqr_mom"] == adam.beta == 0.5


@pytest.mark.parametrize("fit", ["fit", "fit_one_cycle"])
def test_a_learner_trains_with_one_that_a_callback_put_in_place(small, fit):
    def put(cb):
        cb.learn.opt = v2.SGD(list(cb.model.parameters()), lr=0.1)

    learn = small.learner(8, cbs=[small.does("before_fit", put)])
    getattr(learn, fit)(1, 0.1)
    assert len(learn.recorder.lrs) == 4
    learn.fit(1, 0.2)
    assert learn.recorder.lrs == [0.1] * 4
