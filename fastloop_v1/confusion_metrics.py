"""Metrics of a whole validation set that follow from its confusion matrix.

The counts stay on the device of the output as exact integers, so that neither the split into batches nor the
size of the last one matters, and nothing waits for the device before the epoch ends.

Scores of a class divide by its samples or by its predictions. Where there are none the score is NaN, and so
is every average over it: a value is missing, which 0 would hide. FBeta alone turns it into 0.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .callback import Callback, add_metrics
from .errors import ArgumentError, FastloopWarning

__all__ = [
    "CMScores",
    "ConfusionMatrix",
    "FBeta",
    "KappaScore",
    "MatthewsCorreff",
    "Precision",
    "Recall",
    "TargetShapeError",
]

_AVERAGES = ("binary", "micro", "macro", "weighted", None)
_KAPPA_POWERS = {None: 0, "linear": 1, "quadratic": 2}


class TargetShapeError(ArgumentError, IndexError):
    """Outputs and targets do not give one pair of classes for each sample; v1 raised an IndexError."""


class ConfusionMatrix(Callback):
    """Counts, over one epoch's validation, how often each class was taken for each other.

    It adds no value to the epoch's metrics; subclasses compute theirs from `cm` in `on_epoch_end`.

    Attributes:
        cm: counts, `(classes, classes)`, int64: row the target, column the class with the largest score.
        n_classes: number of classes, 0 before the first batch of a fit.
        metric: the counts of the last epoch that ended.
    """

    n_classes: int = 0
    cm: Tensor
    metric: Tensor

    def on_train_begin(self, **kwargs: Any) -> None:
        """Forget the number of classes."""
        self.n_classes = 0

    def on_epoch_begin(self, **kwargs: Any) -> None:
        """Start with no counts; the first batch says on which device and for how many classes."""
        self.cm = torch.zeros(0, 0, dtype=torch.int64)

    def on_batch_end(self, last_output: Tensor, last_target: Tensor, **kwargs: Any) -> None:
        """Count one batch.

        Args:
            last_output: scores, `(batch, classes)`.
            last_target: class numbers, `(batch,)` or `(batch, 1)`.
            kwargs: the rest of the state, not used.

        Raises:
            TargetShapeError: the shapes differ from that, or the number of classes changed within the epoch.
            IndexError: a class number is negative or too large (not on the CPU: the device's own error).
        """
        if not self.cm.numel():
            self.n_classes = last_output.shape[-1]
            self.cm = self.cm.new_zeros((self.n_classes, self.n_classes), device=last_output.device)
        found, wanted = self._pairs(last_output.detach(), last_target)
        self.cm.view(-1).index_add_(0, wanted * self.n_classes + found, torch.ones_like(found))

    def _pairs(self, output: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Class found and class wanted of each sample, both `(samples,)`."""
        found = output.argmax(dim=-1).flatten()
        wanted = target.flatten() if target.shape == (len(found), 1) else target
        if wanted.shape != found.shape or output.shape[-1] != self.n_classes:
            raise TargetShapeError(
                f"last_output has the shape {tuple(output.shape)} and last_target {tuple(target.shape)}; "
                f"allowed are (batch, {self.n_classes}) and (batch,) or (batch, 1)."
            )
        return found, wanted.long()

    def on_epoch_end(self, *args: Any, **kwargs: Any) -> Any:
        """Take the counts to the CPU and keep them as `metric`."""
        self.metric = self.cm = self.cm.cpu()


@dataclass(eq=False)
class CMScores(ConfusionMatrix):
    """Base of scores that are computed for each class and then averaged over classes.

    The classes are averaged with these weights, which sum to 1:

    - "binary": all on `pos_label`; with other than two classes a warning is given and "macro" is used.
    - "micro": shares of the predictions for precision, of the targets for recall: every sample counts alike.
    - "macro": the same for each class.
    - "weighted": shares of the targets.
    - None: no averaging, one value for each class.

    Args:
        average: one of these.
        pos_label: the positive class of "binary", 0 or 1; anything else brings a warning and counts as 1.
        eps: added to the denominator of FBeta.

    Raises:
        ArgumentError: `average` is none of these.
    """

    average: str | None = "binary"
    pos_label: int = 1
    eps: float = 1e-9

    def __post_init__(self) -> None:
        if self.average not in _AVERAGES:
            allowed = ", ".join(map(repr, _AVERAGES))
            raise ArgumentError(f"average is {self.average!r}; allowed are {allowed}.")

    def _class_recall(self) -> Tensor:
        """Right predictions of each class by its samples, `(classes,)`, 0 to 1 or NaN."""
        return self.cm.diag() / self.cm.sum(dim=1)

    def _class_precision(self) -> Tensor:
        """Right predictions of each class by all its predictions, `(classes,)`, 0 to 1 or NaN."""
        return self.cm.diag() / self.cm.sum(dim=0)

    def _recall(self) -> Tensor:
        """Recall by `average`: a single number, or `(classes,)` if it is None."""
        # Weighted by the shares of the targets, recall is the share of right samples, which "micro" means.
        return self._averaged(self._class_recall(), "weighted" if self.average == "micro" else self.average)

    def _precision(self) -> Tensor:
        """Precision by `average`: a single number, or `(classes,)` if it is None."""
        return self._averaged(self._class_precision(), self.average)

    def _averaged(self, scores: Tensor, avg: str | None) -> Tensor:
        if avg is None:
            return scores
        # v1: a class that scores NaN makes the average NaN, even where its weight is 0.
        return (scores * self._weights(avg)).sum()

    def _weights(self, avg: str) -> Tensor:
        """Weights of the classes, `(classes,)`, for one of the averages but None."""
        if avg == "micro":
            return self.cm.sum(dim=0) / self.cm.sum()
        if avg == "weighted":
            return self.cm.sum(dim=1) / self.cm.sum()
        if avg == "binary" and self.n_classes == 2:
            return (torch.arange(2) == self._positive_class()).float()
        if avg == "binary":
            _warn(f"average is 'binary' but there are {self.n_classes} classes; 'macro' is used.")
        return torch.full((self.n_classes,), 1 / self.n_classes)

    def _positive_class(self) -> int:
        if self.pos_label in (0, 1):
            return self.pos_label
        _warn(f"pos_label is {self.pos_label!r}; allowed are 0 and 1, and 1 is used.")
        return 1


def _warn(message: str) -> None:
    warnings.warn(message, FastloopWarning, stacklevel=2)


class Recall(CMScores):
    """Share of a class's samples that were found, TP / (TP + FN), 0 to 1; averaged as in CMScores."""

    def on_epoch_end(self, last_metrics: list[Any], **kwargs: Any) -> dict[str, list[Any]]:
        """Add the epoch's recall."""
        super().on_epoch_end(**kwargs)
        return add_metrics(last_metrics, self._recall())


class Precision(CMScores):
    """Share of a class's predictions that were right, TP / (TP + FP), 0 to 1; averaged as in CMScores."""

    def on_epoch_end(self, last_metrics: list[Any], **kwargs: Any) -> dict[str, list[Any]]:
        """Add the epoch's precision."""
        super().on_epoch_end(**kwargs)
        return add_metrics(last_metrics, self._precision())


@dataclass(eq=False)
class FBeta(CMScores):
    """F-beta score of precision P and recall R, 0 to 1; averaged as in CMScores.

    (1+β²)·P·R / (β²·P + R + eps); see van Rijsbergen, Information Retrieval (1979), chapter 7. A class
    without samples or without predictions scores 0; "micro" is the score of micro-averaged P and R.

    With other than two classes ask for an average by name. There "binary" is, as in v1, the mean of the
    classes' scores in the first epoch of a fit, and the score of their mean P and mean R in later epochs.

    Args:
        average: as for CMScores.
        pos_label: as for CMScores.
        eps: keeps the score at 0 where P and R are 0.
        beta: weight of recall against precision; 1 weighs both alike, 2 favours recall.
    """

    beta: float = 2

    _first_epoch = True

    def on_train_begin(self, **kwargs: Any) -> None:
        """Forget the number of classes, and that any epoch has ended."""
        super().on_train_begin(**kwargs)
        self._first_epoch = True

    def on_epoch_end(self, last_metrics: list[Any], **kwargs: Any) -> dict[str, list[Any]]:
        """Add the epoch's score."""
        super().on_epoch_end(**kwargs)
        if self._averages_come_first():
            score = self._score(self._precision(), self._recall())
        else:
            score = self._averaged(self._score(self._class_precision(), self._class_recall()), self.average)
        self._first_epoch = False
        return add_metrics(last_metrics, score)

    def _averages_come_first(self) -> bool:
        # v1: a class that is never predicted makes micro-averaged precision NaN, and so this score 0.
        if self.average == "micro":
            return True
        # v1: its first epoch set `average` to "macro" for the rest of the fit, which led to another formula.
        return self.average == "binary" and self.n_classes != 2 and not self._first_epoch

    def _score(self, precision: Tensor, recall: Tensor) -> Tensor:
        beta2 = self.beta**2
        score = (1 + beta2) * precision * recall / (precision * beta2 + recall + self.eps)
        return score.nan_to_num(0.0)


@dataclass(eq=False)
class KappaScore(ConfusionMatrix):
    """Cohen's kappa, agreement beyond what chance gives, -1 to 1; NaN if only one class ever occurs.

    1 - Σ w·observed / Σ w·expected over all pairs of classes i, j, where `expected` has the row and column
    sums of `observed` but no other relation, and w is 0 on the diagonal. See Cohen, A coefficient of
    agreement for nominal scales (1960), and Weighted kappa (1968).

    Args:
        weights: None for w = 1 off the diagonal, "linear" for |i-j|, "quadratic" for (i-j)².

    Raises:
        ArgumentError: `weights` is none of these.
    """

    weights: str | None = None

    def __post_init__(self) -> None:
        if self.weights not in _KAPPA_POWERS:
            raise ArgumentError(f"weights is {self.weights!r}; allowed are None, 'linear' and 'quadratic'.")

    def on_epoch_end(self, last_metrics: list[Any], **kwargs: Any) -> dict[str, list[Any]]:
        """Add the epoch's kappa."""
        super().on_epoch_end(**kwargs)
        expected = torch.outer(self.cm.sum(dim=1), self.cm.sum(dim=0)) / self.cm.sum()
        w = self._disagreement()
        return add_metrics(last_metrics, 1 - (w * self.cm).sum() / (w * expected).sum())

    def _disagreement(self) -> Tensor:
        classes = torch.arange(self.n_classes)
        distance = (classes[:, None] - classes[None, :]).abs()
        return (distance > 0) * distance ** _KAPPA_POWERS[self.weights]


@dataclass(eq=False)
class MatthewsCorreff(ConfusionMatrix):
    """Matthews correlation coefficient of targets and predictions, -1 to 1; NaN if either has only one class.

    Of n samples, c of them right, t and p of each class in targets and predictions:
    (c·n - Σ t·p) / (√(n² - Σ p²) · √(n² - Σ t²)); Gorodkin, Comparing two K-category assignments by a
    K-category correlation coefficient (2004).
    """

    def on_epoch_end(self, last_metrics: list[Any], **kwargs: Any) -> dict[str, list[Any]]:
        """Add the epoch's coefficient."""
        super().on_epoch_end(**kwargs)
        wanted, found, n = self.cm.sum(dim=1), self.cm.sum(dim=0), self.cm.sum()
        # All integers up to here, so that nothing is lost in the differences.
        covariance = self.cm.trace() * n - (wanted * found).sum()
        spread = (n * n - (found * found).sum()).sqrt() * (n * n - (wanted * wanted).sum()).sqrt()
        return add_metrics(last_metrics, covariance / spread)
