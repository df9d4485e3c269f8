"""Forms of an optimizer's step: over lists of many small tensors, or fused where that is asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop

from .errors import HyperParameterError

__all__ = ["are_many_and_small", "decay_", "use_foreach", "use_fused"]

# Both forms of these compute the same bits on a CPU; elsewhere torch chooses for itself.
_SAME_BITS = (SGD, Adam, AdamW, RMSprop)
_MANY = 8
_SMALL = 2**14  # elements; beyond, intermediate lists fall out of the cache and cost more than calls


def are_many_and_small(params: Sequence[Tensor]) -> bool:
    """Whether one call over all beats a call for each: on a CPU, from 8 tensors on, of 64 kB on average."""
    return (
        len(params) >= _MANY
        and all(param.is_cpu for param in params)
        and sum(param.numel() for param in params) <= _SMALL * len(params)
    )


def use_foreach(opt: Optimizer) -> None:
    """Let an optimizer of torch step over lists in groups where that pays, if nobody chose a form for it."""
    for group in opt.param_groups if type(opt) in _SAME_BITS else ():
        chosen = group["foreach"] is not None or group.get("fused") or group.get("differentiable")
        if not chosen and are_many_and_small(group["params"]):
            group["foreach"] = True


def use_fused(opt: Optimizer) -> None:
    """Let an optimizer do its whole step in one kernel, which moves the last bits of the result.

    Raises:
        HyperParameterError: it has no such form.
    """
    for group in opt.param_groups:
        if "fused" not in group:
            raise HyperParameterError(
                f"fused is True, but {type(opt).__name__} has no fused form; Adam, AdamW and SGD have."
            )
        group.update(fused=True, foreach=None)


@torch.no_grad()
def decay_(params: Sequence[Tensor], factor: Any) -> None:
    """Multiply parameters by a factor, in place."""
    if are_many_and_small(params):
        torch._foreach_mul_(list(params), float(factor))
        return
    for param in params:
        param.mul_(factor)
