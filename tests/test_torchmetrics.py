"""Metric objects of torchmetrics in a fit, and our metrics beside theirs over a small last batch."""

from __future__ import annotations

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from fastloop_v1 import metrics as ours
from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.callback import CallbackHandler

theirs = pytest.importorskip("torchmetrics")
classification = pytest.importorskip("torchmetrics.classification")
segmentation = pytest.importorskip("torchmetrics.segmentation")
text = pytest.importorskip("torchmetrics.text")

SIZES = [(64,), (16, 16, 16, 16), (20, 20, 20, 4), (21, 21, 21, 1)]


def uniform(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def classes(*shape, k, seed=1):
    return torch.randint(k, shape, generator=torch.Generator().manual_seed(seed))


def value_of(metric, output, target, sizes):
    """The value of a metric over one epoch of validation, in batches of these sizes."""
    handler = CallbackHandler([], [metric])
    handler.on_train_begin(1, None, [metric])
    handler.on_epoch_begin()
    for xb, yb in zip(output.split(sizes), target.split(sizes), strict=True):
        handler.on_batch_begin(xb, yb, train=False)
        handler.on_loss_begin(xb)
        handler.on_batch_end(torch.tensor(0.0))
    handler.on_epoch_end(0.5)
    return float(handler.state_dict["last_metrics"][1])


THREE = uniform(64, 3), classes(64, k=3)
TWO = uniform(64, 2), classes(64, k=2)
LINE = uniform(64, 1), uniform(64, 1, seed=1)
POSITIVE = LINE[0].abs(), LINE[1].abs()
LABELS = uniform(64, 5).sigmoid(), classes(64, 5, k=2)
TOKENS = uniform(64, 6, 8), classes(64, 6, k=8)
PIXELS = uniform(64, 2, 4, 4), classes(64, 1, 4, 4, k=2)


class OfArgmax:
    """A metric of theirs that takes classes where ours takes scores; changes what it is given."""

    def __init__(self, metric, change):
        self.metric, self.change = metric, change
        self.reset, self.compute = metric.reset, metric.compute

    def update(self, preds, target):
        """Take in a batch."""
        self.metric.update(*self.change(preds, target))


def positive_scores(preds, target):
    return preds.softmax(1)[:, 1], target


def same_classes(preds, target):
    return preds.argmax(1), target.squeeze(1)


def tokens_last(preds, target):
    return preds.flatten(0, 1)[None], target.flatten()[None]


MULTICLASS = {
    f"{name} {average}": (
        partial(cls, average=average, **given),
        partial(getattr(classification, f"Multiclass{name}"), num_classes=3, average=average, **arguments),
        THREE,
    )
    for name, cls, given, arguments in [
        ("Precision", ours.Precision, {}, {}),
        ("Recall", ours.Recall, {}, {}),
        ("FBetaScore", ours.FBeta, {"beta": 2}, {"beta": 2.0}),
    ]
    for average in ("micro", "macro", "weighted")
}
AVERAGED_LABELS = {
    f"MultiLabelFbeta {average}": (
        partial(ours.MultiLabelFbeta, beta=2, thresh=0.3, sigmoid=False, average=average),
        partial(classification.MultilabelFBetaScore, 2.0, num_labels=5, threshold=0.3, average=average),
        LABELS,
    )
    for average in ("micro", "macro", "weighted")
}
KAPPAS = {
    f"KappaScore {weights}": (
        partial(ours.KappaScore, weights=weights),
        partial(classification.MulticlassCohenKappa, num_classes=3, weights=weights),
        THREE,
    )
    for weights in (None, "linear", "quadratic")
}
PAIRS = {
    **MULTICLASS,
    **AVERAGED_LABELS,
    **KAPPAS,
    "accuracy": (
        lambda: ours.accuracy,
        partial(classification.MulticlassAccuracy, 3, average="micro"),
        THREE,
    ),
    "top_k_accuracy": (
        lambda: partial(ours.top_k_accuracy, k=2),
        partial(classification.MulticlassAccuracy, 3, top_k=2, average="micro"),
        THREE,
    ),
    "accuracy_thresh": (
        lambda: partial(ours.accuracy_thresh, thresh=0.4, sigmoid=False),
        partial(classification.MultilabelAccuracy, 5, threshold=0.4, average="micro"),
        LABELS,
    ),
    "MatthewsCorreff": (ours.MatthewsCorreff, partial(classification.MulticlassMatthewsCorrCoef, 3), THREE),
    "AUROC": (ours.AUROC, lambda: OfArgmax(classification.BinaryAUROC(), positive_scores), TWO),
    "R2Score": (ours.R2Score, theirs.R2Score, LINE),
    "ExplainedVariance": (ours.ExplainedVariance, theirs.ExplainedVariance, LINE),
    "RMSE": (ours.RMSE, partial(theirs.MeanSquaredError, squared=False), LINE),
    "mean_squared_error": (lambda: ours.mean_squared_error, theirs.MeanSquaredError, LINE),
    "mean_absolute_error": (lambda: ours.mean_absolute_error, theirs.MeanAbsoluteError, LINE),
    "mean_squared_logarithmic_error": (
        lambda: ours.mean_squared_logarithmic_error,
        theirs.MeanSquaredLogError,
        POSITIVE,
    ),
    "Perplexity": (ours.Perplexity, lambda: OfArgmax(text.Perplexity(), tokens_last), TOKENS),
    "dice": (
        lambda: ours.dice,
        lambda: OfArgmax(
            segmentation.DiceScore(
                2, include_background=False, input_format="index", aggregation_level="samplewise"
            ),
            same_classes,
        ),
        PIXELS,
    ),
}


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize(("make", "make_theirs", "epoch"), PAIRS.values(), ids=PAIRS)
def test_our_metric_equals_theirs(make, make_theirs, epoch, sizes):
    expected = value_of(make_theirs(), *epoch, sizes)
    assert value_of(make(), *epoch, sizes) == pytest.approx(expected, rel=1e-5, abs=1e-6)


@pytest.fixture
def learner(tmp_path):
    """Makes a learner of three classes with these metrics, whose last validation batch is smaller."""

    def make(metrics, **arguments):
        torch.manual_seed(0)
        sets = [TensorDataset(uniform(n, 2, seed=n), classes(n, k=3, seed=n)) for n in (16, 22)]
        data = DataBunch(*[DataLoader(items, batch_size=8) for items in sets], path=tmp_path, device="cpu")
        return Learner(
            data, nn.Linear(2, 3), loss_func=F.cross_entropy, metrics=metrics, silent=True, **arguments
        )

    return make


def test_objects_stand_in_the_columns_of_a_fit_beside_our_metrics(learner):
    accuracy = classification.MulticlassAccuracy(3, average="micro")
    learn = learner(
        [accuracy, ours.accuracy, ours.KappaScore(), theirs.CohenKappa("multiclass", num_classes=3)]
    )
    learn.fit(3, 0.1)
    names = ["multiclass_accuracy", "accuracy", "kappa_score", "multiclass_cohen_kappa"]
    assert learn.recorder.metrics_names == names
    values = torch.tensor(learn.recorder.metrics)
    assert torch.allclose(values[:, [0, 3]], values[:, [1, 2]])


def test_value_is_of_the_last_epoch_alone(learner):
    metric = classification.MulticlassAccuracy(3, average="micro")
    learn = learner(metric)
    learn.fit(2, 0.1)
    assert learn.recorder.metrics[-1] == learn.validate()[1:]


def test_members_of_a_collection_have_a_column_each(learner):
    both = [classification.MulticlassAccuracy(3, average="micro"), classification.MulticlassAUROC(3)]
    learn = learner([theirs.MetricCollection(both, prefix="val_"), ours.accuracy])
    learn.fit(1, 0.1)
    assert learn.recorder.metrics_names == ["val_multiclass_accuracy", "val_multiclass_auroc", "accuracy"]
    first, _, last = map(float, learn.recorder.metrics[0])
    assert first == pytest.approx(last)


def test_object_changes_nothing_in_training(learner):
    weights = []
    for metrics in ([], [classification.MulticlassAccuracy(3)]):
        learn = learner(metrics)
        learn.fit(2, 0.1)
        weights.append(learn.model.weight.detach().clone())
    assert torch.equal(*weights)
