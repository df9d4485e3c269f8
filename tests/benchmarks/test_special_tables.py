from __future__ import annotations

import pytest

from benchmarks.special_tables import calls_table, import_table, long_table


def record(workload, loop, variant, place=0, **facts):
    known = {"workload": workload, "shuffle": False, "loop": loop, "variant": variant, "round": 0}
    times = {"cpu_s": [1.0], "wall_s": [1.0], "peak_mb": 1.0, "batches": 1000}
    return known | times | {"place": place, "train_loss": 0.5, "valid_loss": 0.5} | facts


def test_a_call_costs_a_twentieth_of_the_difference():
    records = [
        record("W5", "fastloop_v1", "bare", 0, cpu_s=[0.100]),
        record("W5", "fastloop_v1", "twenty", 1, cpu_s=[0.110]),
    ]
    bare, twenty = calls_table("calls", records).rows
    assert bare == ["bare", "1", "100.0", "", "", "base"]
    assert twenty == ["twenty", "1", "110.0", "+10.0", "0.50", "yes"]


def test_first_and_last_epoch_of_a_long_fit():
    # 100 batches an epoch: 10, then 20, in the end 30 microseconds a batch; a megabyte more in each epoch.
    seconds = [0.0, 0.001, *(0.001 + 0.002 * n for n in range(1, 9)), 0.020]
    marks = [(second, 50.0 + epoch) for epoch, second in enumerate(seconds)]
    row = long_table("long", [record("W6", "hand-written", "usual", marks=marks)]).rows[0]
    assert row == ["hand-written", "1", "10.0", "30.0", "3.00", "+9.0", "10000", "base"]


def test_a_long_fit_without_its_marks_is_an_error():
    with pytest.raises(ValueError, match=r"called train\(\) 1 times in 10 epochs"):
        long_table("long", [record("W6", "hand-written", "usual", marks=[(0.0, 1.0), (1.0, 1.0)])])


def test_imports_are_shown_by_statement():
    facts = {"variant": "import x", "grown_mb": [3.0]}
    records = [facts | {"cpu_s": [cpu], "wall_s": [2 * cpu]} for cpu in (0.1, 0.5, 0.2)]
    table = import_table("import", [*records, {"variant": "import y", "error": "ImportError"}])
    assert table.rows == [["`import x`", "3", "0.20", "0.40", "+3"]]
