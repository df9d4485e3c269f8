"""A function applied to many values by several processes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from concurrent.futures import ProcessPoolExecutor, as_completed
from typing import Any

from .defaults import defaults
from .progress import progress_bar

__all__ = ["parallel"]


def parallel(
    func: Callable[[Any, int], Any],
    arr: Collection[Any],
    max_workers: int | None = None,
    leave: bool = False,
) -> list[Any] | None:
    """Call `func(value, index)` for each value of `arr`, with a progress bar.

    Args:
        func: a function other processes can import; with fewer than two workers any callable.
        arr: the values.
        max_workers: number of processes, by default `defaults.cpus`; below 2 no process is started.
        leave: the finished progress bar stays visible.

    Returns:
        The results in the order of `arr`, or None if all of them are None.
    """
    max_workers = defaults.cpus if max_workers is None else max_workers
    if max_workers < 2:
        bar = progress_bar(enumerate(arr), total=len(arr), leave=leave)
        results = [func(value, index) for index, value in bar]
    else:
        results = _in_processes(func, arr, max_workers, leave=leave)
    return results if any(result is not None for result in results) else None


def _in_processes(
    func: Callable[[Any, int], Any], arr: Collection[Any], max_workers: int, *, leave: bool
) -> list[Any]:
    with ProcessPoolExecutor(max_workers=max_workers) as pool:
        futures = [pool.submit(func, value, index) for index, value in enumerate(arr)]
        for _ in progress_bar(as_completed(futures), total=len(futures), leave=leave):
            # The bar counts; results are taken in order afterwards.
            continue
        return [future.result() for future in futures]
