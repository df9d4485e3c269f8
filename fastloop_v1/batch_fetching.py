"""`batches`: the batches of a torch loader, fetched whole by index where nobody can tell the difference."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    MapDataPipe,
    RandomSampler,
    SequentialSampler,
    Subset,
    TensorDataset,
    default_collate,
)

from .nested import data_collate
from .resume.worker_state import batches_with_worker_state

__all__ = ["batches"]

_GETTERS = TensorDataset.__getitem__, Subset.__getitem__
_NUMBERS = "bBhilqefdFD"  # types of arrays whose samples and rows torch takes as the same kind of tensor
_BLOCK = 1024  # so many batches of indices are views of one tensor, made together


def batches(dl: Any) -> Iterator[Any]:
    """Return an iterator over the batches of a loader.

    Torch's loader asks a data set for one sample after the other and stacks them again. Where the data set
    is a `TensorDataset`, a tensor, an array in memory or on disk, or a `Subset` of one, in this process, and
    samples and batches are made by torch's own rules, each tensor is asked for the rows of a batch at once:
    the same values in the same order, from the same random numbers, in new memory, with the same errors.
    Other data sets with indices are asked as by torch, without the time it takes between two batches.
    Streams, workers and loaders of one's own go torch's way.
    """
    return _fetched(dl, _Rows.behind(dl)) if _is_ordinary(dl) else batches_with_worker_state(dl)


def _fetched(dl: Any, rows: _Rows | None) -> Iterator[Any]:
    iter(dl)  # draws a random number, as torch does when it starts to load
    if rows is None:
        for indices in dl.batch_sampler:
            yield dl.collate_fn(_samples(dl.dataset, indices))
        return
    for indices in _index_batches(dl.batch_sampler):
        try:
            batch: Any = rows.fetch(indices)
        except Exception:  # noqa: BLE001  (torch's way has its own error for it, or an answer)
            listed = indices.tolist() if isinstance(indices, Tensor) else indices
            batch = dl.collate_fn([dl.dataset[i] for i in listed])
        yield batch


def _samples(dataset: Any, indices: Sequence[Any]) -> Any:
    whole = getattr(dataset, "__getitems__", None)
    return whole(indices) if whole else [dataset[i] for i in indices]


def _index_batches(sampler: BatchSampler) -> Iterator[Any]:
    """What the sampler gives, as tensors where it knows the whole order in the beginning."""
    if not _knows_its_order(sampler.sampler):
        yield from sampler
        return
    order, size = torch.tensor(list(sampler.sampler), dtype=torch.int64), sampler.batch_size
    if sampler.drop_last:
        order = order[: len(order) - len(order) % size]
    for block in torch.split(order, size * _BLOCK) if len(order) else ():
        yield from torch.split(block, size)


def _knows_its_order(sampler: Any) -> bool:
    return type(sampler) is SequentialSampler or (type(sampler) is RandomSampler and not sampler.replacement)


class _Rows:
    """Rows of a data set.

    Args:
        dataset: tensors, all in the memory of this process, or one tensor, or an array.
        chosen: the rows that can be asked for, by their place here; None for all of them.
    """

    def __init__(self, dataset: Any, chosen: Tensor | None) -> None:
        self.dataset, self.chosen = dataset, chosen

    @classmethod
    def behind(cls, dl: Any) -> _Rows | None:
        """The rows that a loader gives one by one, None if they cannot be fetched together."""
        own_rules = (TensorDataset.__getitem__, Subset.__getitem__) != _GETTERS
        if own_rules or dl.collate_fn not in (data_collate, default_collate):
            return None
        dataset, chosen = dl.dataset, None
        while _keeps_rules_of(Subset, dataset):
            inner = _as_rows(dataset.indices)
            if inner is None:
                return None
            chosen = inner if chosen is None else inner[chosen]
            dataset = dataset.dataset
        whole = _keeps_rules_of(TensorDataset, dataset) and all(map(_is_plain, dataset.tensors))
        return cls(dataset, chosen) if whole or _is_plain(dataset) or _is_array(dataset) else None

    def fetch(self, indices: Sequence[int] | Tensor) -> Any:
        """Return a new tensor of rows, or a list with one for each tensor of the data set."""
        at = torch.as_tensor(indices)
        at = at if self.chosen is None else self.chosen.index_select(0, at)
        if isinstance(self.dataset, np.ndarray):
            return torch.as_tensor(self.dataset[at.numpy()])
        if isinstance(self.dataset, Tensor):
            return self.dataset.index_select(0, at)
        return [tensor.index_select(0, at) for tensor in self.dataset.tensors]


def _is_ordinary(dl: Any) -> bool:
    """Whether this is torch's own loader, working in this process over a data set with indices."""
    return (
        type(dl) is DataLoader
        and not dl.num_workers
        and not dl.pin_memory
        and type(dl.batch_sampler) is BatchSampler
        and not isinstance(dl.dataset, (IterableDataset, MapDataPipe))
    )


def _keeps_rules_of(kind: Any, dataset: Any) -> bool:
    """Whether samples come by the rules of a kind of torch; a subclass may add what nobody asks for here."""
    own = type(dataset)
    names = "__getitem__", "__getitems__", "__getattribute__", "__getattr__", "tensors", "dataset", "indices"
    same = all(getattr(own, name, None) is getattr(kind, name, None) for name in names)
    return isinstance(dataset, kind) and same and "__getitems__" not in vars(dataset)


def _as_rows(indices: Any) -> Tensor | None:
    """Indices of a subset as a tensor; None unless they are whole numbers from 0 on."""
    try:
        rows = torch.as_tensor(indices)
    except (TypeError, ValueError, RuntimeError):
        return None
    known = rows.dtype is torch.int64 and rows.dim() == 1 and rows.is_cpu
    return rows if known and (len(rows) == 0 or int(rows.min()) >= 0) else None


def _is_plain(tensor: Any) -> bool:
    return (
        type(tensor) is Tensor
        and tensor.is_cpu
        and tensor.layout is torch.strided
        and tensor.is_contiguous()
        and not (tensor.requires_grad or tensor.is_quantized or tensor.is_conj() or tensor.is_neg())
    )


def _is_array(array: Any) -> bool:
    known = type(array) in (np.ndarray, np.memmap) and array.dtype.char in _NUMBERS and array.dtype.isnative
    return bool(known and array.ndim and array.size)
