"""Epochs in which rare classes are drawn as often as the largest one."""

from __future__ import annotations

from .balanced_sampling import BalancedSampling

__all__ = ["OverSamplingCallback"]


class OverSamplingCallback(BalancedSampling):
    """Draws training samples so that an epoch has as many of each class as the largest class has.

    Args:
        learn: the learner, with class labels as `BalancedSampling` wants them.
        weights: chance of each sample, up to a factor; one over the size of its class if None.
    """

    @property
    def total_len_oversample(self) -> int:
        """Samples of an epoch: number of classes times size of the largest."""
        return self.n_classes * int(self.label_counts.max())

    @property
    def n_samples(self) -> int:
        """Samples of an epoch."""
        return self.total_len_oversample
