"""A callback that keeps the statistics of frozen batch norms."""

from __future__ import annotations

from typing import Any

from ..learner_callback import LearnerCallback
from ..modules import bn_types, set_bn_eval

__all__ = ["BnFreeze"]


class BnFreeze(LearnerCallback):
    """Trains with every frozen batch norm in evaluation mode, so that its running statistics stay."""

    def on_epoch_begin(self, **kwargs: Any) -> None:
        """Put them in evaluation mode; the loop has put the whole model in training mode just before."""
        set_bn_eval(self.learn.model)

    def on_train_end(self, **kwargs: Any) -> None:
        """Put them back in the mode the model is in."""
        for layer in self.learn.model.modules():
            if isinstance(layer, bn_types):
                layer.train(self.learn.model.training)
