"""`TrainEvalCallback`: the counters and flags that v2 callbacks read, kept as v2 keeps them."""

from __future__ import annotations

import torch

from .callback import Callback

__all__ = ["TrainEvalCallback"]


class TrainEvalCallback(Callback):
    """Keeps `epoch`, `train_iter`, `pct_train` and `training` on the learner; other callbacks come after it.

    `train_iter` and `pct_train` (from 0 to 1) grow in `after_batch` of a training batch. The loop itself puts
    the model in training mode, before `before_epoch`.
    """

    order, run_valid = -10, False

    def after_create(self) -> None:
        """One epoch, until a fit says otherwise."""
        self.learn.n_epoch = 1

    def before_fit(self) -> None:
        """Start to count, and let a model with a memory forget."""
        learn = self.learn
        learn.epoch, learn.loss, learn.train_iter, learn.pct_train = 0, torch.tensor(0.0), 0, 0.0
        if hasattr(learn.model, "reset"):
            learn.model.reset()

    def before_train(self) -> None:
        """Begin the training of an epoch."""
        self.learn.pct_train = self.epoch / self.n_epoch
        self.learn.training = True

    def before_validate(self) -> None:
        """Begin a validation."""
        self.learn.model.eval()
        self.learn.training = False

    def after_batch(self) -> None:
        """Count a training batch."""
        if self.n_iter:
            self.learn.pct_train += 1.0 / (self.n_iter * self.n_epoch)
        self.learn.train_iter += 1
