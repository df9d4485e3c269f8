"""Metrics from the confusion matrix against scikit-learn, and however the set is split into batches."""

from __future__ import annotations

import math
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from fastloop_v1.callback import CallbackHandler
from fastloop_v1.confusion_metrics import (
    CMScores,
    ConfusionMatrix,
    FBeta,
    KappaScore,
    MatthewsCorreff,
    Precision,
    Recall,
    TargetShapeError,
)
from fastloop_v1.errors import ArgumentError, FastloopWarning


def data(n, k, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, k, generator=generator), torch.randint(k, (n,), generator=generator)


def run(metric, *epochs, sizes=(7, 7, 7, 7, 2)):
    """The metric's values in each epoch of (scores, targets), given to it in batches of these sizes."""
    handler = CallbackHandler([], [metric])
    handler.on_train_begin(len(epochs), None, [metric])
    values = []
    for scores, targets in epochs:
        handler.on_epoch_begin()
        for xb, yb in zip(scores.split(sizes), targets.split(sizes), strict=True):
            handler.on_batch_begin(xb, yb, train=False)
            handler.on_loss_begin(xb)
            handler.on_batch_end(torch.tensor(0.0))
        handler.on_epoch_end(0.5)
        values.append(handler.state_dict["last_metrics"][1:])
    handler.on_train_end(False)
    return values


BINARY, MULTI = data(30, 2, seed=1), data(30, 4, seed=2)
NEVER_PREDICTED = torch.eye(3)[torch.tensor([0, 0, 1])], torch.tensor([0, 1, 2])
NEVER_WANTED = torch.eye(3)[torch.tensor([0, 1, 2])], torch.tensor([0, 0, 1])


def test_confusion_matrix_counts_targets_by_row_and_predictions_by_column():
    metric = ConfusionMatrix()
    assert run(metric, MULTI) == [[]]
    expected = sk.confusion_matrix(MULTI[1], MULTI[0].argmax(1))
    assert metric.cm.tolist() == metric.metric.tolist() == expected.tolist()


def test_confusion_matrix_of_an_epoch_does_not_hold_the_one_before():
    metric = ConfusionMatrix()
    run(metric, MULTI, data(30, 4, seed=3))
    assert metric.cm.sum() == 30


def test_confusion_matrix_follows_another_number_of_classes_in_another_fit():
    metric = ConfusionMatrix()
    run(metric, MULTI)
    run(metric, BINARY)
    assert metric.n_classes == 2
    assert metric.cm.shape == (2, 2)


@pytest.mark.parametrize("average", ["micro", "macro", "weighted", None])
@pytest.mark.parametrize("score", ["precision", "recall", "fbeta"])
def test_averaged_score_equals_scikit_learn(score, average):
    metric, expected = {
        "precision": (Precision(average), sk.precision_score),
        "recall": (Recall(average), sk.recall_score),
        "fbeta": (FBeta(average, beta=0.5), lambda *a, **kw: sk.fbeta_score(*a, beta=0.5, **kw)),
    }[score]
    wanted = expected(MULTI[1], MULTI[0].argmax(1), average=average)
    found = torch.stack(run(metric, MULTI)[0])
    assert found.tolist() == pytest.approx(wanted.tolist() if average is None else [wanted], rel=1e-5)


@pytest.mark.parametrize("pos_label", [0, 1])
def test_binary_scores_equal_scikit_learn(pos_label):
    truth, found = BINARY[1], BINARY[0].argmax(1)
    (precision,), (recall,), (fbeta,) = (
        run(cls(pos_label=pos_label), BINARY)[0] for cls in (Precision, Recall, FBeta)
    )
    assert precision.item() == pytest.approx(sk.precision_score(truth, found, pos_label=pos_label))
    assert recall.item() == pytest.approx(sk.recall_score(truth, found, pos_label=pos_label))
    assert fbeta.item() == pytest.approx(sk.fbeta_score(truth, found, beta=2, pos_label=pos_label))


def test_binary_precision_is_nan_if_the_negative_class_is_never_predicted():
    everything_positive = torch.tensor([[0.0, 1.0]]).repeat(4, 1), torch.tensor([0, 1, 1, 1])
    ((precision,),) = run(Precision(), everything_positive, sizes=4)
    assert precision.isnan()


@pytest.mark.parametrize("weights", [None, "linear", "quadratic"])
def test_kappa_equals_scikit_learn(weights):
    (kappa,) = run(KappaScore(weights), MULTI)[0]
    expected = sk.cohen_kappa_score(MULTI[1], MULTI[0].argmax(1), weights=weights)
    assert kappa.item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("epoch", [BINARY, MULTI], ids=["binary", "multi"])
def test_matthews_coefficient_equals_scikit_learn(epoch):
    (coefficient,) = run(MatthewsCorreff(), epoch)[0]
    assert coefficient.item() == pytest.approx(sk.matthews_corrcoef(epoch[1], epoch[0].argmax(1)), rel=1e-5)


ALL = {
    "Precision macro": lambda: Precision("macro"),
    "Recall weighted": lambda: Recall("weighted"),
    "FBeta micro": lambda: FBeta("micro"),
    "FBeta of each class": lambda: FBeta(None),
    "KappaScore": lambda: KappaScore("quadratic"),
    "MatthewsCorreff": MatthewsCorreff,
}


