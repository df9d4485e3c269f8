"""Values are worked on here or in other processes, with results in order."""

from __future__ import annotations

import os

import pytest

from fastloop_v1.defaults import defaults
from fastloop_v1.parallel import parallel


def _weighted(value, index):
    return value * index


def _pid(value, index):
    return os.getpid()


def _nothing(value, index):
    return None


def _fail(value, index):
    raise KeyError(value)


@pytest.mark.parametrize("workers", [0, 1, 2])
def test_results_are_in_the_order_of_the_values(workers):
    assert parallel(_weighted, [5, 6, 7], max_workers=workers) == [0, 6, 14]


def test_one_worker_is_this_process():
    assert parallel(_pid, [1, 2], max_workers=1) == [os.getpid()] * 2


def test_default_is_the_number_of_processors(monkeypatch):
    monkeypatch.setattr(defaults, "cpus", 1)
    assert parallel(_pid, [1]) == [os.getpid()]


@pytest.mark.parametrize("workers", [1, 2])
def test_nothing_returned_is_none(workers):
    assert parallel(_nothing, [1, 2], max_workers=workers) is None


@pytest.mark.parametrize("workers", [1, 2])
def test_error_of_a_value_is_raised(workers):
    with pytest.raises(KeyError, match="a"):
        parallel(_fail, ["a"], max_workers=workers)
