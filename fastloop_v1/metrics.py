"""The metrics of v1: functions of one batch, and callbacks that look at the whole validation set.

Either kind goes into `metrics=[...]` of a Learner. A function is averaged over batches, weighted by batch
size. A metric callback hears the batch events of validation only and adds its value when the epoch ends, so
that it is exact however the set is split into batches. The functions stand in `metric_functions`, the
callbacks that count classes in `confusion_metrics`; the remaining callbacks stand here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from .callback import Callback, add_metrics
from .confusion_metrics import (
    CMScores,
    ConfusionMatrix,
    FBeta,
    KappaScore,
    MatthewsCorreff,
    Precision,
    Recall,
    TargetShapeError,
)
from .errors import ArgumentError
from .metric_functions import (
    accuracy,
    accuracy_thresh,
    auc_roc_score,
    dice,
    error_rate,
    exp_rmspe,
    explained_variance,
    fbeta,
    foreground_acc,
    mae,
    mean_absolute_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    mse,
    msle,
    psnr,
    r2_score,
    rmse,
    roc_curve,
    root_mean_squared_error,
    top_k_accuracy,
)
from .nested import flatten_check

__all__ = [
    "AUROC",
    "RMSE",
    "CMScores",
    "ConfusionMatrix",
    "ExpRMSPE",
    "ExplainedVariance",
    "FBeta",
    "KappaScore",
    "MatthewsCorreff",
    "MultiLabelFbeta",
    "Perplexity",
    "Precision",
    "R2Score",
    "Recall",
    "RegMetrics",
    "TargetShapeError",
    "accuracy",
    "accuracy_thresh",
    "add_metrics",
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

_AVERAGES = ("micro", "macro", "weighted", "none")


class _Collector(Callback):
    """Collects predictions and targets of every batch on their device, and joins them when they are read.

    v1 copied each batch to the CPU, so `preds` and `targs` are CPU tensors; here they are copied once.
    """

    def on_epoch_begin(self, **kwargs: Any) -> None:
        """Start with no predictions."""
        self._preds: list[Tensor] = []
        self._targs: list[Tensor] = []

    def _collect(self, preds: Tensor, targs: Tensor) -> None:
        self._preds.append(preds.detach())
        self._targs.append(targs.detach())

    @property
    def preds(self) -> Tensor:
        """Predictions of the epoch so far, `(samples, ...)`, on the CPU; assigning replaces them."""
        return _joined(self._preds)

    @preds.setter
    def preds(self, preds: Tensor) -> None:
        self._preds = [preds]

    @property
    def targs(self) -> Tensor:
        """Targets of the epoch so far, `(samples, ...)`, on the CPU; assigning replaces them."""
        return _joined(self._targs)

    @targs.setter
    def targs(self, targs: Tensor) -> None:
        self._targs = [targs]


def _joined(parts: list[Tensor]) -> Tensor:
    """The parts as one tensor on the CPU; it takes their place in the list, which frees the device."""
    if not parts:
        return torch.tensor([])
    # What was joined earlier in the epoch, or assigned, goes back to where the newest part is.
    parts[:] = [torch.cat([part.to(parts[-1].device) for part in parts]).cpu()]
    return parts[0]


class RegMetrics(_Collector):
    """Base of regression metrics: collects predictions and targets of the whole validation set.

    A subclass computes its value from `preds` and `targs` in `on_epoch_end`.
    """

    def on_batch_end(self, last_output: Tensor, last_target: Tensor, **kwargs: Any) -> None:
        """Collect one batch.

        Raises:
            AssertionError: output and target differ in number of elements.
        """
        flatten_check(last_output, last_target)
        self._collect(last_output, last_target)


class R2Score(RegMetrics):
    """Coefficient of determination of the whole validation set; formula in `r2_score`."""

    def on_epoch_end(self, last_metrics: list[Any], **kwargs: Any) -> dict[str, list[Any]]:
        """Add the epoch's R²."""
        return add_metrics(last_metrics, r2_score(self.preds, self.targs))


class ExplainedVariance(RegMetrics):
    """Share of variance explained over the whole validation set; formula in `explained_variance`."""

    def on_epoch_end(self, last_metrics: list[Any], **kwargs: Any) -> dict[str, list[Any]]:
        """Add the epoch's explained variance."""
        return add_metrics(last_metrics, explained_variance(self.preds, self.targs))


class RMSE(RegMetrics):
    """Root mean squared error of the whole validation set; formula in `root_mean_squared_error`."""

    def on_epoch_end(self, last_metrics: list[Any], **kwargs: Any) -> dict[str, list[Any]]:
        """Add the epoch's error."""
        return add_metrics(last_metrics, root_mean_squared_error(self.preds, self.targs))


class ExpRMSPE(RegMetrics):
    """Percentage error of logarithmic predictions over the whole validation set; formula in `exp_rmspe`."""

    def on_epoch_end(self, last_metrics: list[Any], **kwargs: Any) -> dict[str, list[Any]]:
        """Add the epoch's error."""
        return add_metrics(last_metrics, exp_rmspe(self.preds, self.targs))


