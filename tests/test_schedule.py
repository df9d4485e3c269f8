from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fastloop_v1.schedule import (
    Scheduler,
    SmoothenValue,
    annealing_cos,
    annealing_exp,
    annealing_linear,
    annealing_no,
    annealing_poly,
    do_annealing_poly,
)

values = st.floats(-100, 100, allow_subnormal=False)
positive = st.floats(1e-6, 100)
shares = st.floats(0, 1)


# --- annealing functions ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("func", "expected"),
    [
        (annealing_no, [2, 2, 2, 2, 2]),
        (annealing_linear, [2, 3.5, 5, 6.5, 8]),
        (annealing_exp, [2, 2 * math.sqrt(2), 4, 4 * math.sqrt(2), 8]),
        (annealing_cos, [2, 5 - 3 / math.sqrt(2), 5, 5 + 3 / math.sqrt(2), 8]),
        (annealing_poly(1), [2, 3.5, 5, 6.5, 8]),
        (annealing_poly(2), [2, 8 - 6 * 9 / 16, 6.5, 8 - 6 / 16, 8]),
        (annealing_poly(0.5), [2, 8 - 6 * math.sqrt(0.75), 8 - 6 * math.sqrt(0.5), 5, 8]),
    ],
    ids=["no", "linear", "exp", "cos", "poly 1", "poly 2", "poly 0.5"],
)
def test_annealing_goes_through(func, expected):
    assert [func(2, 8, pct) for pct in (0, 0.25, 0.5, 0.75, 1)] == pytest.approx(expected)


def test_polynomial_annealing_is_the_function_of_its_degree():
    assert annealing_poly(3)(2, 8, 0.3) == do_annealing_poly(2, 8, 0.3, 3)


@pytest.mark.parametrize("func", [annealing_linear, annealing_exp, annealing_cos, annealing_poly(2)])
@given(start=positive, end=positive)
def test_annealing_begins_and_ends_at_its_values(func, start, end):
    assert func(start, end, 0) == pytest.approx(start)
    assert func(start, end, 1) == pytest.approx(end)


@pytest.mark.parametrize("func", [annealing_linear, annealing_exp, annealing_cos, annealing_poly(2)])
@given(start=positive, end=positive, one=shares, other=shares)
def test_annealing_goes_one_way(func, start, end, one, other):
    first, second = (func(start, end, pct) for pct in sorted((one, other)))
    slack = 1e-9 * max(start, end)
    assert second >= first - slack if end >= start else second <= first + slack


@given(start=values, end=values, pct=shares)
def test_cosine_mirrors_at_its_middle(start, end, pct):
    there, back = annealing_cos(start, end, pct), annealing_cos(start, end, 1 - pct)
    assert there + back == pytest.approx(start + end, abs=1e-9)


@pytest.mark.parametrize(
    "func", [annealing_no, annealing_linear, annealing_exp, annealing_cos, annealing_poly(2)]
)
def test_annealing_of_arrays_goes_value_by_value(func):
    starts, ends = np.array([1.0, 2.0]), np.array([5.0, 0.5])
    each = [func(start, end, 0.3) for start, end in zip(starts, ends, strict=True)]
    np.testing.assert_allclose(func(starts, ends, 0.3), each)


@given(start=values, end=values, pct=shares)
def test_cosine_of_a_number_has_the_bits_it_has_in_an_array(start, end, pct):
    one = annealing_cos(start, end, pct)
    assert type(one) is float
    assert one == annealing_cos(start, end, np.array([pct]))[0]


def test_geometric_path_from_zero_is_refused():
    with pytest.raises(ZeroDivisionError):
        annealing_exp(0, 1, 0.5)


# --- scheduler --------------------------------------------------------------------------------------------


def steps_of(scheduler, most=1000):
    """The values until it is done, or until there are very many."""
    found = []
    while not scheduler.is_done and len(found) < most:
        found.append(scheduler.step())
    return found


@pytest.mark.parametrize(
    ("vals", "func", "expected"),
    [
        ((0, 1), None, [0.25, 0.5, 0.75, 1]),
        ((1, 0), annealing_linear, [0.75, 0.5, 0.25, 0]),
        (3, None, [3, 3, 3, 3]),
        (4, annealing_linear, [3, 2, 1, 0]),
        ([4, 8], None, [[4, 8]] * 4),
        ((1, 16), annealing_exp, [2, 4, 8, 16]),
    ],
    ids=["pair", "pair with a function", "number", "number with a function", "list", "geometric"],
)
def test_scheduler_steps_through(vals, func, expected):
    assert steps_of(Scheduler(vals, 4, func)) == expected


