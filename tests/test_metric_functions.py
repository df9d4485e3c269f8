"""Metric functions against closed forms, brute force and scikit-learn."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn import metrics as sk

from fastloop_v1 import metric_functions as m


def uniform(*shape, seed=0, low=-1.0, high=1.0):
    return low + (high - low) * torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def classes(*shape, k, seed=0):
    return torch.randint(k, shape, generator=torch.Generator().manual_seed(seed))


SCORES, CLASSES = uniform(40, 5), classes(40, k=5)
PROBABILITIES, LABELS = uniform(30, 6, low=0), classes(30, 6, k=2)
PRED, TARG = uniform(25, 1, low=0.1, high=3), uniform(25, 1, seed=1, low=0.1, high=3)


def test_accuracy_equals_scikit_learn():
    assert m.accuracy(SCORES, CLASSES).item() == pytest.approx(sk.accuracy_score(CLASSES, SCORES.argmax(1)))


def test_error_rate_is_what_accuracy_leaves():
    assert m.error_rate(SCORES, CLASSES).item() == pytest.approx(1 - m.accuracy(SCORES, CLASSES).item())


@pytest.mark.parametrize(
    ("scores", "targets"),
    [
        pytest.param(SCORES, CLASSES[:, None], id="column of targets"),
        pytest.param(SCORES.view(8, 5, 5), CLASSES.view(8, 5), id="sequences"),
        pytest.param(SCORES.numpy(), CLASSES.numpy(), id="arrays"),
        pytest.param(SCORES.tolist(), CLASSES.tolist(), id="lists"),
        pytest.param(SCORES.half(), CLASSES.int(), id="short types"),
    ],
)
@pytest.mark.parametrize("metric", [m.accuracy, m.error_rate, m.top_k_accuracy])
def test_class_metrics_do_not_depend_on_the_form_of_their_arguments(metric, scores, targets):
    kwargs = {"k": 2} if metric is m.top_k_accuracy else {}
    assert metric(scores, targets, **kwargs).item() == metric(SCORES, CLASSES, **kwargs).item()


@pytest.mark.parametrize("k", [1, 2, 4, 5])
def test_top_k_accuracy_equals_scikit_learn(k):
    expected = sk.top_k_accuracy_score(CLASSES, SCORES, k=k, labels=range(5)) if k < 5 else 1.0
    assert m.top_k_accuracy(SCORES, CLASSES, k=k).item() == pytest.approx(expected)


def test_top_k_accuracy_refuses_more_guesses_than_classes():
    with pytest.raises(RuntimeError, match="k"):
        m.top_k_accuracy(SCORES, CLASSES, k=6)


@pytest.mark.parametrize("metric", [m.accuracy, m.mean_squared_error, m.roc_curve, m.accuracy_thresh])
def test_metrics_refuse_other_numbers_of_elements(metric):
    with pytest.raises(AssertionError, match="same number of elements"):
        metric(uniform(6, 3), torch.zeros(4))


@pytest.mark.parametrize("sigmoid", [True, False])
@pytest.mark.parametrize("thresh", [0.3, 0.5])
def test_accuracy_thresh_counts_every_label_alike(thresh, sigmoid):
    scores = PROBABILITIES.logit() if sigmoid else PROBABILITIES
    right = [(p > thresh) == bool(y) for p, y in zip(PROBABILITIES.flatten(), LABELS.flatten(), strict=True)]
    result = m.accuracy_thresh(scores, LABELS.float(), thresh=thresh, sigmoid=sigmoid)
    assert result.item() == pytest.approx(np.mean(right))


@pytest.mark.parametrize("sigmoid", [True, False])
@pytest.mark.parametrize("beta", [0.5, 1, 2])
def test_fbeta_is_the_mean_over_samples(beta, sigmoid):
    scores = PROBABILITIES.logit() if sigmoid else PROBABILITIES
    result = m.fbeta(scores, LABELS.float(), thresh=0.4, beta=beta, sigmoid=sigmoid)
    predicted = PROBABILITIES > 0.4
    expected = sk.fbeta_score(LABELS, predicted, beta=beta, average="samples", zero_division=0)
    assert result.item() == pytest.approx(expected, rel=1e-5)


def test_fbeta_of_samples_without_labels_is_zero():
    assert m.fbeta(uniform(4, 3), torch.zeros(4, 3)).item() == 0


# Scores with many ties.
RANKS, POSITIVE = (uniform(60, seed=3) * 4).round(), classes(60, k=2, seed=4)


def test_roc_curve_equals_scikit_learn():
    expected = sk.roc_curve(POSITIVE, RANKS, drop_intermediate=False)[:2]
    for found, wanted in zip(m.roc_curve(RANKS, POSITIVE), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_auc_roc_score_counts_pairs_in_the_right_order():
    gaps = RANKS[POSITIVE == 1][:, None] - RANKS[POSITIVE == 0]
    expected = (gaps > 0).float().mean() + (gaps == 0).float().mean() / 2
    assert m.auc_roc_score(RANKS, POSITIVE).item() == pytest.approx(expected.item())
    assert m.auc_roc_score(RANKS, POSITIVE).item() == pytest.approx(sk.roc_auc_score(POSITIVE, RANKS))


@pytest.mark.parametrize(
    ("scores", "expected"),
    [([0, 1, 2, 3], 1), ([3, 2, 1, 0], 0), ([1, 1, 1, 1], 0.5)],
    ids=["best", "worst", "ties"],
)
def test_auc_roc_score_of_known_orders(scores, expected):
    assert m.auc_roc_score(scores, [0, 0, 1, 1]).item() == expected


def test_auc_roc_score_of_one_kind_is_nan():
    assert math.isnan(m.auc_roc_score([0.1, 0.2], [1, 1]))


PIXELS, MASKS = uniform(4, 2, 5, 6, seed=5), classes(4, 1, 5, 6, k=2, seed=6)


@pytest.mark.parametrize("iou", [False, True], ids=["dice", "iou"])
@pytest.mark.parametrize("masks", [MASKS, MASKS.squeeze(1)], ids=["with channel", "without"])
def test_dice_is_the_mean_overlap_of_pixel_sets(iou, masks):
    scores = []
    for found, wanted in zip(PIXELS.argmax(1), MASKS.squeeze(1), strict=True):
        a, b = ({tuple(at) for at in mask.nonzero().tolist()} for mask in (found, wanted))
        scores.append(len(a & b) / len(a | b) if iou else 2 * len(a & b) / (len(a) + len(b)))
    assert m.dice(PIXELS, masks, iou=iou).item() == pytest.approx(np.mean(scores), rel=1e-5)


@pytest.mark.parametrize("iou", [False, True], ids=["dice", "iou"])
def test_dice_of_no_foreground_at_all_is_one(iou):
    background = torch.stack([torch.ones(2, 3, 3), torch.zeros(2, 3, 3)], dim=1)
    assert m.dice(background, torch.zeros(2, 1, 3, 3, dtype=torch.long), iou=iou).item() == 1


@pytest.mark.parametrize("masks", [MASKS, MASKS.squeeze(1)], ids=["with channel", "without"])
@pytest.mark.parametrize("void_code", [0, 1])
def test_foreground_acc_looks_at_pixels_that_are_not_void(masks, void_code):
    counted = MASKS.squeeze(1) != void_code
    expected = sk.accuracy_score(MASKS.squeeze(1)[counted], PIXELS.argmax(1)[counted])
    assert m.foreground_acc(PIXELS, masks, void_code).item() == pytest.approx(expected)


def test_foreground_acc_without_foreground_is_nan():
    assert math.isnan(m.foreground_acc(PIXELS, torch.zeros_like(MASKS), void_code=0))


REGRESSION = {
    m.mean_squared_error: sk.mean_squared_error,
    m.root_mean_squared_error: sk.root_mean_squared_error,
    m.mean_absolute_error: sk.mean_absolute_error,
    m.mean_squared_logarithmic_error: sk.mean_squared_log_error,
    m.explained_variance: sk.explained_variance_score,
    m.r2_score: sk.r2_score,
    m.psnr: lambda y, x: 10 * math.log10(1 / sk.mean_squared_error(y, x)),
    m.exp_rmspe: lambda y, x: sk.root_mean_squared_error(np.ones(25), np.exp(x.numpy() - y.numpy()).ravel()),
}


@pytest.mark.parametrize("metric", REGRESSION, ids=lambda f: f.__name__)
def test_regression_metric_equals_scikit_learn(metric):
    assert metric(PRED, TARG).item() == pytest.approx(REGRESSION[metric](TARG, PRED), rel=1e-5)


@pytest.mark.parametrize("metric", REGRESSION, ids=lambda f: f.__name__)
@pytest.mark.parametrize("form", ["double", "numpy", "tolist"])
def test_regression_metric_takes_any_form_and_shape(metric, form):
    pred, targ = (getattr(values, form)() for values in (PRED, TARG[:, 0]))
    assert metric(pred, targ).item() == pytest.approx(metric(PRED, TARG).item(), rel=1e-5)


def test_exp_rmspe_is_the_percentage_error_behind_the_logarithms():
    targets = torch.tensor([10.0, 20.0])
    assert m.exp_rmspe((targets * 1.1).log(), targets.log()).item() == pytest.approx(0.1, rel=1e-5)


def test_squares_of_half_precision_do_not_overflow():
    assert m.rmse(torch.full((4,), 1000.0).half(), torch.zeros(4).half()).item() == 1000


def test_mean_squared_error_of_integers_is_a_fraction():
    assert m.mse([1, 2], [2, 2]).item() == 0.5


def test_short_names_are_the_same_functions():
    assert (m.mse, m.mae) == (m.mean_squared_error, m.mean_absolute_error)
    assert (m.msle, m.rmse) == (m.mean_squared_logarithmic_error, m.root_mean_squared_error)
