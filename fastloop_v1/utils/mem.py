"""Memory of GPUs in MB, by torch's own numbers, and of pandas tables. Without a GPU there is none, and 0."""

from __future__ import annotations

import functools
import gc
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch

__all__ = [
    "GPUMemTrace",
    "GPUMemory",
    "b2mb",
    "gpu_mem_get",
    "gpu_mem_get_all",
    "gpu_mem_get_free",
    "gpu_mem_get_free_no_cache",
    "gpu_mem_get_used",
    "gpu_mem_get_used_fast",
    "gpu_mem_get_used_no_cache",
    "gpu_mem_trace",
    "gpu_with_max_free_mem",
    "preload_pytorch",
    "reduce_mem_usage",
]

_Function = TypeVar("_Function", bound=Callable[..., Any])


def __getattr__(name: str) -> Any:
    # v1: a variable; asked for at use, because an import does not look for devices.
    if name == "use_gpu":
        return torch.cuda.is_available()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class GPUMemory(NamedTuple):
    """Memory of a GPU in MB."""

    total: int
    free: int
    used: int


def preload_pytorch() -> None:
    """Let torch take the memory it needs on the GPU before any tensor is there."""
    if torch.cuda.is_available():
        torch.ones((1, 1), device="cuda")


def b2mb(num: float) -> int:
    """Bytes as whole MB (2**20 bytes), rounded down."""
    return int(num / 2**20)


def gpu_mem_get(id: int | None = None) -> GPUMemory:
    """Return the memory of a GPU, the present one if None; zeros without a GPU."""
    if not torch.cuda.is_available():
        return GPUMemory(0, 0, 0)
    free, total = torch.cuda.mem_get_info(id)
    return GPUMemory(b2mb(total), b2mb(free), b2mb(total - free))


def gpu_mem_get_all() -> list[GPUMemory]:
    """Return the memory of every GPU."""
    return [gpu_mem_get(id) for id in range(torch.cuda.device_count())]


def gpu_mem_get_free() -> int:
    """Return the free memory of the present GPU."""
    return gpu_mem_get().free


def gpu_mem_get_free_no_cache() -> int:
    """Return the free memory of the present GPU once torch has given up what it keeps for later."""
    torch.cuda.empty_cache()
    return gpu_mem_get().free


def gpu_mem_get_used() -> int:
    """Return the used memory of the present GPU."""
    return gpu_mem_get().used


def gpu_mem_get_used_fast(gpu_handle: int | None) -> int:
    """Return the used memory of a GPU, by its number."""
    return gpu_mem_get(gpu_handle).used


def gpu_mem_get_used_no_cache() -> int:
    """Return the used memory of the present GPU once torch has given up what it keeps for later."""
    torch.cuda.empty_cache()
    return gpu_mem_get().used


def gpu_with_max_free_mem() -> tuple[int | None, int]:
    """Return the number of the GPU with the most free memory and how much that is; (None, 0) without one."""
    free = [memory.free for memory in gpu_mem_get_all()]
    return (free.index(max(free)), max(free)) if free else (None, 0)


class GPUMemTrace:
    """Tells how much the memory of tensors on the present GPU has grown, and how much more it was between.

    As a context manager it starts and stops with the block.

    Args:
        silent: whether nothing is written.
        ctx: text that stands in every report.
        on_exit_report: whether leaving the block writes a report.
    """

    def __init__(self, silent: bool = False, ctx: str | None = None, on_exit_report: bool = True) -> None:
        # v1: `silent` is the name of a method too, so the setting has another one.
        self._is_silent, self.ctx, self.on_exit_report = silent, ctx, on_exit_report
        self._running = False
        self.start()

    def reset(self) -> None:
        """Count from here."""
        self._before, self._now, self._peak = _allocated(), _allocated(), 0
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()

    def data_set(self) -> None:
        """Take the present numbers."""
        highest = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
        self._now = _allocated()
        self._peak = max(0, highest - max(self._before, self._now))

    def data(self) -> tuple[int, int]:
        """Return growth, and how much above both ends memory was between, in MB."""
        if self._running:
            self.data_set()
        return b2mb(self._now - self._before), b2mb(self._peak)

    def start(self) -> None:
        """Count from here, also after a stop."""
        self._running = True
        gc.collect()
        self.reset()

    def stop(self) -> None:
        """Keep the numbers of this moment."""
        if self._running:
            self.data_set()
        self._running = False

    def __enter__(self) -> GPUMemTrace:
        self.start()
        return self

    def __exit__(
        self, type: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
        if self.on_exit_report:
            self.report("exit")

    def __repr__(self) -> str:
        used, peaked = self.data()
        return f"△Used Peaked MB: {used:6,.0f} {peaked:6,.0f}"

    def silent(self, silent: bool = True) -> None:
        """Write nothing from now on, or write again."""
        self._is_silent = silent

    def report(self, subctx: str | None = None) -> None:
        """Write a line with the numbers and the context."""
        if not self._is_silent:
            context = ": ".join(text for text in (self.ctx, subctx) if text)
            sys.stdout.write(f"{self!r}{f'  ({context})' if context else ''}\n")

    def report_n_reset(self, subctx: str | None = None) -> None:
        """Write a line and count from there."""
        self.report(subctx)
        self.reset()

    def peak_monitor_start(self) -> None:
        """Count from here; torch notes the peak, and no thread has to."""
        self.start()

    def peak_monitor_stop(self) -> None:
        """Keep the numbers of this moment."""
        self.stop()

    def peak_monitor_func(self) -> None:
        """Take the present numbers."""
        self.data_set()


def _allocated() -> int:
    return torch.cuda.memory_allocated() if torch.cuda.is_available() else 0


def gpu_mem_trace(func: _Function) -> _Function:
    """Decorator: report the GPU memory of each call, under the name of the function."""

    @functools.wraps(func)
    def traced(*args: Any, **kwargs: Any) -> Any:
        with GPUMemTrace(ctx=func.__qualname__):
            return func(*args, **kwargs)

    return traced  # type: ignore[return-value]


def reduce_mem_usage(df: Any) -> Any:
    """Give each column of a pandas table the smallest type that holds its values, in place, and return it.

    Whole numbers get the smallest integer type, others float32 if no value is changed by it, text becomes
    categories; times and truth values stay.
    """
    for name in df.columns:
        column = df[name]
        if column.dtype.kind in "iu":
            df[name] = column.astype(_smallest_integer(column))
        elif column.dtype.kind == "f":
            small = column.astype(np.float32)
            unchanged = bool(((small == column) | column.isna()).all())
            df[name] = small if unchanged else column
        elif column.dtype == object or column.dtype.name in ("str", "string"):
            df[name] = column.astype("category")
    return df


def _smallest_integer(column: Any) -> np.dtype[Any]:
    lowest, highest = (int(column.min()), int(column.max())) if len(column) else (0, 0)
    kinds = (np.int8, np.int16, np.int32, np.int64)
    fitting = [kind for kind in kinds if np.iinfo(kind).min <= lowest and highest <= np.iinfo(kind).max]
    return np.dtype(fitting[0]) if fitting else column.dtype
