"""A callback that shows the parts of a loss as metrics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from ..learner_callback import LearnerCallback
from ..sequences import first_el

__all__ = ["LossMetrics"]


class LossMetrics(LearnerCallback):
    """Adds what the loss function computes beside the loss to the metrics, as means over the validation set.

    The loss function names the values in its list `metric_names` and, at each call, puts them in its dict
    `metrics`. Each batch weighs as many samples as its first target has. A loss function without
    `metric_names` adds nothing.
    """

    _order = -20  # the recorder, which comes after it, has to see the values
    names: Sequence[str] = ()
    nums = 0

    def on_train_begin(self, **kwargs: Any) -> None:
        """Add the columns."""
        self.names = list(getattr(self.learn.loss_func, "metric_names", ()))
        if self.names:
            self.learn.recorder.add_metric_names(self.names)

    def on_epoch_begin(self, **kwargs: Any) -> None:
        """Start new sums."""
        self.metrics: dict[str, Any] = dict.fromkeys(self.names, 0.0)
        self.nums = 0

    def on_batch_end(self, last_target: Any, train: bool, **kwargs: Any) -> None:
        """Take a validation batch into the sums, which stay on its device."""
        if train or not self.names:
            return
        size = len(first_el(last_target))
        self.nums += size
        for name in self.names:
            value = self.learn.loss_func.metrics[name]
            self.metrics[name] += size * (value.detach() if isinstance(value, torch.Tensor) else value)

    def on_epoch_end(self, last_metrics: Sequence[Any], **kwargs: Any) -> dict[str, list[Any]] | None:
        """Add the means as tensors on the CPU."""
        if not self.nums:
            return None
        means = [torch.as_tensor(self.metrics[name] / self.nums).cpu() for name in self.names]
        return {"last_metrics": [*last_metrics, *means]}
