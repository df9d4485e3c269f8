"""What is left of an epoch comes as it would have come, at the least cost."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from fastloop_v1.data_loading import DeviceDataLoader
from fastloop_v1.errors import ArgumentError
from fastloop_v1.resume.data_position import data_position, set_data_position
from fastloop_v1.resume.remaining_batches import (
    RemainingBatches,
    check_replayable,
    loader_state,
    remaining_batches,
)


class Rows(Dataset):
    """Draws at random for each row, and counts the rows read."""

    def __init__(self, n):
        self.n, self.read = n, 0

    def __len__(self):
        return self.n

    def __getitem__(self, i):
        self.read += 1
        return torch.tensor([i, torch.rand(1).item()]), 0


class Own:
    """A loader that is nothing but sized and iterable."""

    def __len__(self):
        return 4

    def __iter__(self):
        return ((torch.rand(2), torch.zeros(2)) for _ in range(4))


class Stateful:
    """A loader that knows its place."""

    def __init__(self):
        self.at = 0

    def state_dict(self):
        """Where it is."""
        return {"at": self.at}

    def load_state_dict(self, state):
        """Go there."""
        self.at = state["at"]

    def __iter__(self):
        while self.at < 4:
            self.at += 1
            yield torch.full((2,), float(self.at)) + torch.rand(1), torch.zeros(2)
        self.at = 0


LOADERS = {
    "shuffled": lambda: DataLoader(Rows(23), 4, shuffle=True),
    "in order": lambda: DataLoader(Rows(23), 4, drop_last=True),
    "rows of tensors": lambda: DataLoader(TensorDataset(torch.rand(23, 2), torch.rand(23)), 4, shuffle=True),
    "without batches": lambda: DataLoader(Rows(5), batch_size=None, shuffle=True),
    "with workers": lambda: DataLoader(Rows(23), 4, shuffle=True, num_workers=2),
    "own": Own,
    "list": lambda: [(torch.full((2,), float(i)), torch.zeros(2)) for i in range(5)],
    "stateful": Stateful,
}


def _seen(batches):
    return [(x.tolist(), torch.rand(1).item()) for x, _ in batches]


@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "on a device"])
@pytest.mark.parametrize("name", LOADERS)
@pytest.mark.parametrize("done", [1, 3])
def test_rest_is_as_without_interruption(name, wrapped, done):
    torch.manual_seed(0)
    inner = LOADERS[name]()
    loader = DeviceDataLoader(inner, "cpu") if wrapped else inner
    data = SimpleNamespace(train_dl=loader)
    start = data_position(data)
    batches = iter(loader)
    for _ in range(done):
        next(batches)
        torch.rand(7)
    now, state = data_position(data), loader_state(loader)
    expected = _seen(batches)
    torch.manual_seed(99)
    begun = []
    rest = remaining_batches(
        loader,
        done,
        state,
        begun=lambda: begun.append(1),
        rewind=lambda: set_data_position(start, data),
        forward=lambda: set_data_position(now, data),
    )
    assert begun == []
    assert _seen(rest) == expected
    assert begun == [1]


def _rest(loader, done, forward=lambda: None):
    return remaining_batches(loader, done, None, begun=list, rewind=list, forward=forward)


def test_going_past_ten_thousand_batches_reads_no_row():
    loader = DataLoader(Rows(30_006), 3, shuffle=True)
    rest = _rest(DeviceDataLoader(loader, "cpu"), 10_000)
    assert len(list(rest)) == 2
    assert loader.dataset.read == 6


def test_epoch_whose_training_is_over_gives_nothing_and_reads_nothing():
    loader, told = DataLoader(Rows(8), 2), []
    assert list(_rest(loader, None, lambda: told.append(1))) == []
    assert (loader.dataset.read, told) == (0, [1])


def test_length_and_attributes_are_those_of_the_loader():
    loader = DeviceDataLoader(DataLoader(Rows(8), 2), "cpu")
    rest = _rest(loader, 3)
    assert isinstance(rest, DeviceDataLoader)
    assert isinstance(rest.dl, RemainingBatches)
    assert (len(rest), rest.dataset, rest.batch_size) == (4, loader.dl.dataset, 2)
    assert loader.dl is not rest.dl


class Stream(IterableDataset):
    """Rows that come one after the other."""

    def __iter__(self):
        return iter(range(4))


@pytest.mark.parametrize(
    ("loader", "why"),
    [
        (DataLoader(Stream(), 2), "StatefulDataLoader"),
        (DeviceDataLoader(DataLoader(Stream(), 2), "cpu"), "StatefulDataLoader"),
        (iter([1, 2]), "cannot start again"),
        (SimpleNamespace(), "has no length"),
    ],
    ids=["stream", "stream on a device", "iterator", "no length"],
)
def test_loader_that_cannot_be_replayed_is_refused(loader, why):
    with pytest.raises(ArgumentError, match=why):
        check_replayable(loader)


@pytest.mark.parametrize("name", LOADERS)
def test_loader_that_can_be_replayed_is_let_be(name):
    check_replayable(LOADERS[name]())
