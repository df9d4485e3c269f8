"""`paired_batches`: batches of several inputs, or without a target, as the loop takes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

__all__ = ["paired_batches"]


@contextmanager
def paired_batches(*dls: Any) -> Iterator[Callable[[Any], None]]:
    """Let loaders give `(inputs, target)` inside of a block, whatever number of items a batch has.

    As in v2, the last item is the target and those before it are inputs; one alone is an input. The block
    gets a function that takes one more loader; one that was taken is let be.

    Args:
        dls: loaders; those without batch transforms are left alone.
    """
    loaders: list[Any] = []
    # An object of its own, so that blocks inside of one another each take back their own.
    pair = partial(_pair)

    def take(dl: Any) -> None:
        if hasattr(dl, "add_tfm") and not any(dl is other for other in loaders):
            dl.add_tfm(pair)
            loaders.append(dl)

    for dl in dls:
        take(dl)
    try:
        yield take
    finally:
        for dl in loaders:
            dl.remove_tfm(pair)


def _pair(batch: Any) -> Any:
    if not isinstance(batch, (list, tuple)) or len(batch) in (0, 2):
        return batch
    if len(batch) == 1:
        return batch[0], []
    return list(batch[:-1]), batch[-1]
