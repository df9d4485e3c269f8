"""Each stepper does what its formula says."""

from __future__ import annotations

import math

import pytest
import torch

from fastloop_v1.v2 import steppers as st

LR, MOM, SQR, EPS = 0.1, 0.9, 0.99, 1e-3
HYPERS = {"lr": LR, "mom": MOM, "sqr_mom": SQR, "eps": EPS, "wd": 0.2, "unused": object()}


@pytest.fixture
def p():
    param = torch.nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
    param.grad = torch.tensor([0.5, 3.0], dtype=torch.float64)
    return param


@pytest.fixture(autouse=True)
def _no_grad():
    with torch.no_grad():
        yield


def of(*values):
    return torch.tensor(values, dtype=torch.float64)


def same(tensor, *values):
    torch.testing.assert_close(tensor.detach(), of(*values), rtol=1e-12, atol=0)


def test_sgd_step_goes_down_the_gradient(p):
    st.sgd_step(p, **HYPERS)
    same(p, 1 - LR * 0.5, -2 - LR * 3)


@pytest.mark.parametrize("state", [{}, {"do_wd": False}], ids=["decays", "spared"])
def test_weight_decay_shrinks_the_parameter(p, state):
    st.weight_decay(p, **HYPERS, **state)
    factor = 1 if state else 1 - LR * 0.2
    same(p, factor, -2 * factor)


@pytest.mark.parametrize("state", [{}, {"do_wd": False}], ids=["decays", "spared"])
def test_l2_reg_adds_to_the_gradient(p, state):
    st.l2_reg(p, **HYPERS, **state)
    share = 0 if state else 0.2
    same(p.grad, 0.5 + share, 3 - 2 * share)


@pytest.mark.parametrize(("dampening", "share"), [(False, 1), (True, 1 - MOM)])
def test_average_grad_is_a_moving_average(p, dampening, share):
    first = st.average_grad(p, dampening=dampening, **HYPERS)
    same(first["grad_avg"], share * 0.5, share * 3)
    second = st.average_grad(p, dampening=dampening, **HYPERS, **first)
    same(second["grad_avg"], (1 + MOM) * share * 0.5, (1 + MOM) * share * 3)


@pytest.mark.parametrize(("dampening", "share"), [(False, 1), (True, 1 - SQR)])
def test_average_sqr_grad_is_a_moving_average_of_squares(p, dampening, share):
    first = st.average_sqr_grad(p, dampening=dampening, **HYPERS)
    second = st.average_sqr_grad(p, dampening=dampening, **HYPERS, **first)
    same(second["sqr_avg"], (1 + SQR) * share * 0.25, (1 + SQR) * share * 9)


def test_step_stat_counts_from_one(p):
    assert st.step_stat(p, **HYPERS) == {"step": 1}
    assert st.step_stat(p, step=7, **HYPERS) == {"step": 8}


def test_debias_is_the_sum_of_the_weights():
    weights = [0.1 * 0.9**age for age in range(5)]
    assert st.debias(0.9, 0.1, 5) == pytest.approx(sum(weights))


def test_momentum_step_goes_along_the_average(p):
    st.momentum_step(p, grad_avg=of(2, 4), **HYPERS)
    same(p, 1 - LR * 2, -2 - LR * 4)


@pytest.mark.parametrize("average", [None, (2.0, 4.0)], ids=["gradient", "average"])
def test_rms_prop_step_divides_by_the_root(p, average):
    moved = {} if average is None else {"grad_avg": of(*average)}
    a, b = average or (0.5, 3.0)
    st.rms_prop_step(p, sqr_avg=of(4, 9), **moved, **HYPERS)
    same(p, 1 - LR * a / (2 + EPS), -2 - LR * b / (3 + EPS))


def adams(step):
    """State of a parameter, and Adam's step in it by the formula."""
    d1, d2 = 1 - MOM**step, 1 - SQR**step
    state = {"grad_avg": of(0.2, 0.4), "sqr_avg": of(0.04, 0.09), "step": step}
    return state, [(a / d1, math.sqrt(s / d2)) for a, s in [(0.2, 0.04), (0.4, 0.09)]]


def test_adam_step_takes_the_bias_off_both_averages(p):
    state, parts = adams(3)
    st.adam_step(p, **{**state, **HYPERS})
    same(p, *(x - LR * a / (root + EPS) for x, (a, root) in zip((1, -2), parts, strict=True)))


