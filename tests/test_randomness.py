"""Draws stay in their range, take the shape asked for, and repeat after seeding."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from fastloop_v1.randomness import log_uniform, rand_bool, set_all_seed, uniform, uniform_int


def test_seed_repeats_all_generators():
    def draws():
        set_all_seed(3)
        return random.random(), np.random.rand(), torch.rand(1).item()

    assert draws() == draws()


@pytest.mark.parametrize(
    ("draw", "low", "high"),
    [
        pytest.param(lambda size: uniform(2, 3, size), 2, 3, id="uniform"),
        pytest.param(lambda size: log_uniform(0.1, 10, size), 0.1, 10, id="log uniform"),
        pytest.param(lambda size: uniform_int(1, 4, size), 1, 4, id="whole"),
    ],
)
def test_draws_lie_in_their_range(draw, low, high):
    set_all_seed(0)
    many = draw((50, 2))
    assert many.shape == (50, 2)
    for drawn in (many.min().item(), many.max().item(), draw(None)):
        assert low * 0.999 <= drawn <= high * 1.001


def test_one_end_is_both_ends():
    assert uniform(2) == 2


def test_tensor_draws_use_the_stream_of_torch():
    set_all_seed(1)
    drawn = uniform(0, 1, 4)
    torch.manual_seed(1)
    assert torch.equal(drawn, torch.empty(4).uniform_(0, 1))


def test_whole_numbers_include_both_ends():
    set_all_seed(0)
    assert set(uniform_int(1, 3, 100).tolist()) == {1, 2, 3}


@pytest.mark.parametrize(("p", "expected"), [(0.0, False), (1.1, True)], ids=["never", "always"])
def test_rand_bool_follows_its_probability(p, expected):
    assert rand_bool(p) is expected
    assert rand_bool(p, 3).tolist() == [expected] * 3