@given(start=values, end=values, n_iter=st.integers(1, 500))
def test_linear_scheduler_is_at_its_end_after_n_steps(start, end, n_iter):
    found = steps_of(Scheduler((start, end), n_iter))
    assert len(found) == n_iter
    assert found[-1] == start + 1.0 * (end - start)
    assert found == [start + n / n_iter * (end - start) for n in range(1, n_iter + 1)]


@given(start=values, end=values, n_iter=st.integers(1, 500))
def test_cosine_scheduler_is_exactly_at_its_end_after_n_steps(start, end, n_iter):
    assert steps_of(Scheduler((start, end), n_iter, annealing_cos))[-1] == end


@given(start=values, end=values, n_iter=st.integers(1, 500), degree=st.integers(1, 4))
def test_polynomial_scheduler_is_exactly_at_its_end_after_n_steps(start, end, n_iter, degree):
    assert steps_of(Scheduler((start, end), n_iter, annealing_poly(degree)))[-1] == end


@given(n_iter=st.integers(1, 100), taken=st.integers(0, 200))
def test_scheduler_is_done_from_n_steps_on(n_iter, taken):
    scheduler = Scheduler((0, 1), n_iter)
    for _ in range(taken):
        scheduler.step()
    assert scheduler.is_done is (taken >= n_iter)


@pytest.mark.parametrize("n_iter", [1, 0, -5])
def test_scheduler_has_one_step_at_least(n_iter):
    assert steps_of(Scheduler((0, 1), n_iter)) == [1]


def test_scheduler_goes_on_past_its_end():
    scheduler = Scheduler((0, 1), 2)
    assert [scheduler.step() for _ in range(4)] == [0.5, 1, 1.5, 2]


def test_scheduler_restarts():
    scheduler = Scheduler((0, 1), 3)
    first = steps_of(scheduler)
    scheduler.restart()
    assert not scheduler.is_done
    assert steps_of(scheduler) == first


def test_scheduler_takes_arrays():
    scheduler = Scheduler((np.array([0.0, 1.0]), np.array([1.0, 3.0])), 2)
    np.testing.assert_array_equal(steps_of(scheduler), [[0.5, 2.0], [1.0, 3.0]])


def test_scheduler_keeps_its_values():
    scheduler = Scheduler((0.1, 0.2), 5)
    assert (scheduler.start, scheduler.end, scheduler.n_iter, scheduler.n) == (0.1, 0.2, 5, 0)


# --- moving average ---------------------------------------------------------------------------------------


@given(beta=st.floats(0, 0.99), taken=st.lists(values, min_size=1, max_size=30))
def test_smooth_value_is_the_weighted_mean(beta, taken):
    average = SmoothenValue(beta)
    for value in taken:
        average.add_value(value)
    weights = [beta ** (len(taken) - 1 - place) for place in range(len(taken))]
    mean = sum(weight * value for weight, value in zip(weights, taken, strict=True)) / sum(weights)
    assert average.smooth == pytest.approx(mean, abs=1e-6)


def test_moving_average_is_the_formula():
    average, beta, mov_avg = SmoothenValue(0.9), 0.9, 0.0
    for n, value in enumerate([3.0, 1.0, 4.0, 1.0], start=1):
        average.add_value(value)
        mov_avg = beta * mov_avg + (1 - beta) * value
        assert (average.n, average.mov_avg, average.smooth) == (n, mov_avg, mov_avg / (1 - beta**n))


@given(value=values, beta=st.floats(0, 0.99), n=st.integers(1, 20))
def test_constant_stays_what_it_is(value, beta, n):
    average = SmoothenValue(beta)
    for _ in range(n):
        average.add_value(value)
    assert average.smooth == pytest.approx(value, abs=1e-9)


def test_no_value_has_no_average():
    assert not hasattr(SmoothenValue(0.98), "smooth")


def test_tensors_are_smoothed_as_tensors():
    average = SmoothenValue(0.5)
    average.add_value(torch.tensor(2.0))
    average.add_value(torch.tensor(5.0))
    torch.testing.assert_close(average.smooth, torch.tensor(4.0))


def test_average_with_nan_is_nan_from_then_on():
    average = SmoothenValue(0.5)
    for value in (1.0, math.nan, 1.0):
        average.add_value(value)
    assert math.isnan(average.smooth)
