"""Forms of an optimizer's step: over lists of tensors, fused, or without an audience."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import SGD, Adam, AdamW, Optimizer, RMSprop, optimizer

from .errors import HyperParameterError

__all__ = ["are_many_and_small", "decay_", "decays_inside", "take_step", "use_foreach", "use_fused"]

# Both forms of these compute the same bits on a CPU; elsewhere torch chooses for itself.
_SAME_BITS = (SGD, Adam, AdamW, RMSprop)
_MANY = 8
_SMALL = 2**14  # elements; beyond, intermediate lists fall out of the cache and cost more than calls
_is_on_cpu = attrgetter("is_cpu")
_dtype = attrgetter("dtype")
# Of these, products with a number and with a tensor, one by one and over lists, have the same bits.
_EXACT = (torch.float32, torch.float64)
_PLAIN = {Tensor, Parameter}
# What torch puts around the step of each class of optimizers: an entry for the profiler, and hooks.
_AROUND_STEPS = getattr(Optimizer, "profile_hook_step", lambda step: step)(lambda: None).__code__


def take_step(opt: Any, *closure: Any) -> Any:
    """Let an optimizer step; without torch's calls for profilers and hooks where there are none.

    Torch's wrapper around `step` is known by its code; one of anybody else's is called as it is.
    """
    step = getattr(type(opt), "step", None)
    if getattr(step, "__code__", None) is not _AROUND_STEPS or "step" in vars(opt) or _has_audience(opt):
        return opt.step(*closure)
    return step.__wrapped__(opt, *closure)  # type: ignore[union-attr]  # functools.wraps has set it


def _has_audience(opt: Any) -> bool:
    return bool(
        torch._C._autograd._profiler_enabled()
        or opt._optimizer_step_pre_hooks
        or opt._optimizer_step_post_hooks
        or optimizer._global_optimizer_pre_hooks
        or optimizer._global_optimizer_post_hooks
    )


def are_many_and_small(params: Sequence[Tensor]) -> bool:
    """Whether one call over all beats a call for each: on a CPU, from 8 tensors on, of 64 kB on average."""
    return (
        len(params) >= _MANY
        and all(map(_is_on_cpu, params))
        and sum(map(Tensor.numel, params)) <= _SMALL * len(params)
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


def decays_inside(opt: Optimizer) -> bool:
    """Whether the one kernel of a step can decay the weights too, apart from the gradients."""
    return type(opt) in (Adam, AdamW) and all(
        group.get("fused") and "decoupled_weight_decay" in group for group in opt.param_groups
    )


@torch.no_grad()
def decay_(params: Sequence[Tensor], factor: Any) -> None:
    """Multiply parameters by a factor, in place; many in one call where that gives the same bits."""
    if isinstance(factor, Tensor) or not _are_exact(params):
        for param in params:
            param.mul_(factor)
        return
    # Of a number, torch on a CPU makes a tensor anew for each of them, which costs more than the product.
    # Classes of tensors with rules of their own, as for parts of a tensor on several machines, want a number.
    by: Any = float(factor)
    if _PLAIN.issuperset(map(type, params)) and all(map(_is_on_cpu, params)):
        by = torch.tensor(by, dtype=params[0].dtype, device="cpu")
    torch._foreach_mul_(list(params), by)


def _are_exact(params: Sequence[Tensor]) -> bool:
    return len(params) > 1 and params[0].dtype in _EXACT and len(set(map(_dtype, params))) == 1
