"""Recipes that train a learner in half precision, with autocast, and back in float32."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from .callbacks.amp import Autocast
from .callbacks.fp16 import MixedPrecision
from .callbacks.gradient_unscaling import GradientUnscaling, LossScaling
from .modules import model2half
from .nested import batch_to_half

if TYPE_CHECKING:
    from .basic_train import Learner

__all__ = ["to_amp", "to_bf16", "to_fp16", "to_fp32"]


def to_fp16(
    learn: Learner,
    loss_scale: float | None = None,
    max_noskip: int = 1000,
    dynamic: bool = True,
    clip: float | None = None,
    flat_master: bool = False,
    max_scale: float = 2**24,
    loss_fp32: bool = True,
) -> Learner:
    """Train in half precision, batch norm excepted, with float32 master weights; return `learn`.

    What `MixedPrecision` does, which is `learn.mp_cb` afterwards. For new code `to_amp` is the better choice.

    Args:
        learn: the learner; what `to_fp16` or `to_amp` did to it before is undone first.
        loss_scale: first scale of the loss, above 0; if None 65536, or 512 if it is not `dynamic`.
        max_noskip: the scale is doubled after so many batches without overflow.
        dynamic: whether the scale is doubled, and halved at each overflow.
        clip: largest norm of the gradients of each list of `learn.mp_cb.master_params`; None for no limit.
        flat_master: whether each list of parameters is copied into one vector.
        max_scale: the scale is not doubled from here on.
        loss_fp32: whether the model's output is turned to float32 before the loss.
    """
    to_fp32(learn)
    learn.model = model2half(learn.model)
    learn.data.add_tfm(batch_to_half)
    scaling = MixedPrecision(learn, loss_scale, max_noskip, dynamic, clip, flat_master, max_scale, loss_fp32)
    setattr(learn, "mp_cb", scaling)  # noqa: B010  (v1's name, no field of a learner)
    learn.callbacks += [GradientUnscaling(learn), scaling]
    if getattr(learn, "opt", None) is not None:
        scaling.prepare()
    return learn


def to_amp(
    learn: Learner, dtype: torch.dtype = torch.float16, *, scaler: torch.amp.GradScaler | None = None
) -> Learner:
    """Train with `torch.autocast`, the weights staying float32; return `learn`.

    Args:
        learn: the learner; what `to_fp16` or `to_amp` did to it before is undone first.
        dtype: `torch.float16`, with scaled gradients, or `torch.bfloat16`.
        scaler: scales the gradients; `torch.amp.GradScaler` with its defaults if None and float16.

    Raises:
        ArgumentError: another type.
    """
    autocast = Autocast(learn, dtype, scaler=scaler)
    to_fp32(learn)
    learn.callbacks += [GradientUnscaling(learn), autocast]
    return learn


def to_bf16(learn: Learner) -> Learner:
    """Train with `torch.autocast` in bfloat16, which needs no scaled loss; return `learn`."""
    return to_amp(learn, torch.bfloat16)


def to_fp32(learn: Learner) -> Learner:
    """Undo `to_fp16`, `to_amp` or `to_bf16`: a model, data and optimizer in float32; return `learn`.

    The optimizer's state and, after `to_fp16`, all digits of the weights are kept.
    """
    scalings = [cb for cb in learn.callbacks if isinstance(cb, LossScaling)]
    if hasattr(learn.data, "remove_tfm"):
        learn.data.remove_tfm(batch_to_half)
    added = (LossScaling, GradientUnscaling)
    learn.callbacks[:] = [cb for cb in learn.callbacks if not isinstance(cb, added)]
    learn.model = learn.model.float()
    for scaling in scalings:
        scaling.hand_back()
    return learn
