"""Samples that can be learned from, made from a seed, and the data sets that hold them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

__all__ = ["Batched", "MappedRows", "as_it_is", "samples", "write_rows"]

_BLOCK = 8192  # rows that are made at once


def samples(rows: int, shape: tuple[int, ...], classes: int, seed: int) -> tuple[Tensor, Tensor]:
    """Return inputs (rows, *shape), a mean for each class with noise around it, and classes (rows,).

    The means are a tenth of the noise: a loss falls, but not to zero.
    """
    means = 0.1 * torch.randn(classes, *shape, generator=torch.Generator().manual_seed(42))
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(0, classes, (rows,), generator=generator)
    x = torch.randn(rows, *shape, generator=generator)
    for start in range(0, rows, _BLOCK):  # by blocks, so that making samples is not the peak of a process
        block = slice(start, start + _BLOCK)
        x[block] += means[y[block]]
    return x, y


def as_it_is(batch: Any) -> Any:
    """Return the batch: the collate function for a data set that gives whole batches."""
    return batch


class Batched(Dataset[Any]):
    """Tensors that are fetched by the batch."""

    def __init__(self, *tensors: Tensor) -> None:
        self.tensors = tensors

    def __len__(self) -> int:
        return len(self.tensors[0])

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        return tuple(tensor[index] for tensor in self.tensors)

    def __getitems__(self, indices: list[int]) -> tuple[Tensor, ...]:
        at = torch.tensor(indices)
        return tuple(tensor[at] for tensor in self.tensors)


def write_rows(folder: Path, rows: int, shape: tuple[int, ...], classes: int, seed: int) -> None:
    """Write samples to `inputs.npy` and `classes.npy` of a new folder, block by block."""
    folder.mkdir()
    inputs = np.lib.format.open_memmap(
        folder / "inputs.npy", mode="w+", dtype=np.float32, shape=(rows, *shape)
    )
    targets = np.lib.format.open_memmap(folder / "classes.npy", mode="w+", dtype=np.int64, shape=(rows,))
    for start in range(0, rows, _BLOCK):
        block = slice(start, min(start + _BLOCK, rows))
        x, y = samples(block.stop - start, shape, classes, seed + start)
        inputs[block], targets[block] = x.numpy(), y.numpy()


class MappedRows(Dataset[Any]):
    """The first rows of arrays on disk, each read when it is asked for.

    Args:
        folder: holds `inputs.npy` and `classes.npy`.
        rows: how many.
    """

    def __init__(self, folder: Path, rows: int) -> None:
        self.folder, self.rows = folder, rows
        self.inputs = np.load(folder / "inputs.npy", mmap_mode="r")
        self.classes = np.load(folder / "classes.npy", mmap_mode="r")

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return torch.from_numpy(np.array(self.inputs[index])), int(self.classes[index])

    def __reduce__(self) -> tuple[type[MappedRows], tuple[Path, int]]:
        # A worker that is started anew maps the files itself instead of getting their contents.
        return type(self), (self.folder, self.rows)
