from __future__ import annotations

import pytest

from benchmarks.times import microseconds, rows


def record(place, loop, seconds, round=0, peak=100.0, variant="bare"):
    """A record of 1000 batches, so that milliseconds are microseconds a batch."""
    return {
        "workload": "W0",
        "shuffle": False,
        "loop": loop,
        "variant": variant,
        "round": round,
        "place": place,
        "batches": 1000,
        "cpu_s": [seconds],
        "wall_s": [2 * seconds],
        "peak_mb": peak,
    }


def test_microseconds_are_the_median_run_by_batch():
    assert microseconds({"cpu_s": [0.3, 0.1, 0.2], "batches": 1000}) == pytest.approx(200)


def test_a_run_is_compared_with_the_mean_of_its_neighbours():
    found = rows(
        [
            record(0, "hand-written", 0.100, peak=90),
            record(1, "fastloop_v1", 0.220),
            record(2, "hand-written", 0.300, peak=96),
            record(3, "skorch", 0.350),
            record(4, "hand-written", 0.400),
        ]
    )
    base, ours, other = found
    assert (ours.ratio, ours.over, ours.peak) == pytest.approx((0.22 / 0.2, 20, 7))
    assert other.ratio == pytest.approx(1)
    assert (base.cpu, base.wall, base.spread) == pytest.approx((300, 600, 1))
    # A base leaves itself out: 100 against 300, 300 against (100 + 400) / 2, 400 against 300.
    assert base.ratio == pytest.approx(1.2)


def test_rounds_count_by_their_median_and_are_not_mixed():
    taken = []
    for number, (base, ours) in enumerate([(0.1, 0.2), (0.2, 0.1), (0.1, 0.3)]):
        taken += [
            record(2 * number, "hand-written", base, round=number),
            record(2 * number + 1, "fastloop_v1", ours, round=number),
        ]
    ours = rows(taken)[1]
    assert (ours.ratio, ours.over) == pytest.approx((2, 100))


def test_a_base_that_ran_once_has_no_ratio():
    (base,) = rows([record(0, "hand-written", 0.1)])
    assert (base.ratio, base.over, base.peak) == (None, None, None)


def test_other_ways_of_training_have_another_base():
    usual = record(1, "fastloop_v1", 0.4, variant="fused")
    found = rows(
        [
            record(0, "hand-written", 0.1),
            usual,
            record(2, "hand-written", 0.2, variant="usual"),
        ]
    )
    assert found[1].ratio == pytest.approx(2)


def test_failed_runs_do_not_count():
    assert rows([{"workload": "W0", "loop": "skorch", "error": "ImportError"}]) == []
