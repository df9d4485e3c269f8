"""Batches of any number of items come as inputs and target, for the time of a block."""

from __future__ import annotations

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from fastloop_v1.data_loading import DeviceDataLoader
from fastloop_v1.v2.paired_batches import paired_batches


def loader(parts):
    tensors = [torch.arange(2.0) + part for part in range(parts)]
    return DeviceDataLoader(DataLoader(TensorDataset(*tensors), batch_size=2), torch.device("cpu"))


def test_two_items_stay_what_they_are():
    dl = loader(2)
    with paired_batches(dl):
        (batch,) = dl
    assert [part.tolist() for part in batch] == [[0, 1], [1, 2]]


def test_the_last_of_several_is_the_target():
    dl = loader(3)
    with paired_batches(dl), paired_batches(dl):
        ((inputs, target),) = dl
    assert [x.tolist() for x in inputs] == [[0, 1], [1, 2]]
    assert target.tolist() == [2, 3]


def test_one_alone_is_an_input():
    dl = loader(1)
    with paired_batches(dl):
        ((x, target),) = dl
    assert (x.tolist(), target) == ([0, 1], [])


def test_the_loader_is_as_before_afterwards():
    dl = loader(3)
    with paired_batches(dl):
        with pytest.raises(ValueError, match="stop"), paired_batches(dl, None, [1]):
            raise ValueError("stop")
        assert len(dl.tfms) == 1
    assert dl.tfms == []
