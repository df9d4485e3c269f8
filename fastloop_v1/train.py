"""Recipes: ways to train a learner that go beyond a constant learning rate."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from importlib import import_module
from operator import length_hint
from typing import TYPE_CHECKING, Any

from .callbacks.accumulate_scheduler import AccumulateScheduler
from .callbacks.bn_freeze import BnFreeze
from .callbacks.flat_cos_anneal import FlatCosAnnealScheduler
from .callbacks.gradient_clipping import GradientClipping, clip_grad
from .callbacks.lr_finder import LRFinder
from .callbacks.mixup import MixUpCallback
from .callbacks.one_cycle import OneCycleScheduler
from .callbacks.show_graph import ShowGraph
from .defaults import defaults
from .interpret import (
    ClassificationInterpretation,
    Interpretation,
    MultiLabelClassificationInterpretation,
)
from .listeners import as_list
from .loop_checks import check_batches
from .names import with_v1_signature
from .precision import to_amp, to_bf16, to_fp16, to_fp32
from .snapshot import Snapshot

if TYPE_CHECKING:
    from .basic_train import Learner

__all__ = [
    "AccumulateScheduler",
    "BnFreeze",
    "ClassificationInterpretation",
    "GradientClipping",
    "Interpretation",
    "MultiLabelClassificationInterpretation",
    "ShowGraph",
    "clip_grad",
    "fit_fc",
    "fit_one_cycle",
    "lr_find",
    "mixup",
    "one_cycle_scheduler",
    "to_amp",
    "to_bf16",
    "to_fp16",
    "to_fp32",
]


def __getattr__(name: str) -> Any:
    # v1: these recipes were put onto the Learner in this module, so that it was found here too.
    if name == "Learner":
        return import_module(".basic_train", __package__).Learner
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def one_cycle_scheduler(lr_max: float, **kwargs: Any) -> Callable[[Learner], OneCycleScheduler]:
    """A callback factory for `callback_fns` that makes a `OneCycleScheduler` with these arguments."""
    return partial(OneCycleScheduler, lr_max=lr_max, **kwargs)


@with_v1_signature
def fit_one_cycle(
    learn: Learner,
    cyc_len: int,
    max_lr: Any = defaults.lr,
    moms: Any = (0.95, 0.85),
    div_factor: float = 25.0,
    pct_start: float = 0.3,
    final_div: float | None = None,
    wd: Any = None,
    callbacks: Any = None,
    tot_epochs: int | None = None,
    start_epoch: int | None = None,
    *,
    cbs: Any = None,
    resume: Any = None,
) -> None:
    """Train with the one-cycle policy.

    Args:
        learn: the learner.
        cyc_len: number of epochs.
        max_lr: highest learning rate: a number, a list by layer group, or a slice as in `Learner.lr_range`.
        moms: momentum at the ends and at the highest learning rate.
        div_factor: the cycle starts so many times lower than `max_lr`.
        pct_start: share of the batches with a rising learning rate, 0 to 1.
        final_div: the cycle ends so many times lower than `max_lr`; `div_factor * 1e4` if None.
        wd: weight decay; the learner's own if None.
        callbacks: callbacks of this fit.
        tot_epochs: epochs of the whole cycle, if this fit is only a part of it.
        start_epoch: epoch of the cycle to go on from.
        cbs: callbacks of fastai v2 for this fit.
        resume: as in `Learner.fit`.
    """
    learn._checked(cyc_len, max_lr, learn.wd if wd is None else wd)
    scheduler = OneCycleScheduler(
        learn,
        learn.lr_range(max_lr),
        moms=moms,
        div_factor=div_factor,
        pct_start=pct_start,
        final_div=final_div,
        tot_epochs=tot_epochs,
        start_epoch=start_epoch,
    )
    learn.fit(
        cyc_len,
        max_lr,
        wd=wd,
        callbacks=[*as_list(callbacks), scheduler],
        **_if_given(cbs=cbs, resume=resume),
    )


def lr_find(
    learn: Learner,
    start_lr: Any = 1e-07,
    end_lr: Any = 10,
    num_it: int = 100,
    stop_div: bool = True,
    wd: Any = None,
) -> None:
    """Train `num_it` batches with a rising learning rate and put everything back.

    See `learn.recorder.plot(suggestion=True)` and `learn.recorder.suggestions()` for what it saw.

    Args:
        learn: the learner; model, optimizer, learning rate, random numbers and data position are as before
            when this returns or raises. Nothing is written to a file.
        start_lr: first learning rate: a number, or a slice as in `Learner.lr_range`.
        end_lr: last learning rate, likewise.
        num_it: number of batches, over as many epochs as it takes.
        stop_div: whether to stop when the smoothed loss is above 4 times its lowest, or NaN.
        wd: weight decay; the learner's own if None.

    Raises:
        EmptyLoaderError: there is not a single training batch.
    """
    check_batches(learn.data.train_dl)
    finder = LRFinder(learn, start_lr, end_lr, num_it, stop_div)
    before = Snapshot(learn)
    # A loader that does not know its length has a batch at least; the finder stops after `num_it`.
    epochs = math.ceil(num_it / length_hint(learn.data.train_dl, 1))
    try:
        learn.fit(epochs, start_lr, wd=wd, callbacks=[finder])
    finally:
        before.restore()


@with_v1_signature
def fit_fc(
    learn: Learner,
    tot_epochs: int = 1,
    lr: Any = defaults.lr,
    moms: Any = (0.95, 0.85),
    start_pct: float = 0.72,
    wd: Any = None,
    callbacks: Any = None,
    *,
    cbs: Any = None,
    resume: Any = None,
) -> None:
    """Train with a constant learning rate that falls along a cosine in the end.

    Args:
        learn: the learner.
        tot_epochs: number of epochs.
        lr: learning rate: a number, a list by layer group, or a slice as in `Learner.lr_range`.
        moms: momentum in the constant part, and at the end of the falling part.
        start_pct: share of the batches with the constant learning rate, 0 to 1.
        wd: weight decay; the learner's own if None.
        callbacks: callbacks of this fit.
        cbs: callbacks of fastai v2 for this fit.
        resume: as in `Learner.fit`.
    """
    learn._checked(tot_epochs, lr, learn.wd if wd is None else wd)
    scheduler = FlatCosAnnealScheduler(learn, lr, tot_epochs, moms, start_pct)
    learn.fit(
        tot_epochs, lr, wd=wd, callbacks=[*as_list(callbacks), scheduler], **_if_given(cbs=cbs, resume=resume)
    )


def _if_given(**arguments: Any) -> dict[str, Any]:
    """Those that are set: a learner's own `fit` may take v1's arguments only."""
    return {name: value for name, value in arguments.items() if value is not None}


def mixup(learn: Learner, alpha: float = 0.4, stack_x: bool = False, stack_y: bool = True) -> Learner:
    """Add `MixUpCallback` with these arguments to every fit, and return the learner."""
    learn.callback_fns.append(partial(MixUpCallback, alpha=alpha, stack_x=stack_x, stack_y=stack_y))
    return learn
