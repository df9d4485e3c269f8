"""Epochs in which frequent classes are drawn as seldom as the smallest one."""

from __future__ import annotations

from .balanced_sampling import BalancedSampling

__all__ = ["UnderSamplingCallback"]


class UnderSamplingCallback(BalancedSampling):
    """Draws training samples so that an epoch has as many of each class as the smallest class has.

    Args:
        learn: the learner, with class labels as `BalancedSampling` wants them.
        weights: chance of each sample, up to a factor; one over the size of its class if None.
    """

    @property
    def total_len_undersample(self) -> int:
        """Samples of an epoch: number of classes times size of the smallest."""
        return self.n_classes * int(self.label_counts.min())

    @property
    def n_samples(self) -> int:
        """Samples of an epoch."""
        return self.total_len_undersample
