"""The optimizers of fastai v2, each a list of steppers with hyper-parameters.

`params` are lists of parameters or torch's group dicts, as for `Optimizer`, and `lr` may stand in the dicts.
`wd` is true weight decay, or L2 regularization with `decouple_wd=False`. Hyper-parameters may be changed at
any time, but an optimizer made with `mom=0` averages no gradients and goes on without.

torch's optimizers follow the same path with `mom` as `momentum` or `betas[0]`, `sqr_mom` as `alpha` or
`betas[1]` and `wd` as `weight_decay`: `SGD(decouple_wd=False)` as `torch.optim.SGD`, `Adam` as `AdamW`,
`Adam(decouple_wd=False)` as `Adam`, `RMSProp(mom=0, decouple_wd=False)` as `RMSprop`, and
`RAdam(decouple_wd=False)` as `RAdam` (which adds `eps` before it takes the bias off).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from ..errors import ArgumentError
from .generic_optimizer import Optimizer
from .lookahead import Lookahead
from .steppers import (
    Stepper,
    adam_step,
    average_grad,
    average_sqr_grad,
    l2_reg,
    lamb_step,
    larc_layer_lr,
    larc_step,
    momentum_step,
    qhadam_step,
    radam_step,
    rms_prop_step,
    sgd_step,
    step_stat,
    weight_decay,
)

__all__ = ["SGD", "Adam", "Lamb", "Larc", "QHAdam", "RAdam", "RMSProp", "ranger"]

_ADAM_AVERAGES: tuple[Stepper, ...] = (partial(average_grad, dampening=True), average_sqr_grad, step_stat)


def _made(params: Any, steppers: list[Stepper], lr: Any, decouple_wd: bool, **hypers: Any) -> Optimizer:
    decay = weight_decay if decouple_wd else l2_reg
    opt = Optimizer(params, [decay, *steppers], **({} if lr is None else {"lr": lr}), **hypers)
    if any("lr" not in group for group in opt.hypers):
        raise ArgumentError("lr was not given; give a learning rate, or one in each group dict.")
    return opt


def SGD(params: Any, lr: Any = None, mom: Any = 0.0, wd: Any = 0.0, decouple_wd: bool = True) -> Optimizer:
    """Return gradient descent, with momentum if `mom` is not 0: `a = mom a + g`, `p = p - lr a`."""
    steppers: list[Stepper] = [average_grad, momentum_step] if np.any(mom) else [sgd_step]
    return _made(params, steppers, lr, decouple_wd, mom=mom, wd=wd)


def RMSProp(
    params: Any,
    lr: Any = None,
    mom: Any = 0.0,
    sqr_mom: Any = 0.99,
    eps: float = 1e-8,
    wd: Any = 0.0,
    decouple_wd: bool = True,
) -> Optimizer:
    """Return RMSProp; with `mom` the averaged gradient is divided, where torch averages the divided one."""
    averages: list[Stepper] = [average_grad, average_sqr_grad] if np.any(mom) else [average_sqr_grad]
    hypers = {"mom": mom, "sqr_mom": sqr_mom, "eps": eps, "wd": wd}
    return _made(params, [*averages, rms_prop_step], lr, decouple_wd, **hypers)


def Adam(
    params: Any,
    lr: Any = None,
    mom: Any = 0.9,
    sqr_mom: Any = 0.99,
    eps: float = 1e-5,
    wd: Any = 0.01,
    decouple_wd: bool = True,
) -> Optimizer:
    """Return Adam with true weight decay, as torch's AdamW."""
    hypers = {"mom": mom, "sqr_mom": sqr_mom, "eps": eps, "wd": wd}
    return _made(params, [*_ADAM_AVERAGES, adam_step], lr, decouple_wd, **hypers)


def RAdam(
    params: Any,
    lr: Any = None,
    mom: Any = 0.9,
    sqr_mom: Any = 0.99,
    eps: float = 1e-5,
    wd: Any = 0.0,
    beta: float = 0.0,
    decouple_wd: bool = True,
) -> Optimizer:
    """Return rectified Adam; `beta` above 0 takes the softplus of its denominator."""
    hypers = {"mom": mom, "sqr_mom": sqr_mom, "eps": eps, "wd": wd, "beta": beta}
    return _made(params, [*_ADAM_AVERAGES, radam_step], lr, decouple_wd, **hypers)


def QHAdam(
    params: Any,
    lr: Any = None,
    mom: Any = 0.999,
    sqr_mom: Any = 0.999,
    nu_1: Any = 0.7,
    nu_2: Any = 1.0,
    eps: float = 1e-8,
    wd: Any = 0.0,
    decouple_wd: bool = True,
) -> Optimizer:
    """Return quasi-hyperbolic Adam."""
    hypers = {"mom": mom, "sqr_mom": sqr_mom, "nu_1": nu_1, "nu_2": nu_2, "eps": eps, "wd": wd}
    return _made(params, [*_ADAM_AVERAGES, qhadam_step], lr, decouple_wd, **hypers)


def Larc(
    params: Any,
    lr: Any = None,
    mom: Any = 0.9,
    clip: bool = True,
    trust_coeff: Any = 0.02,
    eps: float = 1e-8,
    wd: Any = 0.0,
    decouple_wd: bool = True,
) -> Optimizer:
    """Return LARC, or LARS with `clip=False`: each parameter has a learning rate by its norm."""
    averages: list[Stepper] = [average_grad] if np.any(mom) else []
    steppers: list[Stepper] = [*averages, partial(larc_layer_lr, clip=clip), larc_step]
    return _made(params, steppers, lr, decouple_wd, mom=mom, trust_coeff=trust_coeff, eps=eps, wd=wd)


def Lamb(
    params: Any,
    lr: Any = None,
    mom: Any = 0.9,
    sqr_mom: Any = 0.99,
    eps: float = 1e-5,
    wd: Any = 0.0,
    decouple_wd: bool = True,
) -> Optimizer:
    """Return LAMB: Adam's steps scaled by each parameter's norm."""
    hypers = {"mom": mom, "sqr_mom": sqr_mom, "eps": eps, "wd": wd}
    return _made(params, [*_ADAM_AVERAGES, lamb_step], lr, decouple_wd, **hypers)


def ranger(
    params: Any,
    lr: Any = None,
    mom: Any = 0.95,
    wd: Any = 0.01,
    eps: float = 1e-6,
    k: int = 6,
    alpha: float = 0.5,
    **kwargs: Any,
) -> Lookahead:
    """Return `Lookahead` over `RAdam`, which takes the other arguments."""
    return Lookahead(RAdam(params, lr, mom=mom, wd=wd, eps=eps, **kwargs), k=k, alpha=alpha)
