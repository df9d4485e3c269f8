"""Learning rates suggested by curves whose answer is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from fastloop_v1.errors import ArgumentError
from fastloop_v1.lr_suggestion import minimum, slide, steep, steepest, valley

LRS = [1e-5 * 10 ** (i / 20) for i in range(121)]


def falling_step(centre: float) -> list[float]:
    """Return losses that fall along a logistic curve, steepest at `centre`."""
    return [1 / (1 + (lr / centre) ** 3) for lr in LRS]


@pytest.mark.parametrize("suggest", [steepest, steep])
@pytest.mark.parametrize("index", [20, 45, 70, 100])
def test_steepest_point_of_a_logistic_curve_is_its_centre(suggest, index):
    assert suggest(LRS, falling_step(LRS[index])) == pytest.approx(LRS[index])


@pytest.mark.parametrize("suggest", [steepest, steep])
@pytest.mark.parametrize("index", [30, 60, 90])
def test_steepest_point_of_a_wave_is_where_the_cosine_is_least(suggest, index):
    losses = [math.sin((i - index) * math.pi / 40 + math.pi) for i in range(121)]
    answer = suggest(LRS, losses)
    assert math.cos((LRS.index(answer) - index) * math.pi / 40 + math.pi) == pytest.approx(-1)


@pytest.mark.parametrize("index", [20, 60, 100])
def test_minimum_of_a_parabola_is_divided_by_ten(index):
    assert minimum(LRS, [(i - index) ** 2 for i in range(121)]) == pytest.approx(LRS[index] / 10)


def test_steepest_agrees_with_differences_worked_out_one_by_one():
    losses = np.random.default_rng(0).normal(size=121).tolist()
    slopes = [losses[1] - losses[0]]
    slopes += [(losses[i + 1] - losses[i - 1]) / 2 for i in range(1, 120)]
    slopes += [losses[120] - losses[119]]
    assert steepest(LRS, losses) == LRS[slopes.index(min(slopes))]


def test_steepest_gives_the_rate_recorded_from_v1():
    lrs = [0.019036539387158793, 0.032177092716594156, 0.054388314737010904, 0.09193151183626458]
    lrs += [0.15539004856773267, 0.26265278044037665, 0.44395689240672587]
    losses = [0.8457803726196289, 0.8094567656517029, 0.8682860732078552, 0.8454315066337585]
    losses += [0.7992286682128906, 0.8723433613777161, 0.8465688228607178]
    assert steepest(lrs, losses) == 0.019036539387158793


def test_steep_divides_by_the_distance_on_the_logarithmic_axis():
    lrs = [1.0, 2.0, 4.0, 400.0]
    losses = [4.0, 3.0, 2.0, 0.5]
    assert steep(lrs, losses) == 1.0
    assert steepest(lrs, losses) == 400.0


@pytest.mark.parametrize("suggest", [steepest, steep, minimum])
@pytest.mark.parametrize("end", [math.nan, math.inf, -math.inf])
def test_points_from_the_first_infinite_loss_on_are_left_out(suggest, end):
    losses = falling_step(1e-3)
    assert suggest(LRS, [*losses[:80], end, *losses[81:]]) == suggest(LRS[:80], losses[:80])


@pytest.mark.parametrize("suggest", [steepest, steep, minimum])
def test_tensors_and_arrays_are_read_as_numbers(suggest):
    losses = falling_step(1e-3)
    expected = suggest(LRS, losses)
    assert suggest(np.array(LRS), np.array(losses)) == expected
    assert suggest(LRS, [torch.tensor(loss, dtype=torch.float64) for loss in losses]) == expected
    assert type(expected) is float


@pytest.mark.parametrize("suggest", [steepest, steep, minimum])
def test_first_of_equal_points_wins(suggest):
    assert suggest([1.0, 2.0, 3.0], [1.0, 1.0, 1.0]) in (1.0, 0.1)


@pytest.mark.parametrize(
    ("suggest", "lrs", "losses", "message"),
    [
        pytest.param(steepest, [1.0], [1.0], "has 1 finite.*at least 2", id="steepest, one point"),
        pytest.param(steep, [1.0], [1.0], "has 1 finite.*at least 2", id="steep, one point"),
        pytest.param(minimum, [], [], "has 0 finite.*at least 1", id="minimum, no point"),
        pytest.param(steepest, [1.0, 2.0], [1.0, math.nan], "has 1 finite", id="a loss that is no number"),
        pytest.param(steepest, [1.0, 2.0], [1.0], "lrs has 2 values, losses has 1", id="lengths"),
        pytest.param(steep, [0.0, 1.0], [1.0, 0.0], r"lrs is \[0.0, 1.0\]; allowed", id="a rate of 0"),
        pytest.param(steep, [1.0, 1.0], [1.0, 0.0], "above the one before", id="rates that do not rise"),
    ],
)
def test_points_that_give_no_answer_are_refused(suggest, lrs, losses, message):
    with pytest.raises(ArgumentError, match=message):
        suggest(lrs, losses)


def longest_falls(losses):
    """Lengths and ends of all longest falling subsequences, by trying every pair: `(length, first, last)`."""
    best = [(1, i) for i in range(len(losses))]
    for i in range(len(losses)):
        for j in range(i):
            if losses[j] > losses[i] and best[j][0] + 1 > best[i][0]:
                best[i] = (best[j][0] + 1, best[j][1])
    longest = max(length for length, _ in best)
    return longest, {i for i, (length, _) in enumerate(best) if length == longest}


def test_valley_of_a_straight_fall_is_two_thirds_down():
    assert valley(LRS, [1 - i / 121 for i in range(121)]) == LRS[80]


def test_valley_leaves_out_what_comes_before_and_after_the_fall():
    losses = [1.0] * 30 + [1 - i / 60 for i in range(61)] + [2.0] * 30
    assert valley(LRS, losses) == pytest.approx(LRS[29 + round(2 / 3 * 61)], rel=0.2)


@pytest.mark.parametrize("seed", range(20))
def test_valley_lies_inside_a_longest_falling_series(seed):
    losses = np.random.default_rng(seed).normal(size=40).tolist()
    _, ends = longest_falls(losses)
    lowest = min(ends, key=lambda i: losses[i])
    assert LRS[0] <= valley(LRS[:40], losses) <= LRS[lowest]


def test_valley_of_a_rising_curve_is_its_start():
    assert valley(LRS, [float(i) for i in range(121)]) == LRS[0]


def test_slide_stops_where_the_slope_becomes_even():
    losses = [0.0] * 80 + [0.5 * (i * i) for i in range(41)]
    # From the right, the slopes of a parabola differ by 0.5 * 2 * 15 until both ends are on the flat part.
    assert slide(LRS, losses) == pytest.approx(LRS[80 - 15], rel=0.2)


def test_slide_on_an_even_curve_stays_at_the_right_end():
    assert slide(LRS, [float(i) for i in range(121)]) == LRS[120 - 15]


def test_slide_is_scaled_by_its_factor():
    losses = [float(i) for i in range(121)]
    assert slide(LRS, losses, adjust_value=0.5) == pytest.approx(LRS[105] / 2)


def test_slide_without_an_even_interval_ends_at_the_lowest_rate():
    assert slide(LRS, [float(i**3) for i in range(121)]) == LRS[0]


@pytest.mark.parametrize(
    ("rule", "points", "options"),
    [(valley, 1, {}), (slide, 15, {}), (slide, 30, {"lr_diff": 0})],
    ids=["valley of one point", "slide over too few points", "slide with an interval of nothing"],
)
def test_too_few_points_are_refused(rule, points, options):
    with pytest.raises(ArgumentError):
        rule(LRS[:points], [1.0] * points, **options)
