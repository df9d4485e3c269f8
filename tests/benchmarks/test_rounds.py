from __future__ import annotations

import pytest

from benchmarks.loops import HANDWRITTEN, LOOPS, OURS, base_of, jobs_of
from benchmarks.rounds import in_order
from benchmarks.workloads import WORKLOADS


@pytest.mark.parametrize("count", [0, 1, 5, 6, 13])
def test_bases_stand_first_last_and_after_every_five(count):
    bases, others = [("base", "usual"), ("base", "bare")], [("loop", str(n)) for n in range(count)]
    ordered = in_order([*others, *bases], bases, "seed")
    assert sorted(job for job in ordered if job not in bases) == sorted(others)
    assert ordered[:2] == ordered[-2:] == bases
    places = [at for at, job in enumerate(ordered) if job == bases[0]]
    assert all(after - before <= 5 + 2 for before, after in zip(places, places[1:], strict=False))


def test_order_is_that_of_its_seed():
    jobs = [("loop", str(n)) for n in range(20)]
    assert in_order(jobs, [], "W0 1") == in_order(jobs, [], "W0 1") != in_order(jobs, [], "W0 2")


def test_loops_bring_what_they_are_compared_with():
    jobs = jobs_of(WORKLOADS["W1"], ["skorch"], ["usual", "bare", "fused"])
    assert jobs == [
        ("skorch", "usual"),
        ("skorch", "bare"),
        (HANDWRITTEN, "usual"),
        (HANDWRITTEN, "usual_torch"),
        (HANDWRITTEN, "bare"),
    ]


def test_fused_runs_beside_the_hand_written_loop_with_and_without():
    jobs = jobs_of(WORKLOADS["W3"], [OURS], ["fused"])
    assert jobs == [(OURS, "fused"), (HANDWRITTEN, "usual"), (HANDWRITTEN, "fused")]


def test_calls_are_compared_with_ours_without_callbacks():
    assert base_of(WORKLOADS["W5"], "twenty") == (OURS, "bare")
    assert jobs_of(WORKLOADS["W5"], list(LOOPS), []) == [(OURS, "bare"), (OURS, "twenty")]


def test_imports_are_of_each_package():
    assert (OURS, "from fastloop_v1.basics import *") in jobs_of(WORKLOADS["import"], [OURS, "ignite"], [])