def test_first_adam_step_is_as_long_as_the_rate():
    p = torch.nn.Parameter(of(1, -2))
    p.grad = of(1e-3, -70)
    state = {**st.average_grad(p, MOM, dampening=True), **st.average_sqr_grad(p, SQR), "step": 1}
    st.adam_step(p, LR, MOM, sqr_mom=SQR, eps=0.0, **state)
    same(p, 1 - LR, -2 + LR)


@pytest.mark.parametrize("beta", [0.0, 5.0], ids=["plain", "softplus"])
def test_radam_step_is_rectified_once_it_can_be(p, beta):
    state, parts = adams(8)
    r_inf = 2 / (1 - SQR) - 1
    r = r_inf - 2 * 8 * SQR**8 / (1 - SQR**8)
    factor = math.sqrt((r - 4) * (r - 2) * r_inf / ((r_inf - 4) * (r_inf - 2) * r))
    assert st.rectification(SQR, 8) == pytest.approx(factor)
    below = [root + EPS for _, root in parts]
    if beta:
        below = [math.log1p(math.exp(beta * root)) / beta for root in below]
    st.radam_step(p, beta=beta, **{**state, **HYPERS})
    same(p, *(x - LR * factor * a / b for x, (a, _), b in zip((1, -2), parts, below, strict=True)))


def test_radam_step_before_is_that_of_momentum(p):
    state, parts = adams(2)
    assert st.rectification(SQR, 2) is None
    st.radam_step(p, **{**state, **HYPERS})
    same(p, *(x - LR * a for x, (a, _) in zip((1, -2), parts, strict=True)))


def test_qhadam_step_mixes_averages_with_the_gradient(p):
    state, parts = adams(3)
    st.qhadam_step(p, nu_1=0.7, nu_2=0.6, **{**state, **HYPERS})
    expected = [
        x - LR * (0.3 * g + 0.7 * a) / (math.sqrt(0.4 * g * g + 0.6 * root**2) + EPS)
        for x, g, (a, root) in zip((1, -2), (0.5, 3.0), parts, strict=True)
    ]
    same(p, *expected)


def test_qhadam_step_with_whole_averages_is_adams(p):
    other, (state, _) = torch.nn.Parameter(p.detach().clone()), adams(3)
    other.grad = p.grad
    st.qhadam_step(p, nu_1=1.0, nu_2=1.0, **{**state, **HYPERS})
    st.adam_step(other, **{**state, **HYPERS})
    torch.testing.assert_close(p, other)


@pytest.mark.parametrize("clip", [True, False])
@pytest.mark.parametrize("trust", [0.02, 50.0], ids=["short", "long"])
def test_larc_rate_is_that_of_the_norms(p, clip, trust):
    rate = LR * trust * math.sqrt(5) / (math.sqrt(9.25) + 0.2 * math.sqrt(5) + EPS)
    found = st.larc_layer_lr(p, LR, trust, 0.2, EPS, clip=clip)["local_lr"]
    assert found.item() == pytest.approx(min(rate, LR) if clip else rate)


def test_larc_step_goes_at_its_own_rate(p):
    st.larc_step(p, of(0.5).squeeze(), **HYPERS)
    same(p, 1 - 0.25, -2 - 1.5)
    st.larc_step(p, of(0.5).squeeze(), grad_avg=of(2, 2), **HYPERS)
    same(p, 1 - 0.25 - 1, -2 - 1.5 - 1)


def test_lamb_step_is_as_long_as_the_parameter(p):
    state, parts = adams(3)
    update = [a / (root + EPS) for a, root in parts]
    ratio = math.sqrt(5) / math.hypot(*update)
    st.lamb_step(p, **{**state, **HYPERS})
    same(p, *(x - LR * ratio * u for x, u in zip((1, -2), update, strict=True)))


@pytest.mark.parametrize(
    ("p", "update", "ratio"),
    [((3, 4), (1, 0), 5), ((300, 400), (1, 0), 10), ((0, 0), (1, 0), 1), ((3, 4), (0, 0), 1)],
    ids=["ratio", "limit", "zero parameter", "zero update"],
)
def test_lamb_ratio_is_limited(p, update, ratio):
    assert st.lamb_ratio(of(*p), of(*update)).item() == ratio


def test_gradient_of_is_the_gradient(p):
    assert st.gradient_of(p) is p.grad
