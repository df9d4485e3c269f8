"""The stock steppers over lists of parameters: on a CPU, bit for bit what they compute one by one.

A form is called with parameters, their states (dicts, changed in place) and the hyper-parameters of the
group as keywords. torch's `_foreach` functions take the whole lists in one call; on other devices it does so
in kernels of their own, which may round the last digit the other way.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..optimizer_forms import decay_
from .steppers import (
    Stepper,
    adam_step,
    average_grad,
    average_sqr_grad,
    debias,
    gradient_of,
    l2_reg,
    lamb_ratio,
    lamb_step,
    larc_layer_lr,
    larc_step,
    momentum_step,
    radam_step,
    rectification,
    rms_prop_step,
    sgd_step,
    step_stat,
    weight_decay,
)

__all__ = ["HYPERS", "STATE", "ListForm", "list_form"]

_States = list[dict[str, Any]]
_Form = Callable[..., None]

# What the forms read from the state and from the hyper-parameters, each from there only.
STATE = frozenset({"do_wd", "grad_avg", "sqr_avg", "step", "local_lr"})
HYPERS = frozenset({"lr", "wd", "mom", "sqr_mom", "eps", "beta", "trust_coeff", "clip", "dampening"})


@dataclass(frozen=True)
class ListForm:
    """A stepper over lists.

    Args:
        run: called as `run(params, states, **hypers)`.
        needs: names of the hyper-parameters that must be among the keywords.
    """

    run: _Form
    needs: frozenset[str]


def list_form(stepper: Stepper) -> ListForm | None:
    """Return the list form of a stock stepper, or of a partial of one with hyper-parameters; else None."""
    bound: dict[str, Any] = {}
    while isinstance(stepper, partial) and not stepper.args:
        bound = {**stepper.keywords, **bound}
        stepper = stepper.func
    form = _FORMS.get(stepper) if inspect.isfunction(stepper) else None
    if form is None or not bound.keys() <= HYPERS:
        return None
    asked = list(inspect.signature(form).parameters.values())[2:]
    needs = {p.name for p in asked if p.default is p.empty and p.kind is not p.VAR_KEYWORD}
    return ListForm(partial(form, **bound), frozenset(needs - bound.keys()))


def _grads(params: Sequence[Tensor]) -> list[Tensor]:
    return [gradient_of(p) for p in params]


def _decaying(params: Sequence[Tensor], states: _States) -> list[Tensor]:
    return [p for p, state in zip(params, states, strict=True) if state.get("do_wd", True)]


def _read(states: _States, name: str) -> list[Any]:
    return [state[name] for state in states]


def _averages(states: _States, name: str, grads: list[Tensor]) -> list[Tensor]:
    """Running averages in the states, made where there is none."""
    for state, grad in zip(states, grads, strict=True):
        if state.get(name) is None:
            state[name] = torch.zeros_like(grad)
    return _read(states, name)


def _directions(params: Sequence[Tensor], states: _States) -> list[Tensor]:
    """Averaged gradients, and the gradient itself where none is averaged."""
    return [
        gradient_of(p) if state.get("grad_avg") is None else state["grad_avg"]
        for p, state in zip(params, states, strict=True)
    ]


def _debiases(states: _States, mom: float) -> list[float]:
    return [debias(mom, 1 - mom, step) for step in _read(states, "step")]


def _roots(states: _States, sqr_mom: float, eps: float) -> list[Tensor]:
    """`sqrt(s / D2) + eps` of each parameter."""
    roots = torch._foreach_div(_read(states, "sqr_avg"), _debiases(states, sqr_mom))
    torch._foreach_sqrt_(roots)
    torch._foreach_add_(roots, eps)
    return list(roots)


# --- decay and statistics ---------------------------------------------------------------------------------


def _weight_decay(params: list[Tensor], states: _States, lr: float, wd: float, **_: Any) -> None:
    if wd != 0 and (decaying := _decaying(params, states)):
        decay_(decaying, 1 - lr * wd)


def _l2_reg(params: list[Tensor], states: _States, lr: float, wd: float, **_: Any) -> None:
    if wd != 0 and (decaying := _decaying(params, states)):
        torch._foreach_add_(_grads(decaying), decaying, alpha=wd)


def _average_grad(
    params: list[Tensor], states: _States, mom: float, *, dampening: bool = False, **_: Any
) -> None:
    grads = _grads(params)
    averages = _averages(states, "grad_avg", grads)
    torch._foreach_mul_(averages, mom)
    torch._foreach_add_(averages, grads, alpha=1 - mom if dampening else 1)


def _average_sqr_grad(
    params: list[Tensor], states: _States, sqr_mom: float, *, dampening: bool = True, **_: Any
) -> None:
    grads = _grads(params)
    averages = _averages(states, "sqr_avg", grads)
    torch._foreach_mul_(averages, sqr_mom)
    torch._foreach_addcmul_(averages, grads, grads, value=1 - sqr_mom if dampening else 1)


def _step_stat(params: list[Tensor], states: _States, **_: Any) -> None:
    for state in states:
        state["step"] = state.get("step", 0) + 1


# --- steps ------------------------------------------------------------------------------------------------


def _sgd_step(params: list[Tensor], states: _States, lr: float, **_: Any) -> None:
    torch._foreach_add_(params, _grads(params), alpha=-lr)


def _momentum_step(params: list[Tensor], states: _States, lr: float, **_: Any) -> None:
    torch._foreach_add_(params, _read(states, "grad_avg"), alpha=-lr)


def _rms_prop_step(params: list[Tensor], states: _States, lr: float, eps: float, **_: Any) -> None:
    roots = torch._foreach_sqrt(_read(states, "sqr_avg"))
    torch._foreach_add_(roots, eps)
    torch._foreach_addcdiv_(params, _directions(params, states), roots, value=-lr)


def _adam_step(
    params: list[Tensor], states: _States, lr: float, mom: float, sqr_mom: float, eps: float, **_: Any
) -> None:
    rates = [-lr / debiased for debiased in _debiases(states, mom)]
    torch._foreach_addcdiv_(params, _read(states, "grad_avg"), _roots(states, sqr_mom, eps), rates)


def _radam_step(
    params: list[Tensor],
    states: _States,
    lr: float,
    mom: float,
    sqr_mom: float,
    eps: float,
    beta: float = 0.0,
    **_: Any,
) -> None:
    by_count = sorted(zip(params, states, strict=True), key=lambda pair: pair[1]["step"])
    for step, pairs in groupby(by_count, key=lambda pair: pair[1]["step"]):
        some, theirs = (list(part) for part in zip(*pairs, strict=True))
        rate, factor = -lr / debias(mom, 1 - mom, step), rectification(sqr_mom, step)
        if factor is None:
            torch._foreach_add_(some, _read(theirs, "grad_avg"), alpha=rate)
            continue
        roots = _roots(theirs, sqr_mom, eps)
        if beta:
            roots = [F.softplus(root, beta) for root in roots]
        # In the order of the one-parameter form, so that the last bits are alike.
        value = -lr * factor / debias(mom, 1 - mom, step)
        torch._foreach_addcdiv_(some, _read(theirs, "grad_avg"), roots, value=value)


def _larc_layer_lr(
    params: list[Tensor],
    states: _States,
    lr: float,
    trust_coeff: float,
    wd: float,
    eps: float,
    *,
    clip: bool = True,
    **_: Any,
) -> None:
    norms, below = torch._foreach_norm(params), torch._foreach_norm(_grads(params))
    torch._foreach_add_(below, torch._foreach_mul(norms, wd))
    torch._foreach_add_(below, eps)
    rates = torch._foreach_div(torch._foreach_mul(norms, lr * trust_coeff), below)
    if clip:
        torch._foreach_clamp_max_(rates, lr)
    for state, rate in zip(states, rates, strict=True):
        state["local_lr"] = rate


def _larc_step(params: list[Tensor], states: _States, **_: Any) -> None:
    moves = torch._foreach_mul(_directions(params, states), _read(states, "local_lr"))
    torch._foreach_sub_(params, moves)


def _lamb_step(
    params: list[Tensor], states: _States, lr: float, mom: float, sqr_mom: float, eps: float, **_: Any
) -> None:
    updates = torch._foreach_div(_read(states, "grad_avg"), _debiases(states, mom))
    torch._foreach_div_(updates, _roots(states, sqr_mom, eps))
    ratios = [lamb_ratio(p, update) * lr for p, update in zip(params, updates, strict=True)]
    torch._foreach_mul_(updates, ratios)
    torch._foreach_sub_(params, updates)


_FORMS: dict[Stepper, _Form] = {
    weight_decay: _weight_decay,
    l2_reg: _l2_reg,
    average_grad: _average_grad,
    average_sqr_grad: _average_sqr_grad,
    step_stat: _step_stat,
    sgd_step: _sgd_step,
    momentum_step: _momentum_step,
    rms_prop_step: _rms_prop_step,
    adam_step: _adam_step,
    radam_step: _radam_step,
    larc_layer_lr: _larc_layer_lr,
    larc_step: _larc_step,
    lamb_step: _lamb_step,
}
