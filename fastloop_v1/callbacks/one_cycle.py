"""The one-cycle policy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..arguments import check_count, check_number, check_numbers
from ..defaults import defaults
from ..learner_callback import LearnerCallback
from ..schedule import Scheduler, annealing_cos
from ..sequences import is_listy, listify

if TYPE_CHECKING:
    from ..basic_train import Learner

__all__ = ["OneCycleScheduler"]


class OneCycleScheduler(LearnerCallback):
    """Raises the learning rate along a cosine, then lowers it, with momentum going the other way.

    Of `n = len(train_dl) * tot_epochs` batches, the first `int(n * pct_start)` go from
    `lr_max / div_factor` to `lr_max`, the rest from there to `lr_max / final_div`. Source: Smith and Topin,
    Super-Convergence (arXiv:1708.07120), with cosines for straight lines.

    Args:
        learn: the learner.
        lr_max: highest learning rate, a number or one for each layer group.
        moms: momentum at the ends and at the highest learning rate, 0 to 1; one number for both.
        div_factor: the start is so many times lower than `lr_max`.
        pct_start: share of the batches with a rising learning rate, 0 to 1.
        final_div: the end is so many times lower than `lr_max`; `div_factor * 1e4` if None.
        tot_epochs: epochs of the whole cycle; those of the fit if None.
        start_epoch: epoch to go on from, 0 for the first; where the fit starts if None.

    Raises:
        ArgumentError: a value is not as said here.
    """

    def __init__(
        self,
        learn: Learner,
        lr_max: Any,
        moms: Any = (0.95, 0.85),
        div_factor: float = 25.0,
        pct_start: float = 0.3,
        final_div: float | None = None,
        tot_epochs: int | None = None,
        start_epoch: int | None = None,
    ) -> None:
        check_numbers("max_lr", lr_max, 0)
        check_numbers("moms", moms, 0, 1, below=True, groups=2)
        check_number("div_factor", div_factor, 0, above=True)
        check_number("pct_start", pct_start, 0, 1)
        if final_div is not None:
            check_number("final_div", final_div, 0, above=True)
        if tot_epochs is not None:
            tot_epochs = check_count("tot_epochs", tot_epochs)
        if start_epoch is not None:
            start_epoch = check_count("start_epoch", start_epoch)
        super().__init__(learn)
        self.lr_max = np.array(lr_max) if is_listy(lr_max) else lr_max
        self.div_factor, self.pct_start = div_factor, pct_start
        self.final_div = div_factor * 1e4 if final_div is None else final_div
        self.moms = tuple(listify(moms, 2))
        self.tot_epochs, self.start_epoch = tot_epochs, start_epoch

    def steps(self, *steps_cfg: Any) -> list[Scheduler]:
        """A scheduler for each phase that has a batch, from `(start, end)` pairs."""
        pairs = list(zip(steps_cfg, self.phases, strict=False))
        with_batches = [(step, phase) for step, phase in pairs if phase[0] > 0 or defaults.v1_quirks]
        return [Scheduler(step, n_iter, func=func) for step, (n_iter, func) in with_batches or pairs]

    def on_train_begin(self, n_epochs: int, epoch: int, **kwargs: Any) -> dict[str, int]:
        """Make the schedules and set the first values; with `start_epoch` the fit starts there."""
        result = {} if self.start_epoch is None else {"epoch": self.start_epoch}
        self.start_epoch = epoch if self.start_epoch is None else self.start_epoch
        self.tot_epochs = n_epochs if self.tot_epochs is None else self.tot_epochs
        n = len(self.learn.data.train_dl) * self.tot_epochs
        rising = int(n * self.pct_start)
        self.phases = ((rising, annealing_cos), (n - rising, annealing_cos))
        low = self.lr_max / self.div_factor
        self.lr_scheds = self.steps((low, self.lr_max), (self.lr_max, self.lr_max / self.final_div))
        self.mom_scheds = self.steps(self.moms, (self.moms[1], self.moms[0]))
        self.opt = self.learn.opt
        self.opt.lr, self.opt.mom = self.lr_scheds[0].start, self.mom_scheds[0].start
        self.idx_s = 0
        return result

    def jump_to_epoch(self, epoch: int) -> None:
        """Go through the schedule up to an epoch."""
        for _ in range(len(self.learn.data.train_dl) * epoch):
            if self.on_batch_end(train=True):
                break  # the cycle is through

    def on_batch_end(self, train: bool, **kwargs: Any) -> dict[str, bool] | None:
        """Set the values of the next batch; end training when the cycle is through."""
        if not train:
            return None
        if self.idx_s >= len(self.lr_scheds):
            return {"stop_training": True, "stop_epoch": True}
        self.opt.lr = self.lr_scheds[self.idx_s].step()
        self.opt.mom = self.mom_scheds[self.idx_s].step()
        if self.lr_scheds[self.idx_s].is_done:
            self.idx_s += 1
        return None

    def on_epoch_end(self, epoch: int, **kwargs: Any) -> dict[str, bool] | None:
        """End training beyond the last epoch of the cycle."""
        return {"stop_training": True} if self.tot_epochs is not None and epoch > self.tot_epochs else None
