"""The optimizers of v2 follow torch's where it has the same one, and their closed forms."""

from __future__ import annotations

import math
from functools import partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fastloop_v1.errors import ArgumentError
from fastloop_v1.v2 import stepping
from fastloop_v1.v2.lookahead import Lookahead
from fastloop_v1.v2.optimizers import SGD, Adam, Lamb, Larc, QHAdam, RAdam, RMSProp, ranger

MAKERS = [
    SGD,
    partial(SGD, mom=0.9),
    RMSProp,
    partial(RMSProp, mom=0.9),
    Adam,
    RAdam,
    QHAdam,
    Larc,
    Lamb,
    ranger,
]
# Ours and torch's: mom is momentum or betas[0], sqr_mom is alpha or betas[1], wd is weight_decay.
TWINS = {
    "SGD": (partial(SGD), partial(torch.optim.SGD)),
    "SGD with momentum and L2": (
        partial(SGD, mom=0.9, wd=0.01, decouple_wd=False),
        partial(torch.optim.SGD, momentum=0.9, weight_decay=0.01),
    ),
    "Adam": (
        partial(Adam, mom=0.9, sqr_mom=0.99, eps=1e-5, wd=0.01, decouple_wd=False),
        partial(torch.optim.Adam, betas=(0.9, 0.99), eps=1e-5, weight_decay=0.01),
    ),
    "AdamW": (
        partial(Adam, mom=0.8, sqr_mom=0.95, eps=1e-6, wd=0.1),
        partial(torch.optim.AdamW, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1),
    ),
    "RMSprop": (
        partial(RMSProp, sqr_mom=0.95, eps=1e-6, wd=0.01, decouple_wd=False),
        partial(torch.optim.RMSprop, alpha=0.95, eps=1e-6, weight_decay=0.01),
    ),
    "RAdam": (
        partial(RAdam, mom=0.9, sqr_mom=0.99, eps=1e-8, wd=0.01, decouple_wd=False),
        partial(torch.optim.RAdam, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.01),
    ),
    "RAdam with true decay": (
        partial(RAdam, eps=1e-8, wd=0.1),
        partial(
            torch.optim.RAdam, betas=(0.9, 0.99), eps=1e-8, weight_decay=0.1, decoupled_weight_decay=True
        ),
    ),
}


def parameters(count, dtype=torch.float32):
    torch.manual_seed(0)
    return [torch.nn.Parameter(torch.randn(3, dtype=dtype)) for _ in range(count)]


def trajectory(make, steps, count=10, dtype=torch.float32):
    """Parameters on the way down a noisy bowl; the gradients depend on where they are."""
    params = parameters(count, dtype)
    opt, generator, way = make(params), torch.Generator().manual_seed(1), []
    for _ in range(steps):
        for param in params:
            noise = torch.randn(3, generator=generator, dtype=torch.float64).to(dtype)
            param.grad = 0.3 * param.detach() + noise
        opt.step()
        way.append(torch.stack([param.detach().clone() for param in params]))
    return torch.stack(way)


@pytest.mark.parametrize("count", [2, 10], ids=["one by one", "lists"])
@pytest.mark.parametrize(("ours", "theirs"), TWINS.values(), ids=TWINS)
def test_200_steps_are_those_of_torch(ours, theirs, count):
    # In float64, so that what is compared is the algorithm and not how rounding errors grow.
    found, expected = (trajectory(partial(m, lr=0.01), 200, count, torch.float64) for m in (ours, theirs))
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("ours", "theirs"), TWINS.values(), ids=TWINS)
def test_200_steps_in_float32_are_those_of_torch(ours, theirs):
    found, expected = (trajectory(partial(m, lr=0.01), 200) for m in (ours, theirs))
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: getattr(make, "__name__", "partial"))
def test_lists_and_single_steps_have_the_same_bits(make, monkeypatch):
    over_lists = trajectory(partial(make, lr=0.02), 30, count=9)
    monkeypatch.setattr(stepping, "_pays", lambda params: False)
    assert torch.equal(trajectory(partial(make, lr=0.02), 30, count=9), over_lists)


@settings(max_examples=20, deadline=None)
@given(lr=st.floats(1e-3, 0.5), mom=st.floats(0.01, 0.95), wd=st.floats(0, 0.5), steps=st.integers(1, 12))
def test_sgd_is_the_sum_of_its_gradients(lr, mom, wd, steps):
    param = torch.nn.Parameter(torch.tensor(2.0, dtype=torch.float64))
    opt, gradients = SGD([param], lr, mom=mom, wd=wd), [math.sin(t) for t in range(steps)]
    for gradient in gradients:
        param.grad = torch.tensor(gradient, dtype=torch.float64)
        opt.step()
    shrink, expected = 1 - lr * wd, 2.0 * (1 - lr * wd) ** steps
    for t in range(steps):
        average = sum(mom ** (t - s) * gradients[s] for s in range(t + 1))
        expected -= lr * average * shrink ** (steps - 1 - t)
    assert param.item() == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (SGD, {"mom": 0.0, "wd": 0.0}),
        (RMSProp, {"mom": 0.0, "sqr_mom": 0.99, "eps": 1e-8, "wd": 0.0}),
        (Adam, {"mom": 0.9, "sqr_mom": 0.99, "eps": 1e-5, "wd": 0.01}),
        (RAdam, {"mom": 0.9, "sqr_mom": 0.99, "eps": 1e-5, "wd": 0.0, "beta": 0.0}),
        (QHAdam, {"mom": 0.999, "sqr_mom": 0.999, "nu_1": 0.7, "nu_2": 1.0, "eps": 1e-8, "wd": 0.0}),
        (Larc, {"mom": 0.9, "trust_coeff": 0.02, "eps": 1e-8, "wd": 0.0}),
        (Lamb, {"mom": 0.9, "sqr_mom": 0.99, "eps": 1e-5, "wd": 0.0}),
        (ranger, {"mom": 0.95, "sqr_mom": 0.99, "eps": 1e-6, "wd": 0.01, "beta": 0.0}),
    ],
)
def test_defaults_are_those_of_v2(make, expected):
    assert make(parameters(1), 0.1).hypers == [{"lr": 0.1, **expected}]


@pytest.mark.parametrize("make", MAKERS, ids=lambda make: getattr(make, "__name__", "partial"))
def test_learning_rate_must_be_given(make):
    with pytest.raises(ArgumentError, match="lr"):
        make(parameters(1))
    assert make([{"params": parameters(1), "lr": 0.1}]).hypers[0]["lr"] == 0.1


@pytest.mark.parametrize("make", [SGD, RMSProp, Larc])
def test_without_momentum_no_gradients_are_averaged(make):
    for mom, averaged in [(0.0, False), (0.5, True), ([0.5], True)]:
        (param,) = parameters(1)
        param.grad = torch.ones(3)
        opt = make([param], 0.1, mom=mom)
        opt.step()
        assert ("grad_avg" in opt.state[param]) is averaged


def test_ranger_looks_ahead_over_rectified_adam():
    opt = ranger(parameters(1), 0.1, k=3, alpha=0.8, beta=2.0)
    assert isinstance(opt, Lookahead)
    assert (opt.k, opt.alpha, opt.hypers[0]["beta"]) == (3, 0.8, 2.0)
