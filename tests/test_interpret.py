from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from fastloop_v1.basic_data import DataBunch, DatasetType
from fastloop_v1.basic_train import Learner
from fastloop_v1.defaults import defaults
from fastloop_v1.errors import ArgumentError, NotOfferedError
from fastloop_v1.interpret import (
    ClassificationInterpretation,
    Interpretation,
    MultiLabelClassificationInterpretation,
    interpret,
)

TRUE = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2])
PREDICTED = torch.tensor([0, 1, 1, 1, 2, 0, 2, 2])
LOSSES = torch.tensor([0.1, 0.9, 0.8, 0.2, 0.7, 0.6, 0.3, 0.4])


class Named(TensorDataset):
    """Items with named classes."""

    classes = ("ant", "bee", "cat")


def _learner(shape=(3, 4, 4), dataset=Named, *, shuffle=False, targets=TRUE, loss_func=F.cross_entropy):
    torch.manual_seed(0)
    images = torch.rand(len(targets), *shape)
    items = dataset(images, targets)
    data = DataBunch(DataLoader(items, 3, shuffle=shuffle), DataLoader(items, 3))
    model = nn.Sequential(nn.Flatten(), nn.Linear(images[0].numel(), 3))
    return Learner(data, model, torch.optim.SGD, loss_func, silent=True)


@pytest.fixture
def told():
    """An interpretation of predictions that are known."""
    return ClassificationInterpretation(_learner(), F.one_hot(PREDICTED, 3).float(), TRUE, LOSSES)


@pytest.fixture(autouse=True)
def _no_figure_left():
    yield
    plt.close("all")


def test_confusion_matrix_counts_each_pair_of_classes(told):
    expected = np.zeros((3, 3), dtype=np.int64)
    for actual, predicted in zip(TRUE, PREDICTED, strict=True):
        expected[actual, predicted] += 1
    assert np.array_equal(told.confusion_matrix(), expected)
    assert np.array_equal(told.confusion_matrix(slice_size=None), expected)


def test_confusion_matrix_counts_pixels_of_images():
    preds = F.one_hot(PREDICTED.reshape(2, 2, 2), 3).permute(0, 3, 1, 2).float()
    found = ClassificationInterpretation(_learner(), preds, TRUE.reshape(2, 1, 2, 2), LOSSES)
    assert np.array_equal(found.confusion_matrix(), [[1, 2, 0], [0, 1, 1], [1, 0, 2]])


@pytest.mark.parametrize(
    ("min_val", "expected"),
    [
        (1, [("ant", "bee", 2), ("bee", "cat", 1), ("cat", "ant", 1)]),
        (2, [("ant", "bee", 2)]),
        (3, []),
        (0, [("ant", "bee", 2), ("bee", "cat", 1), ("cat", "ant", 1)]),
    ],
)
def test_most_confused_come_first(told, min_val, expected):
    assert told.most_confused(min_val) == expected


def test_classes_without_names_are_numbers():
    learn = _learner(dataset=TensorDataset)
    found = ClassificationInterpretation(learn, F.one_hot(PREDICTED, 3).float(), TRUE, LOSSES)
    assert found.most_confused(2) == [(0, 1, 2)]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ((2,), [1, 2]),
        ((2, False), [0, 3]),
        ((), [1, 2, 4, 5, 7, 6, 3, 0]),
        ((0,), []),
    ],
    ids=["largest", "smallest", "all", "none"],
)
def test_top_losses_come_with_the_numbers_of_their_samples(told, arguments, expected):
    values, places = told.top_losses(*arguments)
    assert places.tolist() == expected
    assert torch.equal(values, LOSSES[expected])


@pytest.mark.parametrize("k", [-1, 9])
def test_impossible_number_of_losses_is_refused(told, k):
    with pytest.raises(ArgumentError, match="k is"):
        told.top_losses(k)


def test_several_losses_of_a_sample_are_averaged():
    losses = torch.arange(16.0)
    found = Interpretation(_learner(), torch.zeros(8, 3), TRUE, losses)
    assert found.losses.tolist() == [2 * i + 0.5 for i in range(8)]


