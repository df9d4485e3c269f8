from __future__ import annotations

from math import inf, nan

import pytest

from benchmarks.losses import differs, equal
from benchmarks.report import faults


def record(loop, variant="bare", train=0.5, valid=0.6, shuffle=False):
    facts = {"workload": "W1", "shuffle": shuffle, "loop": loop, "variant": variant, "batches": 10}
    return facts | {"train_loss": train, "valid_loss": valid}


BASE = record("hand-written")


@pytest.mark.parametrize(
    ("ours", "distance", "shown"),
    [
        pytest.param(record("fastloop_v1"), 0, "yes", id="same"),
        pytest.param(record("fastloop_v1", train=0.50009), 9e-5, "yes", id="last digits"),
        pytest.param(record("fastloop_v1", train=0.5002), 2e-4, "NO, 2e-04", id="training"),
        pytest.param(record("fastloop_v1", valid=0.7), 0.1, "NO, 1e-01", id="validation"),
        pytest.param(record("fastloop_v1", train=nan), inf, "NO, inf", id="no number"),
        pytest.param(record("fastloop_v1", shuffle=True), inf, "NO, inf", id="nothing to compare with"),
    ],
)
def test_losses_have_to_be_those_of_the_hand_written_loop(ours, distance, shown):
    records = [BASE, ours]
    assert differs(ours, records) == pytest.approx(distance)
    assert equal([ours], records) == shown
    assert bool(faults(records)) is (shown != "yes")


def test_one_run_that_differs_is_enough():
    runs = [record("fastloop_v1"), record("fastloop_v1", train=0.6), record("fastloop_v1")]
    assert equal(runs, [BASE, *runs]) == "NO, 1e-01"


def test_the_hand_written_loop_is_the_base():
    assert equal([BASE], [BASE]) == "base"


def test_each_schedule_has_its_reference():
    torch_cycle = record("hand-written", "usual_torch", train=0.4)
    v1_cycle = record("hand-written", "usual", train=0.3)
    peer, ours = record("skorch", "usual", train=0.4), record("fastloop_v1", "usual", train=0.3)
    records = [torch_cycle, v1_cycle, peer, ours]
    assert (differs(peer, records), differs(ours, records)) == (0, 0)


def test_another_order_of_samples_is_no_fault():
    other = record("lightning", train=0.4, shuffle=True)
    assert equal([other], [other]) == "other order"
    assert faults([other]) == []
    in_order = record("lightning", train=0.4)
    assert faults([BASE, in_order]) != []


def test_failed_process_is_a_fault():
    failed = {
        "workload": "W1",
        "shuffle": True,
        "loop": "skorch",
        "variant": "bare",
        "error": "KeyError: 1",
    }
    assert faults([failed]) == ["W1 shuffled skorch bare failed: KeyError: 1"]