class Perplexity(Callback):
    """Perplexity of a language model, exp of the mean cross-entropy (in nats) of all tokens, 1 or more.

    Every token counts alike, also in batches of other sizes; targets of -100 do not count. See Jelinek,
    Mercer, Bahl and Baker, Perplexity - a measure of the difficulty of speech recognition tasks (1977).
    """

    def on_epoch_begin(self, **kwargs: Any) -> None:
        """Start with no tokens."""
        self.batches: list[Tensor] = []

    def on_batch_end(self, last_output: Tensor, last_target: Tensor, **kwargs: Any) -> None:
        """Take the tokens of one batch.

        Args:
            last_output: logits, `(batch, length, classes)` or `(tokens, classes)`.
            last_target: token numbers, `(batch, length)` or `(tokens,)`.
            kwargs: the rest of the state, not used.

        Raises:
            ValueError: the numbers of tokens differ.
        """
        logits, tokens = last_output.detach().flatten(0, -2).float(), last_target.flatten().long()
        loss = F.cross_entropy(logits, tokens, reduction="sum")
        self.batches.append(torch.stack([loss, (tokens != -100).sum()]))

    def on_epoch_end(self, last_metrics: list[Any], **kwargs: Any) -> dict[str, list[Any]]:
        """Add the epoch's perplexity."""
        loss, tokens = torch.stack(self.batches).cpu().double().sum(dim=0)
        return add_metrics(last_metrics, (loss / tokens).exp().float())


@dataclass(eq=False)
class AUROC(_Collector):
    """Area under the ROC curve of a binary classifier over the whole validation set; see `auc_roc_score`.

    Class 1 is the positive one.
    """

    def on_batch_end(self, last_output: Tensor, last_target: Tensor, **kwargs: Any) -> None:
        """Collect one batch.

        Args:
            last_output: logits, `(batch, 2)`, of which the softmax of the last column is the score; or
                scores, `(batch,)` or `(batch, 1)`, taken as they are.
            last_target: 1 for positive, `(batch,)` or `(batch, 1)`.
            kwargs: the rest of the state, not used.

        Raises:
            AssertionError: the numbers of samples differ.
        """
        scores = last_output.float()
        if scores.dim() > 1 and scores.shape[1] > 1:
            scores = F.softmax(scores, dim=1)[:, -1]
        scores, target = flatten_check(scores, last_target)
        self._collect(scores, target)

    def on_epoch_end(self, last_metrics: list[Any], **kwargs: Any) -> dict[str, list[Any]]:
        """Add the epoch's area."""
        return add_metrics(last_metrics, auc_roc_score(self.preds, self.targs))


class MultiLabelFbeta(Callback):
    """F-beta score of multi-label predictions over the whole validation set, 0 to 1.

    For one label, with P and R its precision and recall: (1+β²)·P·R / (β²·P + R + eps); see `fbeta`.

    Args:
        beta: weight of recall against precision; 1 weighs both alike, 2 favours recall.
        eps: added to the denominators, so that a label without predictions or samples scores 0.
        thresh: a label counts as predicted if its probability is above this, 0 to 1.
        sigmoid: True takes the output as logits, False as probabilities.
        average: "micro" counts all labels together, "macro" is the mean over labels, "weighted" that mean
            with the labels' samples as weights, "none" gives one value for each label.

    Raises:
        ArgumentError: `average` is none of these.
    """

    # v1: before the Recorder, when it is used as a callback and not as a metric.
    _order = -20

    def __init__(
        self,
        beta: float = 2,
        eps: float = 1e-15,
        thresh: float = 0.3,
        sigmoid: bool = True,
        average: str = "micro",
    ) -> None:
        if average not in _AVERAGES:
            raise ArgumentError(f"average is {average!r}; allowed are {', '.join(map(repr, _AVERAGES))}.")
        self.beta, self.eps, self.thresh, self.sigmoid, self.average = beta, eps, thresh, sigmoid, average

    def on_epoch_begin(self, **kwargs: Any) -> None:
        """Start with no counts."""
        self.counts = torch.tensor(0)

    def on_batch_end(self, last_output: Tensor, last_target: Tensor, **kwargs: Any) -> None:
        """Count one batch.

        Args:
            last_output: scores, `(batch, labels)`.
            last_target: 0 or 1 for each label, `(batch, labels)`.
            kwargs: the rest of the state, not used.

        Raises:
            RuntimeError: the numbers of elements differ.
        """
        scores = last_output.detach().sigmoid() if self.sigmoid else last_output
        predicted, actual = scores > self.thresh, last_target.reshape(scores.shape) == 1
        counts = torch.stack([(predicted & actual).sum(0), predicted.sum(0), actual.sum(0)])
        self.counts = self.counts + counts

    def fbeta_score(self, precision: Tensor, recall: Tensor) -> Tensor:
        """The score of given precision and recall, of any equal shapes."""
        beta2 = self.beta**2
        return (1 + beta2) * precision * recall / (precision * beta2 + recall + self.eps)

    def on_epoch_end(self, last_metrics: list[Any], **kwargs: Any) -> dict[str, list[Any]]:
        """Add the epoch's score, or with "none" one score for each label."""
        hits, predicted, actual = self.counts.cpu()
        if self.average == "micro":
            hits, predicted, actual = hits.sum(), predicted.sum(), actual.sum()
        scores = self.fbeta_score(hits / (predicted + self.eps), hits / (actual + self.eps))
        return add_metrics(last_metrics, self._averaged(scores, actual))

    def _averaged(self, scores: Tensor, actual: Tensor) -> Tensor:
        if self.average == "macro":
            return scores.mean()
        if self.average == "weighted":
            return (scores * actual / actual.sum()).sum()
        return scores
