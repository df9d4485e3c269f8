"""Where the data of training stand: global random numbers, and what loaders, samplers and data sets count."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import PurePath
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, Sampler

from .random_state import random_state, set_random_state
from .state_return import StateReturn
from .state_table import StateTable, StateWriter, attributes_of, class_name

__all__ = ["data_fingerprint", "data_position", "position", "set_data_position", "set_position"]

# Options of a loader, which the new process sets as it likes.
_OPTIONS = frozenset(
    [
        "batch_size",
        "drop_last",
        "num_workers",
        "prefetch_factor",
        "pin_memory",
        "pin_memory_device",
        "timeout",
        "worker_init_fn",
        "persistent_workers",
        "in_order",
        "collate_fn",
        "multiprocessing_context",
        "_DataLoader__multiprocessing_context",
        "_DataLoader__initialized",
        "_dataset_kind",
        "_IterableDataset_len_called",
        "_iterator",
        "snapshot_every_n_steps",
        "next_iter_state",
    ]
)
_NO_COUNTERS = (str, bytes, PurePath, Tensor, np.ndarray, torch.device, torch.dtype)
# A longer container holds data rather than the parts of a loader.
_MOST = 64
_DEEPEST = 20
_CHOICES = (list, tuple, range, np.ndarray, Tensor)


class _PositionWriter(StateWriter):
    """Writes numbers and random generators of loaders and of what they are made of, but no data."""

    _whole = False

    def write_whole(self, name: str, obj: Any) -> None:
        """Write one root with all that is in it."""
        self._whole = True
        self.write(name, obj)
        self._whole = False

    def value(self, obj: Any, place: str) -> Any:
        is_long = isinstance(obj, (list, tuple, dict, set)) and len(obj) > _MOST
        if not self._whole and (is_long or isinstance(obj, _NO_COUNTERS)):
            return {"live": class_name(obj)}
        return super().value(obj, place)

    def _entry(self, obj: Any, place: str) -> dict[str, Any]:
        write = self._writer(obj)
        if write is None:
            return {"live": class_name(obj)}
        whole, self._whole = self._whole, self._whole or write in (self._generator, self._state)
        node = super()._entry(obj, place)
        self._whole = whole
        return node

    def _writer(self, obj: Any) -> Any:
        of_torch = type(obj).__module__.startswith("torch.utils.data.")
        if of_torch or isinstance(obj, (DataLoader, IterableDataset, Sampler)):
            return None if isinstance(obj, Iterator) else self._object
        return super()._writer(obj)

    def _attributes(self, obj: Any, place: str) -> dict[str, Any]:
        options = _OPTIONS if isinstance(obj, DataLoader) else ()
        return {
            name: {"live": class_name(value)} if name in options else self.value(value, f"{place}.{name}")
            for name, value in attributes_of(obj).items()
        }


def _loaders(data: Any) -> dict[str, Any]:
    named = {name: getattr(data, name, None) for name in ("train_dl", "valid_dl")}
    return {name: loader for name, loader in named.items() if loader is not None}


def data_position(data: Any) -> StateTable:
    """Return the random numbers and the counters there are now, in memory of their own.

    Args:
        data: has `train_dl` and perhaps `valid_dl`.
    """
    return position(_loaders(data), random_state())


def position(parts: dict[str, Any], numbers: Any) -> StateTable:
    """Return random numbers, and what loaders or data sets count.

    Of the parts these are plain numbers, random generators, and the attributes of objects that hold such;
    nothing that is long, and no text.

    Args:
        parts: by name.
        numbers: what `random_state` returned.
    """
    writer = _PositionWriter(by_reference=False)
    for name, part in parts.items():
        writer.write(name, part)
    writer.write_whole("random", numbers)
    return writer.table


def data_fingerprint(data: Any) -> str:
    """Return a digest of which samples the loaders choose: lengths, and indices and weights of their parts.

    Two processes that split the same data otherwise have different ones; the samples are not looked at.
    """
    digest = hashlib.sha256()
    for loader in _loaders(data).values():
        for part in _chain(loader):
            digest.update(repr((type(part).__name__, _length(part))).encode())
            for chosen in _choices(part):
                digest.update(np.asarray(chosen).tobytes())
    return digest.hexdigest()


def _choices(part: Any) -> list[Any]:
    """What a sampler or a part of a data set chooses by."""
    own = getattr(part, "__dict__", {})
    return [own[name] for name in ("indices", "weights") if isinstance(own.get(name), _CHOICES)]


def _length(part: Any) -> int | None:
    try:
        return len(part)
    except (TypeError, NotImplementedError):
        return None


def _chain(part: Any) -> Iterator[Any]:
    """A loader, its sampler, its data set, and what those wrap."""
    for _ in range(_DEEPEST):
        if part is None:
            return
        yield part
        own = getattr(part, "__dict__", {})
        if isinstance(own.get("sampler"), Sampler):
            yield own["sampler"]
        part = own.get("dl", own.get("dataset"))


def set_data_position(table: StateTable, data: Any) -> None:
    """Put a position back into the global generators and into these loaders."""
    set_random_state(set_position(table, _loaders(data)))


def set_position(table: StateTable, parts: dict[str, Any]) -> Any:
    """Put a position back into these parts; return the random numbers that belong to it."""
    returned = StateReturn(table)
    for name in parts.keys() & table.roots.keys():
        returned.root(name, parts[name])
    numbers = returned.root("random")
    returned.apply()
    return numbers
