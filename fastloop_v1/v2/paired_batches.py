"""`paired_batches`: batches of several inputs, or without a target, as the loop takes them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

__all__ = ["paired_batches"]


@contextmanager
def paired_batches(*dls: Any) -> Iterator[None]:
    """Let loaders give `(inputs, target)` inside of a block, whatever number of items a batch has.

    As in v2, the last item is the target and those before it are inputs; one alone is an input.

    Args:
        dls: loaders; those without batch transforms are left alone.
    """
    loaders = [dl for dl in dls if hasattr(dl, "add_tfm")]
    # An object of its own, so that blocks inside of one another each take back their own.
    pair = partial(_pair)
    for dl in loaders:
        dl.add_tfm(pair)
    try:
        yield
    finally:
        for dl in loaders:
            dl.remove_tfm(pair)


def _pair(batch: Any) -> Any:
    if not isinstance(batch, (list, tuple)) or len(batch) in (0, 2):
        return batch
    if len(batch) == 1:
        return batch[0], []
    return list(batch[:-1]), batch[-1]
