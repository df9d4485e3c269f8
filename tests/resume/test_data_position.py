"""Random numbers and counters of loaders are noted and put back; their data are not touched."""

from __future__ import annotations

import random
from types import SimpleNamespace

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset, RandomSampler, Sampler

from fastloop_v1.data_loading import DeviceDataLoader
from fastloop_v1.resume.data_position import data_position, set_data_position


class Augmented(Dataset):
    """Counts, draws, and holds much."""

    def __init__(self):
        self.rows, self.names = torch.zeros(1000, 10), [str(i) for i in range(1000)]
        self.asked, self.own, self.root = 0, np.random.default_rng(0), "here"
        self.tfms = [SimpleNamespace(drawn=random.Random(0), strength=0.5)]

    def __len__(self):
        return 10

    def __getitem__(self, i):
        self.asked += 1
        return self.own.random() + self.tfms[0].drawn.random(), 0


class Counting(Sampler):
    """Starts elsewhere each time."""

    def __init__(self):
        self.epoch = 0

    def __len__(self):
        return 10

    def __iter__(self):
        self.epoch += 1
        return iter([(i + self.epoch) % 10 for i in range(10)])


def _batches(data):
    return [x.tolist() for x, _ in data.train_dl], torch.rand(1).item(), np.random.rand(), random.random()


def _data(sampler):
    loader = DataLoader(Augmented(), 4, sampler=sampler)
    return SimpleNamespace(train_dl=DeviceDataLoader(loader, "cpu"), valid_dl=None)


def test_loaders_go_on_from_a_position_put_back():
    for make in (Counting, lambda: RandomSampler(range(10), generator=torch.Generator().manual_seed(1))):
        data = _data(make())
        _batches(data)
        position = data_position(data)
        expected = _batches(data)
        for other in (data, _data(make())):
            set_data_position(position, other)
            assert _batches(other) == expected


def test_position_holds_no_data_and_no_text():
    data = _data(Counting())
    table = data_position(data)
    assert sum(tensor.numel() for tensor in table.tensors.values()) < 20_000
    assert "here" not in str(table.entries)


def test_options_of_the_new_loader_stay():
    position = data_position(_data(Counting()))
    other = _data(Counting())
    other.train_dl.dl.timeout, other.train_dl.dl.dataset.root = 5, "there"
    set_data_position(position, other)
    assert (other.train_dl.dl.timeout, other.train_dl.dl.dataset.root) == (5, "there")
    assert other.train_dl.dl.batch_sampler is not None
