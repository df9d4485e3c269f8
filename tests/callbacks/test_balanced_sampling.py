"""Training samples are drawn by weight while a fit lasts."""

from __future__ import annotations

import pickle
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.callback import Callback
from fastloop_v1.callbacks.balanced_sampling import BalancedSampling
from fastloop_v1.callbacks.oversampling import OverSamplingCallback
from fastloop_v1.errors import ArgumentError

LABELS = torch.tensor([0] * 12 + [1] * 3 + [3] * 1)


class Labelled(Dataset):
    """Samples with labels found in one of the places."""

    def __init__(self, **places):
        self.__dict__.update(places)

    def __len__(self):
        return len(LABELS)

    def __getitem__(self, i):
        return torch.ones(2), LABELS[i]


class Watch(Callback):
    """Notes the training loader and the labels of each epoch."""

    def __init__(self, learn):
        self.learn, self.loaders, self.labels = learn, [], []

    def on_epoch_begin(self, **kwargs):
        self.loaders.append(self.learn.data.train_dl)
        self.labels.append([])

    def on_batch_begin(self, last_target, train, **kwargs):
        if train:
            self.labels[-1] += last_target.tolist()


def learner(dataset=None, c=4):
    torch.manual_seed(0)
    dataset = dataset or TensorDataset(torch.ones(16, 2), LABELS)
    loader = DataLoader(dataset, 4)
    return Learner(DataBunch(loader, loader, c=c), nn.Linear(2, 4), loss_func=F.cross_entropy, silent=True)


def watched(learn, sampling, epochs=1):
    watch = Watch(learn)
    learn.fit(epochs, callbacks=[sampling, watch])
    return watch


def test_samples_weigh_one_over_the_size_of_their_class():
    sampling = BalancedSampling(learn := learner())
    assert sampling.weights.tolist() == pytest.approx([1 / 12] * 12 + [1 / 3] * 3 + [1])
    assert sampling.label_counts.tolist() == [12, 3, 1]
    assert learn.balanced_sampling is sampling


def test_classes_are_drawn_equally_often():
    learn = learner()
    drawn = Counter(sum(watched(learn, BalancedSampling(learn), 40).labels, []))
    assert {label: count / 640 for label, count in drawn.items()} == pytest.approx(
        {0: 1 / 3, 1: 1 / 3, 3: 1 / 3}, abs=0.06
    )


def test_weights_given_are_taken():
    learn = learner()
    sampling = BalancedSampling(learn, weights=[0.0] * 15 + [1.0])
    assert watched(learn, sampling).labels == [[3] * 16]
    sampling.weights = [1.0] + [0.0] * 15
    assert watched(learn, sampling).labels == [[0] * 16]


def test_loader_is_changed_for_the_fit_only():
    learn = learner()
    loader = learn.data.train_dl
    watch = watched(learn, BalancedSampling(learn), 2)
    assert watch.loaders[0] is watch.loaders[1] is not loader
    assert learn.data.train_dl is loader


@pytest.mark.parametrize("event", ["train_begin", "batch_begin", "train_end"])
def test_loader_is_put_back_after_an_error(event, Spy):
    learn = learner()
    loader = learn.data.train_dl
    with pytest.raises(ValueError, match="stop"):
        learn.fit(1, callbacks=[BalancedSampling(learn), Spy(**{event: ValueError("stop")})])
    assert learn.data.train_dl is loader


def test_several_at_once_leave_the_loader_there_was():
    learn = learner()
    loader = learn.data.train_dl
    both = [BalancedSampling(learn), OverSamplingCallback(learn)]
    for callbacks in (both, both[::-1]):
        learn.fit(1, callbacks=callbacks)
        assert learn.data.train_dl is loader


def test_loader_that_another_callback_has_put_back_stays(Spy):
    learn = learner()
    loader, other = learn.data.train_dl, learn.data.valid_dl.new()

    def swap(there):
        return lambda state: setattr(learn.data, "train_dl", there)

    around = Spy(order=-20, train_begin=swap(other), train_end=swap(loader))
    learn.fit(1, callbacks=[BalancedSampling(learn), around])
    assert learn.data.train_dl is loader


def test_data_replaced_between_fits_is_noticed():
    learn = learner()
    sampling = BalancedSampling(learn)
    watched(learn, sampling)
    other = TensorDataset(torch.ones(8, 2), torch.tensor([2] * 7 + [1]))
    learn.data = DataBunch(DataLoader(other, 4), None)
    assert set(watched(learn, sampling).labels[0]) == {1, 2}
    assert sampling.label_counts.tolist() == [1, 7]


@pytest.mark.parametrize(
    "places",
    [
        pytest.param({"y": SimpleNamespace(items=LABELS.numpy())}, id="y.items"),
        pytest.param({"targets": LABELS.tolist()}, id="targets"),
        pytest.param({"tensors": (torch.ones(16), LABELS)}, id="tensors"),
    ],
)
def test_labels_are_found_where_data_sets_keep_them(places):
    learn = learner(Labelled(**places))
    assert np.array_equal(BalancedSampling(learn).labels, LABELS.numpy())


@pytest.mark.parametrize(
    ("places", "shape"),
    [
        pytest.param({}, r"\(0,\)", id="none"),
        pytest.param({"targets": [1, 2]}, r"\(2,\)", id="too few"),
        pytest.param({"targets": np.ones((16, 3))}, r"\(16, 3\)", id="several a sample"),
    ],
)
def test_labels_that_do_not_fit_are_refused_when_training_begins(places, shape):
    learn = learner(Labelled(**places))
    sampling = BalancedSampling(learn)
    assert repr(sampling).startswith("BalancedSampling")
    with pytest.raises(ArgumentError, match=f"Labelled of 16 samples with labels of shape {shape}"):
        learn.fit(1, callbacks=[sampling])


def test_number_of_classes_is_that_of_the_data_if_it_says():
    assert BalancedSampling(learn := learner(c=4)).n_classes == 4
    assert BalancedSampling(learn := learner(c=None)).n_classes == 3
    assert learn.balanced_sampling.n_samples == 16


def test_callback_can_be_pickled_after_a_fit():
    learn = learner()
    sampling = BalancedSampling(learn, weights=[1.0] * 16)
    watched(learn, sampling)
    assert pickle.loads(pickle.dumps(sampling)).weights == [1.0] * 16
