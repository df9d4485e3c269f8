"""A learning rate that is flat first and annealed to 0 then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..arguments import check_number, check_numbers
from ..errors import ArgumentError
from ..schedule import annealing_cos, annealing_exp, annealing_linear
from .general_sched import GeneralScheduler, TrainingPhase

if TYPE_CHECKING:
    from ..basic_train import Learner

__all__ = ["FlatCosAnnealScheduler"]

_CURVES = {"linear": annealing_linear, "cosine": annealing_cos, "exponential": annealing_exp}


def FlatCosAnnealScheduler(
    learn: Learner,
    lr: Any = 4e-3,
    tot_epochs: int = 1,
    moms: tuple[float, float] = (0.95, 0.999),
    start_pct: float = 0.72,
    curve: str = "cosine",
) -> GeneralScheduler:
    """Return a scheduler that keeps the learning rate for a while and then anneals it to 0.

    Of `n = len(train_dl) * tot_epochs` batches, the first `int(n * start_pct)` are flat.

    Args:
        learn: the learner.
        lr: learning rate of the flat part: a number, a list by layer group, or a slice as in
            `Learner.lr_range`.
        tot_epochs: epochs of the fit it is for.
        moms: momentum of the flat and of the annealed part.
        start_pct: share of the batches that are flat, 0 to 1.
        curve: `linear`, `cosine` or `exponential`; the last is 0 at once.

    Raises:
        ArgumentError: the curve is another, or a number is not as said here.
    """
    if curve not in _CURVES:
        raise ArgumentError(f"annealing type not supported {curve}; allowed are {', '.join(_CURVES)}.")
    check_numbers("moms", moms, 0, 1, below=True, groups=2)
    check_number("start_pct", start_pct, 0, 1)
    check_numbers("lr", lr, 0, slices=True)
    lr = list(lr) if isinstance(lr, tuple) else lr  # a pair would be start and end of a schedule
    batches = len(learn.data.train_dl) * tot_epochs
    flat = int(batches * start_pct)
    return GeneralScheduler(
        learn,
        [
            TrainingPhase(flat).schedule_hp("lr", lr).schedule_hp("mom", moms[0]),
            TrainingPhase(batches - flat)
            .schedule_hp("lr", (lr, 0.0), _CURVES[curve])
            .schedule_hp("mom", moms[1]),
        ],
    )
