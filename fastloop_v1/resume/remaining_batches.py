"""`RemainingBatches`: what is left of an epoch of training that was interrupted."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from torch.utils.data import DataLoader, IterableDataset

from ..errors import ArgumentError
from .random_state import random_state, set_random_state
from .worker_state import batches_with_worker_state, has_worker_state, knows_its_place

__all__ = ["RemainingBatches", "check_replayable", "loader_state", "remaining_batches"]


def _inner(dl: Any) -> Any:
    """The loader inside of all wrappers that put batches on a device or transform them."""
    while (
        not isinstance(dl, DataLoader) and hasattr(dl, "proc_batch") and "dl" in getattr(dl, "__dict__", ())
    ):
        dl = dl.dl
    return dl


def check_replayable(dl: Any) -> None:
    """See that training can go on in the middle of an epoch of this loader.

    Raises:
        ArgumentError: it is an iterator, or streams samples and cannot say where it is.
    """
    inner = _inner(dl)
    if knows_its_place(inner):
        return
    why = None
    if isinstance(getattr(inner, "dataset", None), IterableDataset):
        why = "its data set is iterable; take torchdata's StatefulDataLoader (extra `resume`)"
    elif isinstance(inner, Iterator):
        why = "it is an iterator, which cannot start again"
    elif not hasattr(type(inner), "__len__"):
        why = "it has no length and no state_dict"
    if why is not None:
        raise ArgumentError(
            f"train_dl is a {type(inner).__name__} that training cannot be resumed with: {why}."
        )


def loader_state(dl: Any) -> Any:
    """Return where a loader says it is, in the middle of an epoch; None if it does not keep that itself."""
    inner = _inner(dl)
    return copy.deepcopy(inner.state_dict()) if knows_its_place(inner) else None


def remaining_batches(dl: Any, done: int | None, state: Any, **steps: Callable[[], None]) -> Any:
    """Return a loader like `dl` that gives what is left of an epoch; arguments as of `RemainingBatches`."""
    inner = _inner(dl)
    rest = RemainingBatches(inner, done, state, **steps)
    if inner is dl:
        return rest
    outer = whole = copy.copy(dl)
    while outer.dl is not inner:
        outer.dl = copy.copy(outer.dl)
        outer = outer.dl
    outer.dl = rest
    return whole


class RemainingBatches:
    """Gives the batches of a loader that are left of an epoch, the same as without the interruption.

    Without workers, batches before them are only counted: no sample is read. With workers they are read and
    dropped, since what a worker draws at random depends on what it has read; a loader that keeps its own
    state, as torchdata's `StatefulDataLoader`, goes on at once if its workers told theirs.

    Args:
        dl: the loader.
        done: batches that are through; None if the epoch's training is over.
        state: what `loader_state` returned, or None.
        begun: called when the iteration begins.
        rewind: puts random numbers back to where they were when the epoch's iteration began.
        forward: puts random numbers back to where they were at the interruption.
    """

    def __init__(
        self,
        dl: Any,
        done: int | None,
        state: Any,
        *,
        begun: Callable[[], None],
        rewind: Callable[[], None],
        forward: Callable[[], None],
    ) -> None:
        self.dl, self.done, self.state = dl, done, state
        self.begun, self.rewind, self.forward = begun, rewind, forward

    def __len__(self) -> int:
        return len(self.dl)

    def __getattr__(self, k: str) -> Any:
        if k.startswith("__") or k == "dl":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {k!r}")
        return getattr(self.dl, k)

    def __iter__(self) -> Iterator[Any]:
        self.begun()
        if self.done is None:
            self.forward()
            return
        self.rewind()
        yield from self._started(self.done)

    def _started(self, done: int) -> Any:
        """The loader's iterator behind the batches done, with the random numbers of the interruption."""
        dl = self.dl
        if self.state is not None and _is_all(dl, self.state):
            # In this order: what a data set loads may be for the iterator that begins next.
            self.forward()
            numbers = random_state()
            dl.load_state_dict(copy.deepcopy(self.state))
            batches = batches_with_worker_state(dl)
            set_random_state(numbers)
            return batches
        if _gives_by_index(dl):
            # The sampler goes forward when the first batch is asked for, and then puts the numbers back.
            return iter(_skipping(dl, done, self.forward))
        if isinstance(dl, Sequence):
            batches = islice(dl, done, None)
        else:
            batches = batches_with_worker_state(dl)
            for _ in islice(batches, done):
                continue
        self.forward()
        return batches


def _is_all(dl: Any, state: Any) -> bool:
    """Whether a loader's state says all there is to know of its workers."""
    streams = isinstance(getattr(dl, "dataset", None), IterableDataset)
    return streams or not getattr(dl, "num_workers", 0) or has_worker_state(state)


def _gives_by_index(dl: Any) -> bool:
    """Whether batches depend on their indices and on random numbers of this process only."""
    return (
        isinstance(dl, DataLoader)
        and type(dl).__iter__ is DataLoader.__iter__
        and not dl.num_workers
        and not isinstance(dl.dataset, IterableDataset)
    )


class _Skipping:
    """Gives what a sampler gives, less the first ones, and tells when those are through."""

    def __init__(self, sampler: Any, skipped: int, through: Callable[[], None]) -> None:
        self.sampler, self.skipped, self.through = sampler, skipped, through

    def __len__(self) -> int:
        return len(self.sampler)

    def __iter__(self) -> Iterator[Any]:
        indices = iter(self.sampler)
        for _ in islice(indices, self.skipped):
            continue
        self.through()
        yield from indices


def _skipping(dl: DataLoader[Any], done: int, through: Callable[[], None]) -> DataLoader[Any]:
    """A copy of a loader whose sampler leaves out the first batches."""
    like: DataLoader[Any] = copy.copy(dl)
    name = "sampler" if dl.batch_sampler is None else "batch_sampler"
    # A loader does not let these be assigned.
    vars(like)[name] = _Skipping(getattr(dl, name), done, through)
    return like
