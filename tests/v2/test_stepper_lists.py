"""The steppers over lists compute the very bits of the steppers for one parameter."""

from __future__ import annotations

import copy
from functools import partial

import pytest
import torch

from fastloop_v1.v2 import steppers as st
from fastloop_v1.v2.stepper_lists import HYPERS, STATE, list_form

WITH_LISTS = [
    st.weight_decay,
    st.l2_reg,
    st.average_grad,
    partial(st.average_grad, dampening=True),
    st.average_sqr_grad,
    partial(st.average_sqr_grad, dampening=False),
    st.step_stat,
    st.sgd_step,
    st.momentum_step,
    st.rms_prop_step,
    st.adam_step,
    st.radam_step,
    partial(st.radam_step, beta=5.0),
    st.larc_layer_lr,
    partial(st.larc_layer_lr, clip=False),
    st.larc_step,
    st.lamb_step,
]
VALUES = {"lr": 0.1, "wd": 0.05, "mom": 0.9, "sqr_mom": 0.95, "eps": 1e-5, "trust_coeff": 0.7}


def parameters():
    """Parameters of several shapes with gradients, and states as they are in the middle of a training."""
    torch.manual_seed(0)
    params, states = [], []
    for number, shape in enumerate([(3, 2), (5,), (), (2, 2), (1,), (4,)]):
        param = torch.nn.Parameter(torch.randn(shape))
        param.grad = torch.randn(shape)
        state = {"grad_avg": torch.randn(shape), "sqr_avg": torch.rand(shape), "step": 3 + number % 4}
        params.append(param)
        states.append(state | {"local_lr": torch.rand(()), "do_wd": number != 1})
    # All zero, as norms may be.
    params[4].data.zero_()
    params[5].grad.zero_()
    return params, states


def named(stepper):
    is_partial = isinstance(stepper, partial)
    return f"{stepper.func.__name__} {stepper.keywords}" if is_partial else stepper.__name__


@torch.no_grad()
def one_by_one(stepper, params, states):
    for param, state in zip(params, states, strict=True):
        update = stepper(param, **{**state, **VALUES})
        state.update(update or {})


@pytest.mark.parametrize("stepper", WITH_LISTS, ids=named)
def test_lists_give_the_same_bits(stepper):
    (params, states), (others, other_states) = parameters(), parameters()
    one_by_one(stepper, params, states)
    with torch.no_grad():
        list_form(stepper).run(others, other_states, **VALUES)
    for param, other in zip(params, others, strict=True):
        assert torch.equal(param, other)
        assert torch.equal(param.grad, other.grad)
    for state, other in zip(states, other_states, strict=True):
        assert state.keys() == other.keys()
        assert all(torch.equal(torch.as_tensor(state[k]), torch.as_tensor(other[k])) for k in state)


@pytest.mark.parametrize("stepper", [st.average_grad, st.average_sqr_grad, st.step_stat], ids=named)
def test_lists_make_what_is_not_there_yet(stepper):
    (params, _), (others, _) = parameters(), parameters()
    states, other_states = [{} for _ in params], [{} for _ in params]
    one_by_one(stepper, params, states)
    with torch.no_grad():
        list_form(stepper).run(others, other_states, **VALUES)
    for state, other in zip(states, other_states, strict=True):
        assert state.keys() == other.keys() != set()
        assert all(torch.equal(torch.as_tensor(state[k]), torch.as_tensor(other[k])) for k in state)


@pytest.mark.parametrize("stepper", [st.rms_prop_step, st.larc_step], ids=named)
def test_lists_take_the_gradient_where_none_is_averaged(stepper):
    (params, states), (others, _) = parameters(), parameters()
    for state in states:
        del state["grad_avg"]
    other_states = copy.deepcopy(states)
    one_by_one(stepper, params, states)
    with torch.no_grad():
        list_form(stepper).run(others, other_states, **VALUES)
    assert all(map(torch.equal, params, others))


@pytest.mark.parametrize(
    "stepper",
    [
        lambda p, **kwargs: None,
        st.qhadam_step,
        partial(st.step_stat, step=3),
        partial(st.sgd_step, torch.zeros(1)),
        object(),
    ],
    ids=["own", "no form", "binds a state", "binds a parameter", "no function"],
)
def test_other_steppers_have_no_list_form(stepper):
    assert list_form(stepper) is None


def test_form_says_which_hypers_it_needs():
    assert list_form(st.adam_step).needs == {"lr", "mom", "sqr_mom", "eps"}
    assert list_form(partial(st.adam_step, eps=1)).needs == {"lr", "mom", "sqr_mom"}
    assert list_form(partial(partial(st.radam_step, eps=1), beta=2)).needs == {"lr", "mom", "sqr_mom"}
    assert not HYPERS & STATE
