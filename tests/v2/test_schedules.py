"""Schedules are the curves of their formulas."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastloop_v1.v2.schedules import (
    SchedCos,
    SchedExp,
    SchedLin,
    SchedNo,
    SchedPoly,
    annealer,
    combine_scheds,
    combined_cos,
    hypers_at,
)

POSITIONS = st.floats(0, 1)
CURVES = {
    "lin": (SchedLin(2.0, -1.0), lambda pos: 2 - 3 * pos),
    "cos": (SchedCos(2.0, -1.0), lambda pos: 2 - 1.5 * (1 - math.cos(math.pi * pos))),
    "no": (SchedNo(2.0, -1.0), lambda pos: 2.0),
    "exp": (SchedExp(0.01, 10.0), lambda pos: 10 ** (3 * pos - 2)),
    "poly": (SchedPoly(2.0, -1.0, 3), lambda pos: 2 - 3 * pos**3),
}


@pytest.mark.parametrize(("sched", "curve"), CURVES.values(), ids=CURVES)
@given(pos=POSITIONS)
def test_schedule_is_its_formula(sched, curve, pos):
    assert sched(pos) == pytest.approx(curve(pos), rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("sched", "curve"), CURVES.values(), ids=CURVES)
def test_schedule_can_be_pickled(sched, curve):
    assert pickle.loads(pickle.dumps(sched))(0.3) == sched(0.3)


def test_schedule_of_arrays_gives_arrays():
    values = SchedCos(np.array([1.0, 2.0]), np.array([0.0, 4.0]))(0.5)
    np.testing.assert_allclose(values, [0.5, 3.0])


def test_annealer_turns_a_function_into_a_schedule_maker():
    @annealer
    def jump(start, end, pos):
        return start if pos < 0.5 else end

    assert jump.__name__ == "jump"
    assert [jump(1, 2)(pos) for pos in (0.0, 0.49, 0.5, 1.0)] == [1, 1, 2, 2]


def test_combined_schedules_each_run_over_their_share():
    sched = combine_scheds([0.25, 0.25, 0.5], [SchedLin(0, 1), SchedNo(1, 0), SchedLin(1, 0)])
    assert [sched(pos) for pos in (0.0, 0.125, 0.25, 0.4, 0.5, 0.75, 1.0)] == [0, 0.5, 1, 1, 1, 0.5, 0]


@given(pos=POSITIONS, pct=st.floats(0.05, 0.95))
def test_combined_cosines_are_one_cycle(pos, pct):
    expected = SchedCos(0.1, 1.0)(pos / pct) if pos < pct else SchedCos(1.0, 0.0)((pos - pct) / (1 - pct))
    assert combined_cos(pct, 0.1, 1.0, 0.0)(pos) == pytest.approx(expected, abs=1e-5)


def test_share_of_nothing_is_passed_over():
    assert combine_scheds([0.0, 1.0], [SchedNo(5, 5), SchedLin(0, 1)])(0.0) == 0
    assert combine_scheds([1.0, 0.0], [SchedLin(0, 1), SchedLin(2, 3)])(1.0) == 3


def test_combined_schedule_can_be_pickled():
    sched = combined_cos(0.3, 0.1, 1.0, 0.0)
    assert pickle.loads(pickle.dumps(sched))(0.4) == sched(0.4)


@pytest.mark.parametrize(
    ("pcts", "scheds"),
    [([0.5, 0.6], 2), ([1.2, -0.2], 2), ([0.5, 0.5], 1)],
    ids=["too much", "negative", "too few schedules"],
)
def test_shares_that_do_not_fit_are_refused(pcts, scheds):
    with pytest.raises(AssertionError, match="share"):
        combine_scheds(pcts, [SchedNo(1, 1)] * scheds)


def test_hypers_at_gives_each_schedule_its_value():
    assert hypers_at({"lr": SchedLin(0, 1), "mom": SchedNo(0.9, 0)}, 0.25) == {"lr": 0.25, "mom": 0.9}
