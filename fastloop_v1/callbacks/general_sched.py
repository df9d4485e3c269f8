"""Schedules in phases: hyper-parameters that move batch by batch, phase after phase."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..defaults import defaults
from ..errors import ArgumentError
from ..learner_callback import LearnerCallback
from ..schedule import AnnealFunction, Scheduler
from ..sequences import is_tuple, listify

if TYPE_CHECKING:
    from typing_extensions import Self

    from ..basic_train import Learner

__all__ = ["GeneralScheduler", "TrainingPhase"]


@dataclass
class TrainingPhase:
    """A stretch of training in which some hyper-parameters follow schedules.

    Args:
        length: number of batches; below 1 counts as 1.

    Attributes:
        scheds: the schedule of each hyper-parameter, by its name.
    """

    length: int

    def __post_init__(self) -> None:
        """Start without a schedule."""
        self.scheds: dict[str, Scheduler] = {}

    def schedule_hp(self, name: str, vals: Any, anneal: AnnealFunction | None = None) -> Self:
        """Move a hyper-parameter over the length of the phase, and return the phase.

        Args:
            name: `lr`, `mom`, `wd`, `beta`, or any other that the optimizer has.
            vals: a pair `(start, end)`, or one value that stays. A value is a number, a list or array with
                one number for each layer group, or a slice as in `Learner.lr_range`.
            anneal: annealing function `(start, end, pct)`; linear for a pair, constant for one value if None.
        """
        pair = tuple(_by_group(value) for value in vals) if is_tuple(vals) else _by_group(vals)
        self.scheds[name] = Scheduler(pair, self.length, anneal)
        return self


def _by_group(value: Any) -> Any:
    """A list as an array, which annealing functions can reckon with."""
    return np.array(value) if isinstance(value, list) else value


class GeneralScheduler(LearnerCallback):
    """Takes the optimizer's hyper-parameters through phases, then ends training.

    A phase lasts as long as its longest schedule; a shorter one stays at its end. The first batch of a
    later phase still trains with the last values of the phase before, and training ends one batch after the
    last phase.

    Args:
        learn: the learner.
        phases: one phase or several, which may be used by several schedulers.
        start_epoch: epoch to go on from, 0 for the first; where the fit starts if None.
    """

    def __init__(
        self, learn: Learner, phases: TrainingPhase | Sequence[TrainingPhase], start_epoch: int | None = None
    ) -> None:
        super().__init__(learn)
        self.phases: list[TrainingPhase] = listify(phases)
        self.start_epoch = start_epoch

    def on_train_begin(self, epoch: int, **kwargs: Any) -> dict[str, int]:
        """Set the first values; with `start_epoch` the fit starts there.

        Raises:
            ArgumentError: there is no phase, neither given nor put into `phases` since.
        """
        if not self.phases:
            raise ArgumentError(
                f"phases is {self.phases!r}; GeneralScheduler needs at least one TrainingPhase."
            )
        self.scheds = [
            {name: self._fresh(sched) for name, sched in phase.scheds.items()} for phase in self.phases
        ]
        for name, sched in self.scheds[0].items():
            self._set(name, sched.start)
        self.idx_s = self.batches_in_phase = 0
        return {} if self.start_epoch is None else {"epoch": self.start_epoch}

    def jump_to_epoch(self, epoch: int) -> None:
        """Go through the schedules up to an epoch."""
        for _ in range(len(self.learn.data.train_dl) * epoch):
            if self.on_batch_end(train=True):
                break  # all phases are through

    def on_batch_end(self, train: bool, **kwargs: Any) -> dict[str, bool] | None:
        """Set the values of the next batch; end training when all phases are through."""
        if not train:
            return None
        if self.idx_s >= len(self.scheds):
            return {"stop_training": True, "stop_epoch": True}
        for name, sched in self.scheds[self.idx_s].items():
            # v1: a schedule shorter than that of the first hyper-parameter went on past its end.
            if defaults.v1_quirks or not sched.is_done:
                self._set(name, sched.step())
        self.batches_in_phase += 1
        if self.batches_in_phase >= self._phase_length():
            self.idx_s, self.batches_in_phase = self.idx_s + 1, 0
        return None

    def _phase_length(self) -> int:
        lengths = [sched.n_iter for sched in self.scheds[self.idx_s].values()]
        lengths = lengths or [self.phases[self.idx_s].length]
        # v1: the first hyper-parameter of a phase alone decided when it is over.
        return lengths[0] if defaults.v1_quirks else max(lengths)

    def _fresh(self, sched: Scheduler) -> Scheduler:
        """The schedule at its start, with slices as values by layer group; the phase keeps its own."""
        fresh = copy.copy(sched)
        fresh.restart()
        # v1: a slice reached the optimizer as it was, and failed there.
        if not defaults.v1_quirks:
            fresh.start, fresh.end = self.learn.lr_range(sched.start), self.learn.lr_range(sched.end)
        return fresh

    def _set(self, name: str, value: Any) -> None:
        self.learn.opt.set_stat(name, value.tolist() if isinstance(value, np.ndarray) else value)