@pytest.mark.parametrize(
    "ds_type", [DatasetType.Valid, DatasetType.Train, DatasetType.Fix], ids=lambda t: t.name
)
def test_learner_is_predicted_on_the_data_asked_for(ds_type):
    learn = _learner()
    found = ClassificationInterpretation.from_learner(learn, ds_type)
    output = learn.model(learn.data.train_ds.tensors[0]).detach()
    assert torch.allclose(found.preds, output.softmax(1))
    assert torch.allclose(found.losses, F.cross_entropy(output, TRUE, reduction="none"))
    assert torch.equal(found.y_true, TRUE)
    assert found.ds_type is ds_type


def test_activation_given_takes_the_place_of_the_losses_own():
    found = Interpretation.from_learner(_learner(), activ=torch.zeros_like)
    assert not found.preds.any()


def test_learner_is_interpreted_as_a_classifier():
    assert type(interpret(_learner())) is ClassificationInterpretation


# --- pictures -----------------------------------------------------------------------------------------------


def test_confusion_matrix_is_drawn(told):
    figure = told.plot_confusion_matrix(title="Animals", return_fig=True, figsize=(3, 3))
    axes = figure.axes[0]
    assert axes.get_title() == "Animals"
    assert [text.get_text() for text in axes.texts] == ["1", "2", "0", "0", "1", "1", "1", "0", "2"]
    assert plt.get_fignums() == [figure.number]


@pytest.mark.parametrize("setting", [False, True])
def test_figure_is_returned_if_the_defaults_say_so(told, setting, monkeypatch):
    monkeypatch.setattr(defaults, "return_fig", setting)
    assert (told.plot_confusion_matrix() is not None) is setting
    assert (told.plot_top_losses(1) is not None) is setting


@pytest.mark.parametrize("channels", [1, 3])
def test_images_with_top_losses_are_drawn(channels):
    learn = _learner((channels, 4, 4))
    preds = torch.full((8, 3), 0.25) + 0.25 * F.one_hot(PREDICTED, 3)
    told = ClassificationInterpretation(learn, preds, TRUE, LOSSES)
    figure = told.plot_top_losses(3, return_fig=True)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles == ["bee/ant / 0.90 / 0.25", "bee/ant / 0.80 / 0.25", "cat/bee / 0.70 / 0.25", ""]
    shown = figure.axes[0].images[0].get_array()
    assert np.allclose(shown.squeeze(), learn.data.valid_ds[1][0].permute(1, 2, 0).squeeze())


def test_items_that_are_no_images_are_not_drawn():
    found = interpret(_learner((5,)))
    with pytest.raises(NotOfferedError, match="height"):
        found.plot_top_losses(1)


def test_losses_of_a_shuffled_loader_are_not_drawn():
    found = interpret(_learner(shuffle=True), DatasetType.Train)
    with pytest.raises(ArgumentError, match="Fix"):
        found.plot_top_losses(1)


def test_heat_map_is_not_offered(told):
    with pytest.raises(NotOfferedError, match="hook_output"):
        told.plot_top_losses(1, heatmap=True)


# --- several classes for a sample ---------------------------------------------------------------------------


def _multi():
    targets = F.one_hot(TRUE, 3).float()
    return _learner(targets=targets, loss_func=F.binary_cross_entropy_with_logits)


@pytest.mark.parametrize(("sigmoid", "expected"), [(True, [True, True]), (False, [False, True])])
def test_classes_above_the_threshold_are_predicted(sigmoid, expected):
    preds = torch.tensor([[0.2, 0.4]])
    found = MultiLabelClassificationInterpretation(_multi(), preds, preds, preds, sigmoid=sigmoid)
    assert found.pred_class.tolist() == [expected]
    assert torch.allclose(found.preds, preds.sigmoid() if sigmoid else preds)


def test_sigmoid_is_taken_once_and_losses_by_sample():
    learn = _multi()
    found = MultiLabelClassificationInterpretation.from_learner(learn)
    output = learn.model(learn.data.train_ds.tensors[0]).detach()
    losses = F.binary_cross_entropy_with_logits(output, F.one_hot(TRUE, 3).float(), reduction="none")
    assert torch.allclose(found.preds, output.sigmoid())
    assert torch.allclose(found.losses, losses.mean(1))
    assert torch.equal(found.pred_class, output.sigmoid() > 0.3)