@pytest.mark.parametrize("make", ALL.values(), ids=ALL)
@settings(max_examples=20, deadline=None)
@given(cuts=st.sets(st.integers(1, 29)), seed=st.integers(0, 1000))
def test_split_into_batches_does_not_matter(make, cuts, seed):
    epoch = data(30, 3, seed)
    edges = [0, *sorted(cuts), 30]
    sizes = [b - a for a, b in zip(edges, edges[1:], strict=False)]
    torch.testing.assert_close(
        run(make(), epoch, sizes=sizes), run(make(), epoch, sizes=30), rtol=0, atol=0, equal_nan=True
    )


@pytest.mark.parametrize("make", ALL.values(), ids=ALL)
def test_each_epoch_and_each_fit_stands_alone(make):
    metric, second = make(), data(30, 4, seed=9)
    assert run(metric, MULTI, second) == [*run(make(), MULTI), *run(make(), second)]
    assert run(metric, MULTI) == run(make(), MULTI)


@pytest.mark.parametrize(
    ("metric", "epoch"),
    [
        pytest.param(Precision("macro"), NEVER_PREDICTED, id="precision, class never predicted"),
        pytest.param(Recall("macro"), NEVER_WANTED, id="recall, class without samples"),
        pytest.param(
            MatthewsCorreff(), (torch.eye(2), torch.tensor([1, 1])), id="correlation with one class"
        ),
    ],
)
def test_score_without_a_value_is_nan(metric, epoch):
    assert math.isnan(run(metric, epoch, sizes=3)[0][0])


def test_fbeta_of_classes_without_samples_or_predictions_is_zero():
    assert run(FBeta(None), NEVER_PREDICTED, sizes=3)[0][2] == 0
    assert run(FBeta(None), NEVER_WANTED, sizes=3)[0][2] == 0


def test_micro_fbeta_is_zero_as_in_v1_when_a_class_is_never_predicted():
    assert run(FBeta("micro"), NEVER_PREDICTED, sizes=3) == [[0]]


def test_binary_scores_of_more_classes_warn_and_are_macro_averages():
    with pytest.warns(FastloopWarning, match="'binary' but there are 4 classes"):
        found = run(Precision(), MULTI)
    assert found == run(Precision("macro"), MULTI)


def test_binary_fbeta_of_more_classes_changes_its_formula_after_an_epoch_as_in_v1():
    with pytest.warns(FastloopWarning, match="4 classes"):
        (first,), (second,), (third,) = run(FBeta(beta=1), MULTI, MULTI, MULTI)
    (precision,), (recall,) = run(Precision("macro"), MULTI)[0], run(Recall("macro"), MULTI)[0]
    assert [first] == run(FBeta("macro", beta=1), MULTI)[0]
    assert second == third == pytest.approx(2 * precision * recall / (precision + recall))


def test_unknown_positive_class_warns_and_counts_as_one():
    with pytest.warns(FastloopWarning, match="pos_label is 5; allowed are 0 and 1"):
        found = run(Recall(pos_label=5), BINARY)
    assert found == run(Recall(pos_label=1), BINARY)


@pytest.mark.parametrize("cls", [CMScores, Precision, Recall, FBeta])
def test_unknown_average_is_refused_at_once(cls):
    with pytest.raises(ArgumentError, match="average is 'samples'; allowed are 'binary', 'micro'"):
        cls(average="samples")


def test_unknown_kappa_weights_are_refused_at_once():
    with pytest.raises(ArgumentError, match="weights is 'cubic'; allowed are None, 'linear' and 'quadratic'"):
        KappaScore("cubic")


@pytest.mark.parametrize(
    ("output", "target"),
    [
        pytest.param(torch.zeros(4, 5, 3), torch.zeros(4, 5), id="target with two dimensions"),
        pytest.param(torch.zeros(4, 3), torch.zeros(5), id="other number of samples"),
        pytest.param(torch.zeros(4), torch.zeros(4), id="no scores"),
    ],
)
def test_shapes_without_one_pair_of_classes_for_each_sample_are_refused(output, target):
    metric = ConfusionMatrix()
    metric.on_epoch_begin()
    with pytest.raises(TargetShapeError, match="last_target") as caught:
        metric.on_batch_end(output, target)
    assert isinstance(caught.value, IndexError)


def test_number_of_classes_cannot_change_within_an_epoch():
    metric = ConfusionMatrix()
    metric.on_epoch_begin()
    metric.on_batch_end(*data(3, 2))
    with pytest.raises(TargetShapeError):
        metric.on_batch_end(*data(3, 4))


@pytest.mark.parametrize("wrong", [-1, -100, 4])
def test_class_numbers_out_of_range_are_refused(wrong):
    metric = ConfusionMatrix()
    metric.on_epoch_begin()
    with pytest.raises(IndexError):
        metric.on_batch_end(torch.randn(2, 4), torch.tensor([0, wrong]))


def test_column_of_targets_counts_like_a_row():
    scores, targets = MULTI
    assert run(Recall("macro"), (scores, targets[:, None])) == run(Recall("macro"), MULTI)


@pytest.mark.parametrize("make", [FBeta, KappaScore, MatthewsCorreff, Precision, Recall, ConfusionMatrix])
def test_metric_is_itself_only_and_can_be_pickled(make):
    metric = make()
    assert metric != make()
    assert len({metric, make()}) == 2
    assert vars(pickle.loads(pickle.dumps(metric))) == vars(metric)


def test_subclass_of_v1_style_uses_the_scores_by_average():
    class Gap(CMScores):
        def on_epoch_end(self, last_metrics, **kwargs):
            return {"last_metrics": [*last_metrics, self._precision() - self._recall()]}

    (precision,), (recall,) = run(Precision("macro"), MULTI)[0], run(Recall("macro"), MULTI)[0]
    assert run(Gap("macro"), MULTI) == [[precision - recall]]
