"""Single items are predicted in the data set's terms, or in plain ones."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from fastloop_v1.basic_data import DataBunch, DatasetType
from fastloop_v1.basic_train import Learner

ITEM = torch.tensor([0.5, -1.0, 2.0])
X, CLASSES = torch.randn(5, 3, generator=torch.Generator().manual_seed(0)), torch.tensor([0, 1, 2, 0, 1])


def learner(outputs, loss_func, model=None, data=None):
    torch.manual_seed(0)
    dl = DataLoader(TensorDataset(X, CLASSES), 4)
    return Learner(
        data or DataBunch(dl, dl), model or nn.Linear(3, outputs), loss_func=loss_func, silent=True
    )


def output(learn, item=ITEM):
    """Return what the model makes of one item."""
    with torch.no_grad():
        return learn.model.eval()(item[None])[0]


# --- one item -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("item", [ITEM, ITEM.numpy(), ITEM.tolist()], ids=["tensor", "array", "list"])
def test_class_is_the_number_with_the_highest_prediction(item):
    learn = learner(3, nn.CrossEntropyLoss())
    expected = output(learn).softmax(-1)
    name, index, raw = learn.predict(item)
    assert torch.equal(raw, expected)
    assert (name, index.item()) == (int(expected.argmax()), int(expected.argmax()))


def test_class_is_a_name_if_the_data_have_names():
    learn = learner(3, F.cross_entropy)
    learn.data.classes = ["cat", "dog", "fish"]
    name, index, _ = learn.predict(ITEM)
    assert name == learn.data.classes[index]


@pytest.mark.parametrize(("loss_func", "outputs"), [(F.mse_loss, 2), (F.mse_loss, 1), (F.l1_loss, 3)])
def test_value_is_the_prediction_itself_without_an_activation(loss_func, outputs):
    learn = learner(outputs, loss_func)
    value, pred, raw = learn.predict(ITEM)
    assert torch.equal(raw, output(learn))
    assert (value, pred.tolist()) == (raw.tolist(), raw.tolist())


def test_single_probability_is_no_class():
    learn = learner(1, nn.BCEWithLogitsLoss())
    value, _, raw = learn.predict(ITEM)
    assert (value, raw) == (raw.tolist(), output(learn).sigmoid())


def test_input_comes_first_if_asked():
    x, _, _, raw = (learn := learner(3, nn.CrossEntropyLoss())).predict(ITEM, return_x=True)
    assert torch.equal(x, ITEM)
    assert torch.equal(raw, learn.predict(ITEM)[2])


def test_batch_may_be_the_second_dimension_of_the_output():
    class Sideways(nn.Module):
        def forward(self, x):
            return torch.stack([x, x + 10])

    learn = learner(0, F.mse_loss, Sideways())
    assert learn.predict(ITEM, batch_first=False)[2].tolist() == [ITEM.tolist(), (ITEM + 10).tolist()]


def test_item_is_predicted_without_a_data_set():
    batches = [(X[:2], CLASSES[:2])]
    learn = learner(3, nn.CrossEntropyLoss(), data=DataBunch(batches, batches))
    assert torch.equal(learn.predict(ITEM)[2], output(learn).softmax(-1))


def test_prediction_leaves_the_weights_and_needs_no_fit():
    learn = learner(3, nn.CrossEntropyLoss())
    learn.predict(ITEM)
    assert learn.model.weight.grad is None
    assert not learn.predict(ITEM)[2].requires_grad


class Side:
    """One side of a data set that knows how to show its items."""

    def __init__(self, name):
        self.name = name

    def analyze_pred(self, pred, thresh=0.0):
        return (pred > thresh).long()

    def reconstruct(self, item):
        return f"{self.name} {item.tolist()}"

    def show_xyzs(self, xs, ys, zs, **options):
        return xs, ys, zs, options


class SideWithInput(Side):
    """A side that looks at the input too."""

    def reconstruct(self, item, x):
        return f"{self.name} {item.tolist()} of {x}"


class Sided(TensorDataset):
    """A data set with two sides."""

    def __init__(self, y):
        super().__init__(X[:2, :1].round(), CLASSES[:2])
        self.x, self.y = Side("x"), y


def sided_learner(y):
    dl = DataLoader(Sided(y), 2)
    return learner(1, F.mse_loss, nn.Flatten(), DataBunch(dl, dl))


@pytest.mark.parametrize(("y", "expected"), [(Side("y"), "y [1]"), (SideWithInput("y"), "y [1] of x [2.0]")],
                         ids=["target alone", "with input"])  # fmt: skip
def test_data_set_says_what_a_prediction_means(y, expected):
    learn = sided_learner(y)
    x, name, pred, raw = learn.predict(torch.tensor([2.0]), return_x=True)
    assert (x, name, pred.tolist(), raw.tolist()) == ("x [2.0]", expected, [1], [2.0])
    assert learn.predict(torch.tensor([2.0]), thresh=3.0)[1].tolist() == [0]


# --- dropout ------------------------------------------------------------------------------------------------


def test_predictions_with_dropout_differ():
    model = nn.Sequential(nn.Linear(3, 50), nn.Dropout(0.5), nn.BatchNorm1d(50), nn.Linear(50, 1))
    learn = learner(1, F.mse_loss, model)
    torch.manual_seed(0)
    raws = [raw.item() for *_, raw in learn.predict_with_mc_dropout(ITEM, n_times=4)]
    assert len(set(raws)) == 4
    assert [layer.training for layer in model] == [False, True, False, False]
    assert len({raw.item() for *_, raw in learn.predict_with_mc_dropout(ITEM, with_dropout=False)}) == 1
    assert len(learn.predict_with_mc_dropout(ITEM, return_x=True)[9]) == 4


@pytest.mark.parametrize(
    ("layer", "turned_on"),
    [(nn.Dropout(), True), (nn.Dropout2d(), True), (nn.AlphaDropout(), True), (nn.BatchNorm1d(1), False)],
    ids=lambda value: type(value).__name__,
)
def test_dropout_of_any_kind_is_put_in_training_mode(layer, turned_on):
    learner(1, F.mse_loss).apply_dropout(layer.eval())
    assert layer.training is turned_on


# --- results ------------------------------------------------------------------------------------------------


def test_results_are_pairs_of_target_and_prediction():
    learn = learner(3, nn.CrossEntropyLoss())
    with torch.no_grad():
        expected = learn.model(X[:4]).argmax(-1).tolist()
    assert learn.show_results() == list(zip([0, 1, 2, 0], expected, strict=True))
    assert learn.show_results(DatasetType.Train, rows=2) == list(zip([0, 1], expected[:2], strict=True))


def test_results_are_shown_without_a_data_set():
    batches = [(torch.tensor([[1.0], [2.0]]), torch.tensor([[3.0], [4.0]]))]
    learn = learner(1, F.mse_loss, nn.Flatten(), DataBunch(batches, batches))
    assert learn.show_results() == [([3.0], [1.0]), ([4.0], [2.0])]


def test_results_are_shown_by_the_data_set_if_it_can():
    xs, ys, zs, options = sided_learner(Side("y")).show_results(rows=1, size=3)
    first = X[0, :1].round()
    assert (xs, ys) == ([f"x {first.tolist()}"], ["y 0"])
    assert (zs, options) == ([f"y {(first > 0).long().tolist()}"], {"size": 3})


def test_results_of_images_are_a_figure():
    backend = mpl.get_backend()
    plt.switch_backend("agg")
    images = torch.rand(3, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    dl = DataLoader(TensorDataset(images, CLASSES[:3]), 3)
    learn = learner(4, nn.CrossEntropyLoss(), nn.Flatten(), DataBunch(dl, dl))
    figure = learn.show_results(rows=2)
    assert isinstance(figure, Figure)
    shown = [axes for axes in figure.axes if axes.images]
    best = images.flatten(1).argmax(1).tolist()
    assert [axes.get_title() for axes in shown] == [f"0 / {best[0]}", f"1 / {best[1]}"]
    assert np.allclose(shown[0].images[0].get_array().squeeze(), images[0, 0])
    assert plt.get_fignums() == []
    plt.switch_backend(backend)
