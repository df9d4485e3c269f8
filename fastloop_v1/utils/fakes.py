"""Random data, and a learner of it, for tests."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from ..basic_data import DataBunch
from ..basic_train import Learner
from ..errors import ArgumentError
from ..items import ItemBase
from ..losses import CrossEntropyFlat

__all__ = [
    "RandomItem",
    "RandomItemList",
    "RandomLabel",
    "RandomLabelList",
    "fake_basedata",
    "fake_data",
    "fake_learner",
]


class RandomItem(ItemBase):
    """An item of random numbers from 0 to 1.

    Args:
        sizes: shape of the item.
    """

    def __init__(self, *sizes: int) -> None:
        super().__init__(torch.rand(*sizes))

    def __str__(self) -> str:
        return str(self.data)

    @classmethod
    def from_val(cls, t: Any) -> RandomItem:
        """Return an item of these numbers."""
        item = cls(0)
        item.data = item.obj = t
        return item


class RandomLabel(ItemBase):
    """A random number.

    Args:
        y_range: lowest and highest possible number.
    """

    def __init__(self, y_range: tuple[float, float]) -> None:
        low, high = y_range
        super().__init__(low + (high - low) * torch.rand(1))

    def __str__(self) -> str:
        return str(self.data)

    @classmethod
    def from_val(cls, t: Any) -> RandomLabel:
        """Return a label of this number."""
        label = cls((0, 0))
        label.data = label.obj = t
        return label


class RandomLabelList:
    """A random label in each place.

    Args:
        items: as many as there are labels.
        y_range: lowest and highest possible number, 0 and 1 if None.
        kwargs: not used.
    """

    def __init__(
        self, items: Sequence[Any], y_range: tuple[float, float] | None = None, **kwargs: Any
    ) -> None:
        self.items, self.y_range = items, y_range or (0.0, 1.0)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, i: int) -> RandomLabel:
        return self.get(i)

    def get(self, i: int) -> RandomLabel:
        """Return a new label, whatever `i` is."""
        return RandomLabel(self.y_range)

    def reconstruct(self, t: Any) -> RandomLabel:
        """Return a label of this number."""
        return RandomLabel.from_val(t)


class RandomItemList:
    """A random item in each place.

    Args:
        items: as many as there are items.
        sizes: shape of an item, one number if None.
        kwargs: not used.
    """

    _label_cls = RandomLabelList

    def __init__(self, items: Sequence[Any], sizes: Sequence[int] | None = None, **kwargs: Any) -> None:
        self.items, self.sizes = items, tuple(sizes or (1,))

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, i: int) -> RandomItem:
        return self.get(i)

    def get(self, i: int) -> RandomItem:
        """Return a new item, whatever `i` is."""
        return RandomItem(*self.sizes)

    def reconstruct(self, t: Any) -> RandomItem:
        """Return an item of these numbers."""
        return RandomItem.from_val(t)

    def show_xys(self, xs: Any, ys: Any, **kwargs: Any) -> None:
        """Write a line for each item with its label."""
        _write_lines(xs, ys)

    def show_xyzs(self, xs: Any, ys: Any, zs: Any, **kwargs: Any) -> None:
        """Write a line for each item with its label and its prediction."""
        _write_lines(xs, ys, zs)


def _write_lines(*columns: Any) -> None:
    for row in zip(*columns, strict=True):
        sys.stdout.write(" ".join(map(str, row)) + "\n")


def _bunch(
    n_in: int, batch_size: int, lengths: tuple[int | None, int | None], classes: int | None
) -> DataBunch:
    """Random loaders, the same at every call, and without a draw from torch's own generator."""
    draw = torch.Generator().manual_seed(0)
    train, valid = (
        size if length is None else length
        for length, size in zip(lengths, (2 * batch_size, batch_size), strict=True)
    )

    def loader(length: int) -> DataLoader[tuple[Tensor, ...]]:
        x = torch.rand(length, n_in, generator=draw)
        y = (
            torch.rand(length, generator=draw)
            if classes is None
            else torch.randint(classes, (length,), generator=draw)
        )
        return DataLoader(TensorDataset(x, y), batch_size)

    return DataBunch(loader(train), loader(valid), c=classes)


def fake_basedata(
    n_in: int = 5,
    batch_size: int = 5,
    train_length: int | None = None,
    valid_length: int | None = None,
) -> DataBunch:
    """Return loaders of random inputs `(batch, n_in)` and numbers `(batch,)`, all from 0 to 1.

    Args:
        n_in: numbers in an input.
        batch_size: samples in a batch.
        train_length: training samples, two batches if None.
        valid_length: validation samples, one batch if None.
    """
    return _bunch(n_in, batch_size, (train_length, valid_length), None)


def fake_data(
    n_in: int = 5,
    n_out: int = 4,
    batch_size: int = 5,
    train_length: int | None = None,
    valid_length: int | None = None,
) -> DataBunch:
    """Return loaders of random inputs `(batch, n_in)` and classes `(batch,)` below `n_out`.

    Args:
        n_in: numbers in an input.
        n_out: number of classes.
        batch_size: samples in a batch.
        train_length: training samples, two batches if None.
        valid_length: validation samples, one batch if None.
    """
    return _bunch(n_in, batch_size, (train_length, valid_length), n_out)


def fake_learner(
    n_in: int = 5,
    n_out: int = 4,
    batch_size: int = 5,
    train_length: int | None = None,
    valid_length: int | None = None,
    layer_group_count: int = 1,
) -> Learner:
    """Return a learner of `fake_data` with one linear layer for each layer group.

    Args:
        n_in: numbers in an input.
        n_out: number of classes.
        batch_size: samples in a batch.
        train_length: training samples, two batches if None.
        valid_length: validation samples, one batch if None.
        layer_group_count: number of layer groups, at least 1.

    Raises:
        ArgumentError: `layer_group_count` is below 1.
    """
    if layer_group_count < 1:
        raise ArgumentError(f"layer_group_count is {layer_group_count}; it must be at least 1.")
    data = fake_data(n_in, n_out, batch_size, train_length, valid_length)
    layers = [nn.Linear(n_in if at == 0 else n_out, n_out) for at in range(layer_group_count)]
    groups = [nn.Sequential(layer) for layer in layers]
    return Learner(data, nn.Sequential(*layers), loss_func=CrossEntropyFlat(), layer_groups=groups)
