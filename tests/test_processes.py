"""Rank and world size come from the launcher's variables; the barrier needs a process group."""

from __future__ import annotations

import os

import pytest
import torch
from torch import distributed, multiprocessing

from fastloop_v1.callback import AverageMetric
from fastloop_v1.processes import (
    any_process,
    distrib_barrier,
    num_distrib,
    rank_distrib,
    summed_over_processes,
)


@pytest.fixture
def lone_group(tmp_path):
    """A process group of one process."""
    distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    yield
    distributed.destroy_process_group()


def test_outside_distributed_training_both_numbers_are_zero(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    monkeypatch.delenv("RANK", raising=False)
    assert (num_distrib(), rank_distrib()) == (0, 0)


def test_numbers_are_those_of_the_launcher(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("RANK", "3")
    assert (num_distrib(), rank_distrib()) == (4, 3)


def test_barrier_without_a_process_group_does_nothing(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert distrib_barrier() is None


@pytest.mark.usefixtures("lone_group")
def test_barrier_of_a_group_is_passed_when_all_are_there(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert distrib_barrier() is None


def test_sums_of_one_process_are_what_was_given():
    assert summed_over_processes(2.5, 3) == (2.5, 3)


def _mean_of_a_share(rank, folder):
    """What one of two processes has for the metric of a fit: samples 1 or samples 2, 3, 4."""
    os.environ.update(WORLD_SIZE="2", RANK=str(rank))
    store = (folder / "store").as_uri()
    distributed.init_process_group("gloo", init_method=store, rank=rank, world_size=2)
    share = torch.tensor([[1.0], [2.0, 3.0, 4.0]][rank])
    metric = AverageMetric(lambda output, target: output.mean())
    metric.on_batch_end(last_output=share, last_target=share)
    alone = metric.on_epoch_end(last_metrics=[])["last_metrics"][0]
    together = metric.on_epoch_end(last_metrics=[], num_batch=1)["last_metrics"][0]
    torch.save([alone, together], folder / f"means{rank}.pt")
    distributed.destroy_process_group()


@pytest.mark.slow
def test_bug_42_metric_of_a_fit_is_the_mean_of_all_processes(tmp_path):
    multiprocessing.spawn(_mean_of_a_share, (tmp_path,), nprocs=2)
    means = [torch.load(tmp_path / f"means{rank}.pt", weights_only=True) for rank in range(2)]
    assert [float(alone) for alone, _ in means] == [1.0, 3.0]
    assert [float(together) for _, together in means] == [2.5, 2.5]


def test_flag_of_a_process_alone_is_its_own():
    assert any_process("yes") == "yes"
    assert any_process(None) is None
