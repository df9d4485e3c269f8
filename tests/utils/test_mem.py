from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from fastloop_v1.utils import mem
from fastloop_v1.utils.mem import (
    GPUMemory,
    GPUMemTrace,
    b2mb,
    gpu_mem_get,
    gpu_mem_get_all,
    gpu_mem_get_free,
    gpu_mem_get_free_no_cache,
    gpu_mem_get_used,
    gpu_mem_get_used_fast,
    gpu_mem_get_used_no_cache,
    gpu_mem_trace,
    gpu_with_max_free_mem,
    preload_pytorch,
    reduce_mem_usage,
)

without_gpu = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")


@pytest.mark.parametrize(("num", "expected"), [(0, 0), (2**20, 1), (2**21 - 1, 1), (3.5 * 2**20, 3)])
def test_bytes_become_whole_megabytes(num, expected):
    assert b2mb(num) == expected


@without_gpu
def test_without_a_gpu_there_is_no_memory():
    preload_pytorch()
    assert gpu_mem_get() == GPUMemory(total=0, free=0, used=0)
    assert gpu_mem_get_all() == []
    assert gpu_with_max_free_mem() == (None, 0)
    numbers = [gpu_mem_get_free(), gpu_mem_get_free_no_cache(), gpu_mem_get_used()]
    assert [*numbers, gpu_mem_get_used_no_cache(), gpu_mem_get_used_fast(None)] == [0] * 5


def test_gpu_is_asked_for_when_the_name_is_read():
    assert mem.use_gpu is torch.cuda.is_available()
    with pytest.raises(AttributeError, match="no attribute"):
        _ = mem.no_such_name


@without_gpu
def test_trace_reports_with_its_context(capsys):
    trace = GPUMemTrace(ctx="fit")
    trace.report("first")
    trace.report_n_reset()
    trace.silent()
    trace.report("never")
    trace.silent(silent=False)
    assert trace.data() == (0, 0)
    assert capsys.readouterr().out.splitlines() == [
        "△Used Peaked MB:      0      0  (fit: first)",
        "△Used Peaked MB:      0      0  (fit)",
    ]


@without_gpu
def test_trace_of_a_block_reports_at_its_end(capsys):
    with GPUMemTrace():
        assert capsys.readouterr().out == ""
    assert capsys.readouterr().out == "△Used Peaked MB:      0      0  (exit)\n"
    with GPUMemTrace(on_exit_report=False) as trace:
        trace.peak_monitor_start()
        trace.peak_monitor_func()
        trace.peak_monitor_stop()
    assert capsys.readouterr().out == ""


@without_gpu
def test_traced_function_returns_what_it_returned(capsys):
    @gpu_mem_trace
    def add(a, b):
        return a + b

    assert add(1, b=2) == 3
    assert "add: exit" in capsys.readouterr().out


def test_columns_get_the_smallest_type_that_holds_them():
    table = pd.DataFrame(
        {
            "small": [1, -128, 127],
            "middle": [0, 1, 128],
            "large": [0, 1, 2**40],
            "exact": [0.5, np.nan, 2.0],
            "fine": [0.1, 0.2, 0.3],
            "word": ["a", "b", "a"],
            "truth": [True, False, True],
            "time": pd.to_datetime(["2020-01-01"] * 3),
        }
    )
    before = table.copy()
    reduced = reduce_mem_usage(table)
    assert reduced is table
    names = [str(kind) for kind in reduced.dtypes]
    assert names[:7] == ["int8", "int16", "int64", "float32", "float64", "category", "bool"]
    assert names[7] == str(before["time"].dtype)
    for name in before:
        assert list(reduced[name].dropna()) == list(before[name].dropna())


def test_table_without_rows_stays_one():
    assert list(reduce_mem_usage(pd.DataFrame({"a": np.array([], dtype=np.int64)})).columns) == ["a"]
