"""Fits by turns: what is compared with what, and the command."""

from __future__ import annotations

import pytest
import torch

from benchmarks import fastloop, handwritten
from benchmarks.pairs import Pairs, main, measured
from benchmarks.task import Task
from benchmarks.workloads import WORKLOADS, Case

TINY = Case(WORKLOADS["W0"].of_batches(4))


@pytest.fixture(autouse=True)
def _threads_as_they_were():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def test_a_fit_is_compared_with_the_two_beside_it():
    found = Pairs(base=[1.0, 3.0, 5.0], ours=[1.0, 8.0])
    assert found.ratios == [0.5, 2.0]
    assert found.over == (-1.0 + 4.0) / 2


def test_a_row_has_medians_and_quartiles():
    found = Pairs(base=[100.0] * 6, ours=[50.0, 60.0, 70.0, 80.0, 90.0])
    assert found.cells() == ["5", "100", "70", "0.70", "0.60 to 0.80", "-30"]


def test_loops_take_turns_with_one_more_of_the_hand_written(tmp_path, monkeypatch):
    order = []

    def noted(name, prepare):
        def prepared(task, variant):
            order.append((name, variant))
            return prepare(task, variant)

        return prepared

    monkeypatch.setattr(fastloop, "prepare", noted("ours", fastloop.prepare))
    monkeypatch.setattr(handwritten, "prepare", noted("hand", handwritten.prepare))
    found = measured(Task(TINY, tmp_path), "fused", fits=2)
    warm_up, hand, ours = [("ours", "fused"), ("hand", "usual")], ("hand", "usual"), ("ours", "fused")
    assert order == [*warm_up, hand, ours, hand, ours, hand]
    assert (len(found.base), len(found.ours)) == (3, 2)
    assert all(time > 0 for time in (*found.base, *found.ours))


@pytest.mark.parametrize("form", [[], ["--markdown"]], ids=["plain", "markdown"])
def test_command_prints_a_row_for_each_way(capsys, form):
    what = ["--workloads", "W0,W1", "--variants", "bare", "--shuffle", "--fits", "2", "--batches", "3"]
    assert main([*what, *form]) == 0
    shown = capsys.readouterr().out
    assert "W0 shuffled bare" in shown
    assert "W1 shuffled bare" in shown
    assert ("| " in shown) is bool(form)


def test_unknown_workload_is_named(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["--workloads", "W9"])
    assert "no W9 among W0, W1, W1f, W2, W3" in capsys.readouterr().err


def test_one_fit_is_too_few(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["--fits", "1"])
    assert "argument --fits: 1 is too few" in capsys.readouterr().err
