"""Random numbers and counters of worker processes, for loaders that ask their workers where they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from typing import Any

from torch.utils.data import IterableDataset, get_worker_info

from .data_position import position, set_position
from .random_state import random_state, set_random_state
from .state_table import StateTable

__all__ = ["batches_with_worker_state", "has_worker_state", "knows_its_place"]

_MARK = "random and data"


def knows_its_place(obj: Any) -> bool:
    """Whether it has a state of its own, as torchdata's `StatefulDataLoader`."""
    return hasattr(type(obj), "state_dict") and hasattr(type(obj), "load_state_dict")


def batches_with_worker_state(dl: Any) -> Iterator[Any]:
    """Return an iterator over a loader whose workers, if it asks them for their state, tell all of it.

    A `StatefulDataLoader` asks the data set, or its iterator, in each worker after each batch. There it
    becomes one that tells the worker's random numbers too, and its counters and generators if it has no
    `state_dict`.
    """
    asks = knows_its_place(dl) and hasattr(dl, "worker_init_fn")
    if not (asks and dl.num_workers):
        return iter(dl)
    given = dl.worker_init_fn
    dl.worker_init_fn = partial(_let_it_tell, given)
    try:
        return iter(dl)
    finally:
        dl.worker_init_fn = given


def has_worker_state(state: Any) -> bool:
    """Whether each worker told its random numbers in this state of a loader."""
    workers = state.get("_snapshot", {}).get("_worker_snapshots", {}) if isinstance(state, dict) else {}
    told = [worker.get("dataset_state") for worker in workers.values()]
    return bool(told) and all(isinstance(each, dict) and _MARK in each for each in told)


class _Attributes:
    """The attributes of an object, for one that would be asked for its state instead."""

    def __init__(self, obj: Any) -> None:
        self.__dict__ = vars(obj)


def _let_it_tell(then: Any, worker_id: int) -> None:
    """Begin a worker: its data set tells more from here on."""
    if then is not None:
        then(worker_id)
    info = get_worker_info()
    if info is not None:
        _take_class(info.dataset, _streaming if isinstance(info.dataset, IterableDataset) else _telling)


def _take_class(obj: Any, like: Callable[[Any], type]) -> None:
    # A list or a generator keeps its class; what it gave is then given again at a resume.
    with suppress(TypeError):
        obj.__class__ = like(type(obj))


def _telling(kind: Any) -> type:
    """A class like this one that tells the worker's random numbers, and its counters if it has no state."""
    has_own = hasattr(kind, "state_dict")

    def parts(self: Any) -> dict[str, Any]:
        return {} if has_own else {"data": _Attributes(self)}

    def state_dict(self: Any) -> dict[str, Any]:
        told = {"own": kind.state_dict(self)} if has_own else {}
        # What cannot be told must not end training; the batches before are read again at a resume.
        with suppress(Exception):
            table = position(parts(self), random_state(devices=False))
            # As a list: the loader takes dicts apart.
            told[_MARK] = [table.roots, table.entries, table.tensors]
        return told

    def load_state_dict(self: Any, state: dict[str, Any]) -> None:
        if has_own:
            kind.load_state_dict(self, state["own"])
        if _MARK in state:
            set_random_state(set_position(StateTable(*state[_MARK]), parts(self)))

    return _derived(kind, state_dict=state_dict, load_state_dict=load_state_dict)


def _streaming(kind: Any) -> type:
    """A class of streams like this one, whose iterators tell the worker's random numbers if they know theirs.

    Over a stream that knows nothing of its place, the loader itself goes forward again.
    """

    def begin(self: Any) -> Iterator[Any]:
        samples: Iterator[Any] = kind.__iter__(self)
        if samples is not self and knows_its_place(samples):
            _take_class(samples, _telling)
        return samples

    return _derived(_telling(kind) if hasattr(kind, "state_dict") else kind, __iter__=begin)


def _derived(kind: Any, **methods: Any) -> type:
    """A class with other methods and one base only, so that an object may take it for its class."""
    return type(kind.__name__, (kind,), {**methods, "__module__": kind.__module__})
