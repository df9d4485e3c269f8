"""Training samples drawn by weight, so that rare classes are seen as often as others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import WeightedRandomSampler

from ..errors import ArgumentError
from ..learner_callback import LearnerCallback

if TYPE_CHECKING:
    from ..basic_train import Learner

__all__ = ["BalancedSampling"]

# Attribute of a loader that was taken away again: the one that came after it.
_AFTER = "_loader_after_sampling"


class BalancedSampling(LearnerCallback):
    """Draws the training samples by weight, with replacement, as long as a fit lasts.

    Args:
        learn: the learner, with one class label for each training sample: `data.train_ds.y.items`, a
            `targets` of the data set, or the last tensor of a TensorDataset.
        weights: chance of each sample, up to a factor; one over the size of its class if None.
    """

    exclude = (*LearnerCallback.exclude, "_data", "_drawing", "old_dl")

    def __init__(self, learn: Learner, weights: Any = None) -> None:
        super().__init__(learn)
        self._weights = weights

    @property
    def labels(self) -> NDArray[Any]:
        """The label of each training sample, in the order of the data set; empty if it has none."""
        dataset = self.learn.data.train_ds
        found = getattr(getattr(dataset, "y", None), "items", None)
        if found is None:
            found = getattr(dataset, "targets", None)
        if found is None:
            found = getattr(dataset, "tensors", ((),))[-1]
        return np.asarray(found)

    @property
    def label_counts(self) -> NDArray[np.int64]:
        """How many training samples each class has that occurs, in the order of the labels."""
        return np.unique(self.labels, return_counts=True)[1]

    @property
    def weights(self) -> Any:
        """Chance of each training sample, up to a factor."""
        if self._weights is not None:
            return self._weights
        _, places, counts = np.unique(self.labels, return_inverse=True, return_counts=True)
        return torch.from_numpy(1 / counts[places])

    @weights.setter
    def weights(self, weights: Any) -> None:
        self._weights = weights

    @property
    def n_samples(self) -> int:
        """Samples of an epoch; here as many as without balancing."""
        return len(self.labels)

    @property
    def n_classes(self) -> int:
        """Number of classes: the data's `c`, or where it has none the classes that occur."""
        return int(getattr(self.learn.data, "c", len(self.label_counts)))

    def on_train_begin(self, **kwargs: Any) -> None:
        """Put a loader that draws by weight in place of the training loader.

        Raises:
            ArgumentError: there is not one label for each training sample.
        """
        self._put_back()
        self._check_labels()
        self._data = self.learn.data
        self.old_dl = self._data.train_dl
        sampler = WeightedRandomSampler(self.weights, self.n_samples)
        self._drawing = self._data.train_dl = self.old_dl.new(shuffle=False, sampler=sampler)

    def on_train_end(self, **kwargs: Any) -> None:
        """Put the training loader back."""
        self._put_back()

    def _put_back(self) -> None:
        """Put the loader back, unless another one has taken the place meanwhile."""
        if "old_dl" not in self.__dict__:
            return
        before = self.old_dl
        while _AFTER in vars(before):
            before = vars(before)[_AFTER]
        # For one that came later, and ends later: what it replaced is no loader to put back.
        setattr(self._drawing, _AFTER, before)
        if self._data.train_dl is self._drawing:
            self._data.train_dl = before
        del self.old_dl, self._data, self._drawing

    def _check_labels(self) -> None:
        dataset, labels = self.learn.data.train_ds, self.labels
        if labels.shape != (len(dataset),):
            raise ArgumentError(
                f"The training data is a {type(dataset).__name__} of {len(dataset)} samples with labels of "
                f"shape {labels.shape}; needed is one for each, in y.items, targets or the last of tensors."
            )
