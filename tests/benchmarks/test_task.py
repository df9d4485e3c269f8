from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from benchmarks import fastloop, handwritten
from benchmarks.sample import measured
from benchmarks.task import Task
from benchmarks.workloads import WORKLOADS, Case, disk_rows
from fastloop_v1.schedule import Scheduler, annealing_cos

TRAINED = [workload for workload in WORKLOADS.values() if workload.kind != "import"]


def tiny(name, shuffle=False, **changes):
    workload = WORKLOADS[name]
    small = {"train": 10 * workload.batch, "valid": 2 * workload.batch, "epochs": 1, "repeats": 1}
    return Case(replace(workload, **small | changes), shuffle)


@pytest.mark.parametrize("workload", TRAINED, ids=lambda workload: workload.name)
def test_batches_are_whole_and_so_are_thirty_percent_of_them(workload):
    assert workload.train % workload.batch == 0
    assert workload.batches * 3 % 10 == 0


def test_disk_has_the_size_asked_for():
    assert disk_rows(2000) * 784 * 4 == pytest.approx(2e9, rel=1e-2)


def test_one_cycle_is_that_of_fastai_v1(tmp_path):
    task = Task(tiny("W1"), tmp_path)
    up, down = (
        Scheduler((3e-3 / 25, 3e-3), 3, annealing_cos),
        Scheduler((3e-3, 3e-3 / 25e4), 7, annealing_cos),
    )
    rates = [3e-3 / 25, *(up.step() for _ in range(3)), *(down.step() for _ in range(6))]
    assert [rate for rate, _ in task.one_cycle()] == pytest.approx(rates)
    momentums = [momentum for _, momentum in task.one_cycle()]
    assert (momentums[0], momentums[3]) == pytest.approx((0.95, 0.85))


def test_samples_on_disk_are_those_in_memory(tmp_path):
    on_disk = Task(tiny("W4"), tmp_path).train_set()
    in_memory = Task(tiny("W4", storage="tensors"), tmp_path).train_set()
    assert len(on_disk) == len(in_memory) == 640
    x, y = on_disk[7]
    assert torch.equal(x, in_memory[7][0])
    assert y == in_memory[7][1]


@pytest.mark.usefixtures("capsys")
@pytest.mark.parametrize("shuffle", [False, True], ids=["in order", "shuffled"])
@pytest.mark.parametrize(
    ("name", "variant"), [("W0", "usual"), ("W0", "bare"), ("W1", "usual"), ("W1f", "fused"), ("W3", "bare")]
)
def test_both_loops_train_the_same_weights(name, variant, shuffle, tmp_path):
    case = tiny(name, shuffle)
    models = [loop.prepare(Task(case, tmp_path), variant)() for loop in (handwritten, fastloop)]
    for ours, theirs in zip(*(model.parameters() for model in models), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


@pytest.mark.usefixtures("capsys")
@pytest.mark.parametrize("loop", ["hand-written", "fastloop_v1"])
def test_a_long_fit_is_marked_at_each_epoch_and_at_the_end(loop, tmp_path):
    record = measured(tiny("W6", epochs=4), loop, "usual", tmp_path)
    times = [seconds for seconds, _ in record["marks"]]
    assert len(times) == 5
    assert times == sorted(times)


@pytest.mark.usefixtures("capsys")
def test_twenty_callbacks_change_nothing(tmp_path):
    losses = [measured(tiny("W5"), "fastloop_v1", variant, tmp_path) for variant in ("bare", "twenty")]
    assert losses[0]["train_loss"] == losses[1]["train_loss"]
