"""The learning rate range test."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arguments import check_count, check_numbers
from ..learner_callback import LearnerCallback
from ..schedule import Scheduler, annealing_exp
from ..sequences import is_listy
from ..snapshot import Snapshot

if TYPE_CHECKING:
    from ..basic_train import Learner

__all__ = ["LRFinder"]


class LRFinder(LearnerCallback):
    """Raises the learning rate by equal factors until the loss explodes, then puts everything back.

    Source: Smith, Cyclical Learning Rates for Training Neural Networks (arXiv:1506.01186), section 3.3.

    Args:
        learn: the learner.
        start_lr: first learning rate: a number, a list by layer group, or a slice as in `Learner.lr_range`.
        end_lr: last learning rate, likewise.
        num_it: number of batches.
        stop_div: whether to stop when the smoothed loss is above 4 times its lowest, or NaN.

    Raises:
        ArgumentError: a learning rate is not above 0, or `num_it` is no whole number from 1 on.
    """

    def __init__(
        self,
        learn: Learner,
        start_lr: Any = 1e-07,
        end_lr: Any = 10,
        num_it: int = 100,
        stop_div: bool = True,
    ) -> None:
        groups = len(learn.layer_groups)
        check_numbers("start_lr", start_lr, 0, above=True, groups=groups, slices=True)
        check_numbers("end_lr", end_lr, 0, above=True, groups=groups, slices=True)
        check_count("num_it", num_it, 1)
        super().__init__(learn)
        self.data, self.stop_div = learn.data, stop_div
        ends = [np.array(lr) if is_listy(lr) else learn.lr_range(lr) for lr in (start_lr, end_lr)]
        self.sched = Scheduler(tuple(ends), num_it, annealing_exp)

    def on_train_begin(self, pbar: Any, **kwargs: Any) -> dict[str, bool]:
        """Keep what will be put back, and leave validation out."""
        if pbar is not None:
            pbar.clean_on_interrupt = True
        self.before = Snapshot(self.learn)
        self.sched.restart()
        self.opt = self.learn.opt
        self.opt.lr = self.sched.start
        self.stop, self.best_loss = False, 0.0
        return {"skip_validate": True}

    def on_batch_end(self, iteration: int, smooth_loss: Any, **kwargs: Any) -> dict[str, bool] | None:
        """Set the next learning rate, or stop."""
        loss = float(smooth_loss)
        if iteration == 0 or loss < self.best_loss:
            self.best_loss = loss
        self.opt.lr = self.sched.step()
        exploded = loss > 4 * self.best_loss or math.isnan(loss)
        if self.sched.is_done or (self.stop_div and exploded):
            return {"stop_epoch": True, "stop_training": True}
        return None

    def on_train_end(self, *args: Any, **kwargs: Any) -> None:
        """Put everything back."""
        self.before.restore()
        del self.before
