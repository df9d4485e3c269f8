"""Metrics as functions of one batch; a Learner averages them over batches, weighted by batch size.

The weighted average is the metric of the whole set where the metric is a mean over samples (accuracy, mean
squared error). Where it is not (root mean squared error, R², explained variance), the class of the same name
in `metrics` looks at the whole set.

Inputs may be tensors, numpy arrays or nested lists; what is no tensor goes to the device of the prediction.
The result is a tensor without dimensions on that device; only `roc_curve` waits for the device.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import torch
from numpy.typing import NDArray
from torch import Tensor

from .nested import flatten_check

__all__ = [
    "accuracy",
    "accuracy_thresh",
    "auc_roc_score",
    "dice",
    "error_rate",
    "exp_rmspe",
    "explained_variance",
    "fbeta",
    "foreground_acc",
    "mae",
    "mean_absolute_error",
    "mean_squared_error",
    "mean_squared_logarithmic_error",
    "mse",
    "msle",
    "psnr",
    "r2_score",
    "rmse",
    "roc_curve",
    "root_mean_squared_error",
    "top_k_accuracy",
]

_Values: TypeAlias = "Tensor | NDArray[Any] | Sequence[Any]"


def _tensors(pred: _Values, targ: _Values) -> tuple[Tensor, Tensor]:
    """Both as tensors; one that is none yet goes to the device of the prediction."""
    pred = torch.as_tensor(pred)
    return pred, targ if isinstance(targ, Tensor) else torch.as_tensor(targ, device=pred.device)


def _flat_floats(pred: _Values, targ: _Values) -> tuple[Tensor, Tensor]:
    """Both flattened, `(values,)`, with at least float32: squares of float16 overflow beyond 255.

    Raises:
        AssertionError: the numbers of elements differ.
    """
    pred, targ = flatten_check(*_tensors(pred, targ))
    return _at_least_float32(pred), _at_least_float32(targ)


def _at_least_float32(values: Tensor) -> Tensor:
    return values.to(torch.promote_types(values.dtype, torch.float32))


# Classification


def accuracy(input: _Values, targs: _Values) -> Tensor:
    """Share of positions whose largest score is that of the target class, 0 to 1.

    Args:
        input: scores, `(..., classes)`; logits or probabilities.
        targs: class numbers, as many as there are rows of scores; `(batch,)` or `(batch, 1)` for plain
            classification, `(batch, length)` for sequences.

    Raises:
        AssertionError: the number of targets differs from the number of rows of scores.
    """
    input, targs = _tensors(input, targs)
    found, wanted = flatten_check(input.argmax(dim=-1), targs)
    return (found == wanted).float().mean()


def error_rate(input: _Values, targs: _Values) -> Tensor:
    """Share of positions that `accuracy` counts as wrong, `1 - accuracy`; same arguments and errors."""
    return 1 - accuracy(input, targs)


def top_k_accuracy(input: _Values, targs: _Values, k: int = 5) -> Tensor:
    """Share of positions whose target class is among the `k` largest scores, 0 to 1.

    Args:
        input: scores, `(..., classes)`.
        targs: class numbers, one for each row of scores.
        k: number of guesses allowed, 1 to the number of classes.

    Raises:
        RuntimeError: `k` is beyond the number of classes, or targets and rows of scores differ in number.
    """
    input, targs = _tensors(input, targs)
    guesses = input.topk(k, dim=-1).indices
    hits = guesses == targs.reshape(guesses.shape[:-1]).unsqueeze(-1)
    return hits.any(dim=-1).float().mean()


def accuracy_thresh(
    y_pred: _Values,
    y_true: _Values,
    thresh: float = 0.5,
    sigmoid: bool = True,
) -> Tensor:
    """Share of labels on the right side of the threshold, 0 to 1, over all samples and labels alike.

    Args:
        y_pred: scores, `(batch, labels)`.
        y_true: 0 or 1 for each label, `(batch, labels)`.
        thresh: a label counts as predicted if its probability is above this, 0 to 1.
        sigmoid: True takes the scores as logits, False as probabilities.

    Raises:
        AssertionError: the numbers of elements differ.
    """
    y_pred, y_true = flatten_check(*_tensors(y_pred, y_true))
    return (_probabilities(y_pred, sigmoid=sigmoid) > thresh).eq(y_true.byte()).float().mean()


def fbeta(
    y_pred: _Values,
    y_true: _Values,
    thresh: float = 0.2,
    beta: float = 2,
    eps: float = 1e-9,
    sigmoid: bool = True,
) -> Tensor:
    """F-beta score of multi-label predictions, computed for each sample and averaged over samples, 0 to 1.

    With P (precision) and R (recall) of one sample's labels the score is (1+β²)·P·R / (β²·P + R); see
    van Rijsbergen, Information Retrieval (1979), chapter 7. scikit-learn calls this `average="samples"`.

    Args:
        y_pred: scores, `(batch, labels)`.
        y_true: 0 or 1 for each label, `(batch, labels)`.
        thresh: a label counts as predicted if its probability is above this, 0 to 1.
        beta: weight of recall against precision; 1 weighs both alike, 2 favours recall.
        eps: added to each denominator, so that a sample without labels scores 0.
        sigmoid: True takes the scores as logits, False as probabilities.

    Raises:
        RuntimeError: the numbers of elements differ.
    """
    y_pred, y_true = _tensors(y_pred, y_true)
    predicted = (_probabilities(y_pred, sigmoid=sigmoid) > thresh).float()
    actual = y_true.reshape(predicted.shape).float()
    hits = (predicted * actual).sum(dim=1)
    precision, recall = hits / (predicted.sum(dim=1) + eps), hits / (actual.sum(dim=1) + eps)
    return ((1 + beta**2) * precision * recall / (precision * beta**2 + recall + eps)).mean()


def _probabilities(scores: Tensor, *, sigmoid: bool) -> Tensor:
    return scores.sigmoid() if sigmoid else scores


def roc_curve(input: _Values, targ: _Values) -> tuple[Tensor, Tensor]:
    """False positive rates and true positive rates, each `(points,)`, 0 to 1, rising from (0, 0) to (1, 1).

    There is one point for each distinct score, highest first: the rates if everything scoring at least that
    much is called positive. Equal scores share one point (Fawcett, An introduction to ROC analysis, 2006). A
    rate is NaN if the targets hold no sample of its kind.

    Args:
        input: scores, higher for positive, `(samples,)`.
        targ: 1 for positive, anything else for negative, `(samples,)`.

    Raises:
        AssertionError: the numbers of elements differ.
    """
    input, targ = flatten_check(*_tensors(input, targ))
    scores, order = input.sort(descending=True)
    true_positives = (targ[order] == 1).cumsum(0)
    last_of_score = torch.cat([scores.diff().nonzero().flatten(), order.new_tensor([len(order) - 1])])
    hits = true_positives[last_of_score]
    false_alarms = last_of_score + 1 - hits
    return _rates_from_zero(false_alarms), _rates_from_zero(hits)


def _rates_from_zero(counts: Tensor) -> Tensor:
    return torch.cat([counts.new_zeros(1), counts]) / counts[-1]


def auc_roc_score(input: _Values, targ: _Values) -> Tensor:
    """Area under the curve of `roc_curve` by the trapezoidal rule, 0 to 1; NaN if only one kind is present.

    It is the probability that a random positive scores above a random negative, ties counting half (Hanley
    and McNeil, 1982). Arguments and errors are those of `roc_curve`.
    """
    false_positive_rate, true_positive_rate = roc_curve(input, targ)
    return torch.trapezoid(true_positive_rate, false_positive_rate)


# Segmentation


def foreground_acc(input: _Values, target: _Values, void_code: int) -> Tensor:
    """Share of right pixels among those whose target is not `void_code`, 0 to 1; NaN if there are none.

    Args:
        input: scores, `(batch, classes, height, width)`.
        target: class numbers, `(batch, 1, height, width)` or `(batch, height, width)`.
        void_code: class number of pixels that do not count.
    """
    input, target = _tensors(input, target)
    target = target.squeeze(1)
    counted = target != void_code
    right = (input.argmax(dim=1) == target) & counted
    return right.sum() / counted.sum()


def dice(
    input: _Values,
    targs: _Values,
    iou: bool = False,
    eps: float = 1e-8,
) -> Tensor:
    """Overlap of the foreground (class 1 of 2) found and wanted, 0 to 1, averaged over samples.

    For foreground sets A and B of one sample: 2·|A∩B| / (|A|+|B|) (Dice, 1945), or |A∩B| / |A∪B| (Jaccard,
    1912) with `iou`. A sample with no foreground in either counts as 1.

    Args:
        input: scores, `(batch, 2, ...)`.
        targs: 0 or 1 for each pixel, `(batch, ...)` or `(batch, 1, ...)`.
        iou: True gives intersection over union instead.
        eps: added to the union with `iou`.

    Raises:
        RuntimeError: the numbers of pixels differ.
    """
    input, targs = _tensors(input, targs)
    samples = targs.shape[0]
    found, wanted = input.argmax(dim=1).view(samples, -1), targs.reshape(samples, -1)
    overlap, total = (found * wanted).sum(dim=1).float(), (found + wanted).sum(dim=1).float()
    score = overlap / (total - overlap + eps) if iou else 2 * overlap / total
    return torch.where(total == 0, torch.ones_like(score), score).mean()


# Regression: each takes predictions and targets of any shapes with the same number of elements


def mean_squared_error(pred: _Values, targ: _Values) -> Tensor:
    """Mean of (targ - pred)² over all elements, 0 or more.

    Raises:
        AssertionError: the numbers of elements differ.
    """
    pred, targ = _flat_floats(pred, targ)
    return (targ - pred).square().mean()


def root_mean_squared_error(pred: _Values, targ: _Values) -> Tensor:
    """Square root of `mean_squared_error`, in the unit of the target, 0 or more; same errors."""
    return mean_squared_error(pred, targ).sqrt()


def mean_absolute_error(pred: _Values, targ: _Values) -> Tensor:
    """Mean of |targ - pred| over all elements, in the unit of the target, 0 or more.

    Raises:
        AssertionError: the numbers of elements differ.
    """
    pred, targ = _flat_floats(pred, targ)
    return (targ - pred).abs().mean()


def mean_squared_logarithmic_error(pred: _Values, targ: _Values) -> Tensor:
    """Mean of (log(1 + targ) - log(1 + pred))², 0 or more; NaN for values below -1.

    Raises:
        AssertionError: the numbers of elements differ.
    """
    pred, targ = _flat_floats(pred, targ)
    return mean_squared_error(pred.log1p(), targ.log1p())


def exp_rmspe(pred: _Values, targ: _Values) -> Tensor:
    """Root mean squared percentage error of values predicted as logarithms, as a share (0.1 is 10 %).

    Square root of the mean of ((exp(targ) - exp(pred)) / exp(targ))²; the measure of the Rossmann Store Sales
    competition (Kaggle, 2015).

    Raises:
        AssertionError: the numbers of elements differ.
    """
    pred, targ = _flat_floats(pred, targ)
    # 1 - exp(pred - targ) is the same ratio and neither overflows early nor loses digits when both are close.
    return (pred - targ).expm1().square().mean().sqrt()


def psnr(input: _Values, targs: _Values) -> Tensor:
    """Peak signal-to-noise ratio, 10·log10(1 / mean squared error), in decibels, for values from 0 to 1.

    Raises:
        AssertionError: the numbers of elements differ.
    """
    return -10 * mean_squared_error(input, targs).log10()


def explained_variance(pred: _Values, targ: _Values) -> Tensor:
    """Share of the target's variance explained, 1 - Var(targ - pred) / Var(targ), at most 1.

    A constant error costs nothing here, unlike in `r2_score`. NaN for a single sample, and not finite for
    targets that are all equal.

    Raises:
        AssertionError: the numbers of elements differ.
    """
    pred, targ = _flat_floats(pred, targ)
    return 1 - (targ - pred).var(correction=0) / targ.var(correction=0)


def r2_score(pred: _Values, targ: _Values) -> Tensor:
    """Coefficient of determination, 1 - Σ(targ - pred)² / Σ(targ - mean(targ))², at most 1.

    Not finite for targets that are all equal.

    Raises:
        AssertionError: the numbers of elements differ.
    """
    pred, targ = _flat_floats(pred, targ)
    return 1 - (targ - pred).square().sum() / (targ - targ.mean()).square().sum()


mse = mean_squared_error
mae = mean_absolute_error
msle = mean_squared_logarithmic_error
rmse = root_mean_squared_error
