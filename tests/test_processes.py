"""Rank and world size come from the launcher's variables; the barrier needs a process group."""

from __future__ import annotations

import pytest
from torch import distributed

from fastloop_v1.processes import distrib_barrier, num_distrib, rank_distrib


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
