"""Steppers run in their order for every parameter, over lists or not."""

from __future__ import annotations

import copy
import pickle
from functools import partial

import pytest
import torch

from fastloop_v1.v2 import steppers as st
from fastloop_v1.v2.stepping import Steps, defaults_of

HYPERS = {"lr": 0.1, "wd": 0.01, "mom": 0.9, "sqr_mom": 0.99, "eps": 1e-5}
MANY = 12


def parameters(count=MANY):
    torch.manual_seed(0)
    params = [torch.nn.Parameter(torch.randn(3)) for _ in range(count)]
    for param in params:
        param.grad = torch.randn(3)
    return params


def ran(steppers, params, hypers=HYPERS, times=3, states=None):
    """States and parameters after some steps."""
    steps, states = Steps(steppers), states or [{} for _ in params]
    with torch.no_grad():
        for _ in range(times):
            steps(params, states, hypers)
    return states, params


def by_hand(steppers, params, hypers=HYPERS, times=3, states=None):
    """The same, parameter by parameter, from the definition."""
    states = states or [{} for _ in params]
    with torch.no_grad():
        for _ in range(times):
            for param, state in zip(params, states, strict=True):
                step_by_hand(steppers, param, state, hypers)
    return states, params


def step_by_hand(steppers, param, state, hypers):
    for stepper in steppers:
        update = stepper(param, **{**state, **hypers})
        if isinstance(update, dict):
            state.update(update)


def count_up(p, seen=0, **kwargs):
    return {"seen": seen + 1}


def slower(p, lr, seen, **kwargs):
    p.sub_(p.grad, alpha=lr / seen)


def halve_average(p, grad_avg, **kwargs):
    return {"grad_avg": grad_avg / 2}


def changes_rate(p, **kwargs):
    return {"eps": 0.5}


def as_values(states):
    return [
        {k: v.tolist() if isinstance(v, torch.Tensor) else v for k, v in state.items()} for state in states
    ]


MIXES = {
    "stock": [st.weight_decay, st.average_grad, st.average_sqr_grad, st.step_stat, st.adam_step],
    "own": [count_up, slower],
    "own between": [st.weight_decay, st.average_grad, halve_average, st.momentum_step, count_up, slower],
    "own first": [count_up, st.average_grad, st.momentum_step],
    "state for a hyper": [changes_rate, st.average_sqr_grad, st.rms_prop_step],
    "no list form": [
        *[partial(st.average_grad, dampening=True), st.average_sqr_grad, st.step_stat],
        st.qhadam_step,
    ],
}


WITHOUT_EPS = {name: value for name, value in HYPERS.items() if name != "eps"}
CASES = {
    **{name: (name, HYPERS) for name in MIXES},
    "hyper for a state": ("stock", HYPERS | {"step": 5}),
    "only the state has it": ("state for a hyper", WITHOUT_EPS),
}


@pytest.mark.parametrize("count", [2, MANY], ids=["few", "many"])
@pytest.mark.parametrize(("mix", "hypers"), CASES.values(), ids=CASES)
def test_any_mix_runs_in_order_for_each_parameter(mix, hypers, count):
    states, params = ran(MIXES[mix], parameters(count), hypers)
    expected, others = by_hand(MIXES[mix], parameters(count), hypers)
    assert all(map(torch.equal, params, others))
    assert as_values(states) == as_values(expected)


def test_parameters_with_different_counts_step_alike_over_lists():
    begun = [{"step": number % 3 + 3} for number in range(MANY)]
    steppers = [partial(st.average_grad, dampening=True), st.average_sqr_grad, st.step_stat, st.radam_step]
    _, params = ran(steppers, parameters(), states=copy.deepcopy(begun))
    _, others = by_hand(steppers, parameters(), states=copy.deepcopy(begun))
    assert all(map(torch.equal, params, others))


def test_missing_hyper_is_a_type_error_that_names_it():
    with pytest.raises(TypeError, match="eps"):
        ran([st.average_sqr_grad, st.rms_prop_step], parameters(), {"lr": 0.1, "sqr_mom": 0.9})


def test_sparse_gradients_step_one_by_one():
    params = parameters()
    before = [param.detach().clone() for param in params]
    for param in params:
        param.grad = torch.sparse_coo_tensor([[1]], [2.0], (3,), check_invariants=True)
    ran([st.sgd_step], params, times=1)
    for param, old in zip(params, before, strict=True):
        torch.testing.assert_close(param.detach(), old - torch.tensor([0, 0.2, 0]))


def test_other_results_than_dicts_are_ignored():
    states, _ = ran(
        [lambda p, **kwargs: p, lambda p, **kwargs: ("a", 1), lambda p, **kwargs: {}], parameters(2)
    )
    assert states == [{}, {}]


def test_steps_can_be_pickled():
    steps = pickle.loads(pickle.dumps(Steps(MIXES["stock"])))
    assert steps.steppers == MIXES["stock"]
    assert steps.has_lists


@pytest.mark.parametrize(
    ("stepper", "expected"),
    [
        (st.average_grad, {"mom": 0.9}),
        (partial(st.average_grad, dampening=True), {"mom": 0.9}),
        (partial(st.average_grad, mom=0.5), {}),
        (partial(partial(st.larc_layer_lr, clip=False), wd=1), {"trust_coeff": 0.02, "eps": 1e-8}),
        (count_up, {}),
    ],
)
def test_defaults_are_found_and_not_those_that_are_bound(stepper, expected):
    assert defaults_of(stepper) == expected
