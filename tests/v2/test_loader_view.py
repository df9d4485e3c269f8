"""Loaders have v2's names beside their own."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from fastloop_v1.data_loading import DeviceDataLoader
from fastloop_v1.v2.loader_view import Loaders, LoaderView, loader_view


def test_loaders_have_v2s_names(small):
    data = small.data()
    loaders = Loaders(data)
    assert (loaders.train, loaders.valid) == (data.train_dl, data.valid_dl)
    assert (loaders[0], loaders[1], len(loaders)) == (data.train_dl, data.valid_dl, 2)
    assert loaders.device == data.device


def test_unshuffled_training_data_are_whole(small):
    loaders = Loaders(small.data(5))
    x = torch.cat([xb for xb, _ in loaders.unshuffled(0)])
    assert torch.equal(x, loaders.train_ds.tensors[0])
    assert loaders.unshuffled(1) == loaders.valid


def test_size_of_batches_and_of_data_have_v2s_names(small):
    loaders = Loaders(small.data(8, n_valid=4))
    assert (loaders.bs, loaders.n) == (loaders.train.bs, loaders.train.n) == (2, 8)
    assert (loaders.valid.bs, loaders.valid.n) == (2, 4)


def test_the_loader_in_use_has_them_too(small):
    seen = []
    look = small.does("before_batch", lambda cb: seen.append((cb.dl.bs, cb.dl.n, cb.learn.dls.bs)))
    small.learner(bunch=small.data(4, n_valid=2), cbs=[look]).fit(1, 0.1)
    assert seen == [(2, 4, 2), (2, 4, 2), (2, 2, 2)]


@pytest.mark.parametrize("workers", [0, 1])
def test_one_batch_is_the_first_one(small, workers):
    data = small.data()
    data.train_dl.num_workers = workers
    x, y = data.train_ds.tensors
    for batch in (Loaders(data).one_batch(), Loaders(data).train.one_batch()):
        assert isinstance(batch, tuple)
        assert torch.equal(batch[0], x[:2])
        assert torch.equal(batch[1], y[:2])


def test_what_is_set_on_the_view_is_on_the_loader(small):
    data = small.data()
    view = Loaders(data).train
    view.batch_size = 4
    assert (data.train_dl.batch_size, len(view), view.tfms is data.train_dl.tfms) == (4, 1, True)


def test_a_view_stands_for_its_loader(small):
    loader = small.data().train_dl
    view = loader_view(loader)
    assert isinstance(view, DeviceDataLoader)
    assert view == loader == view
    assert loader_view(view) is loader_view(loader) is view
    assert loader_view(None) is None
    assert view != small.data().valid_dl
    assert len(list(view)) == len(view) == 2
    assert type(copy.copy(view)) is LoaderView
    assert pickle.loads(pickle.dumps(view)).n == 4
    assert hash(loader_view(view.dl)) == hash(view.dl)


class Endless(IterableDataset):
    def __iter__(self):
        return iter(range(2))


def test_a_loader_that_knows_no_number_has_none():
    assert loader_view(DataLoader(Endless())).n is None
    assert loader_view(DataLoader(TensorDataset(torch.zeros(3)), batch_size=3)).bs == 3
