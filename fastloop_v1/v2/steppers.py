"""Steppers: the small functions that an optimizer of fastai v2 is made of.

An `Optimizer` calls each with a parameter, and with the parameter's state and the hyper-parameters of its
group as keywords. A stepper changes the parameter (or its gradient) in place, or returns a dict, which goes
into the state; it ignores the keywords it has no use for. Its attribute `defaults` holds values for
hyper-parameters that nobody gave. In the formulas, p is the parameter, g its gradient and t the step.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = [
    "Stepper",
    "adam_step",
    "average_grad",
    "average_sqr_grad",
    "debias",
    "gradient_of",
    "l2_reg",
    "lamb_ratio",
    "lamb_step",
    "larc_layer_lr",
    "larc_step",
    "momentum_step",
    "qhadam_step",
    "radam_step",
    "rectification",
    "rms_prop_step",
    "sgd_step",
    "step_stat",
    "weight_decay",
]

Stepper = Callable[..., Any]
_Function = TypeVar("_Function", bound=Stepper)
_LAMB_LIMIT = 10.0
_RECTIFIED_ABOVE = 5.0


def _with_defaults(**defaults: float) -> Callable[[_Function], _Function]:
    def give(stepper: _Function) -> _Function:
        setattr(stepper, "defaults", defaults)  # noqa: B010  (a function's own attribute)
        return stepper

    return give


def gradient_of(p: Tensor) -> Tensor:
    """Return the gradient of a parameter that has one."""
    return p.grad  # type: ignore[return-value]  # an optimizer steps parameters with a gradient only


def debias(mom: float, damp: float, step: int) -> float:
    """Sum of the weights in a moving average after `step` values: `damp * (1 - mom**step) / (1 - mom)`."""
    return damp * (1 - float(mom**step)) / (1 - mom)


def rectification(sqr_mom: float, step: int) -> float | None:
    """Factor of a rectified step, or None while the variance of the adaptive rate is not defined.

    `r_inf = 2 / (1 - sqr_mom) - 1` and `r = r_inf - 2 t sqr_mom**t / (1 - sqr_mom**t)`; the factor is
    `sqrt((r - 4)(r - 2) r_inf / ((r_inf - 4)(r_inf - 2) r))` for r above 5. Source: Liu et al., On the
    Variance of the Adaptive Learning Rate and Beyond (arXiv:1908.03265), algorithm 2.
    """
    r_inf = 2 / (1 - sqr_mom) - 1
    r = r_inf - 2 * step * sqr_mom**step / (1 - sqr_mom**step)
    if r <= _RECTIFIED_ABOVE:
        return None
    return float((((r - 4) * (r - 2) * r_inf) / ((r_inf - 4) * (r_inf - 2) * r)) ** 0.5)


# --- decay ------------------------------------------------------------------------------------------------


@_with_defaults(wd=0.0)
def weight_decay(p: Tensor, lr: float, wd: float, do_wd: bool = True, **kwargs: Any) -> None:
    """True weight decay: `p = p (1 - lr wd)`, unless the state says `do_wd=False`.

    Source: Loshchilov and Hutter, Decoupled Weight Decay Regularization (arXiv:1711.05101).
    """
    if do_wd and wd != 0:
        p.mul_(1 - lr * wd)


@_with_defaults(wd=0.0)
def l2_reg(p: Tensor, lr: float, wd: float, do_wd: bool = True, **kwargs: Any) -> None:
    """L2 regularization: `g = g + wd p`, unless the state says `do_wd=False`."""
    if do_wd and wd != 0:
        gradient_of(p).add_(p, alpha=wd)


# --- statistics -------------------------------------------------------------------------------------------


@_with_defaults(mom=0.9)
def average_grad(
    p: Tensor, mom: float, dampening: bool = False, grad_avg: Tensor | None = None, **kwargs: Any
) -> dict[str, Tensor]:
    """Moving average of gradients: `a = mom a + d g`, d being 1, or `1 - mom` with `dampening`."""
    grad = gradient_of(p)
    average = torch.zeros_like(grad) if grad_avg is None else grad_avg
    return {"grad_avg": average.mul_(mom).add_(grad, alpha=1 - mom if dampening else 1)}


@_with_defaults(sqr_mom=0.99)
def average_sqr_grad(
    p: Tensor, sqr_mom: float, dampening: bool = True, sqr_avg: Tensor | None = None, **kwargs: Any
) -> dict[str, Tensor]:
    """Moving average of squared gradients: `s = sqr_mom s + d g**2`, d being `1 - sqr_mom`, or 1 undamped."""
    grad = gradient_of(p)
    average = torch.zeros_like(grad) if sqr_avg is None else sqr_avg
    return {"sqr_avg": average.mul_(sqr_mom).addcmul_(grad, grad, value=1 - sqr_mom if dampening else 1)}


def step_stat(p: Tensor, step: int = 0, **kwargs: Any) -> dict[str, int]:
    """Count of the parameter's steps, from 1 on."""
    return {"step": step + 1}


# --- steps ------------------------------------------------------------------------------------------------


def sgd_step(p: Tensor, lr: float, **kwargs: Any) -> None:
    """Gradient descent: `p = p - lr g`."""
    p.add_(gradient_of(p), alpha=-lr)


def momentum_step(p: Tensor, lr: float, grad_avg: Tensor, **kwargs: Any) -> None:
    """Step along the averaged gradient: `p = p - lr a`."""
    p.add_(grad_avg, alpha=-lr)


@_with_defaults(eps=1e-8)
def rms_prop_step(
    p: Tensor, lr: float, sqr_avg: Tensor, eps: float, grad_avg: Tensor | None = None, **kwargs: Any
) -> None:
    """RMSProp: `p = p - lr a / (sqrt(s) + eps)`, with the gradient for a where none is averaged.

    Source: Tieleman and Hinton, Lecture 6.5, Coursera, 2012.
    """
    step = gradient_of(p) if grad_avg is None else grad_avg
    p.addcdiv_(step, sqr_avg.sqrt().add_(eps), value=-lr)


@_with_defaults(eps=1e-5)
def adam_step(
    p: Tensor,
    lr: float,
    mom: float,
    step: int,
    sqr_mom: float,
    grad_avg: Tensor,
    sqr_avg: Tensor,
    eps: float,
    **kwargs: Any,
) -> None:
    """Adam: `p = p - lr (a / D1) / (sqrt(s / D2) + eps)`, D1 and D2 being the weights in a and s so far.

    Source: Kingma and Ba, Adam (arXiv:1412.6980), algorithm 1.
    """
    debias1, debias2 = debias(mom, 1 - mom, step), debias(sqr_mom, 1 - sqr_mom, step)
    p.addcdiv_(grad_avg, sqr_avg.div(debias2).sqrt_().add_(eps), value=-lr / debias1)


@_with_defaults(eps=1e-5)
def radam_step(
    p: Tensor,
    lr: float,
    mom: float,
    step: int,
    sqr_mom: float,
    grad_avg: Tensor,
    sqr_avg: Tensor,
    eps: float,
    beta: float = 0.0,
    **kwargs: Any,
) -> None:
    """Rectified Adam: Adam's step times `rectification`, and `p = p - lr a / D1` while there is none.

    With `beta` above 0 the denominator is its softplus, `log(1 + exp(beta d)) / beta`.
    """
    debias1, debias2 = debias(mom, 1 - mom, step), debias(sqr_mom, 1 - sqr_mom, step)
    factor = rectification(sqr_mom, step)
    if factor is None:
        p.add_(grad_avg, alpha=-lr / debias1)
        return
    denominator = sqr_avg.div(debias2).sqrt_().add_(eps)
    if beta:
        denominator = F.softplus(denominator, beta)
    p.addcdiv_(grad_avg, denominator, value=-lr * factor / debias1)


@_with_defaults(eps=1e-8)
def qhadam_step(
    p: Tensor,
    lr: float,
    mom: float,
    step: int,
    sqr_mom: float,
    grad_avg: Tensor,
    sqr_avg: Tensor,
    eps: float,
    nu_1: float = 0.7,
    nu_2: float = 1.0,
    **kwargs: Any,
) -> None:
    """Adam whose averages are mixed with the gradient itself, `nu_1` and `nu_2` being the averages' shares.

    `p = p - lr ((1 - nu_1) g + nu_1 a / D1) / (sqrt((1 - nu_2) g**2 + nu_2 s / D2) + eps)`. Source: Ma and
    Yarats, Quasi-hyperbolic momentum and Adam (arXiv:1810.06801), section 4.
    """
    debias1, debias2 = debias(mom, 1 - mom, step), debias(sqr_mom, 1 - sqr_mom, step)
    grad = gradient_of(p)
    above = grad.mul(1 - nu_1).add_(grad_avg, alpha=nu_1 / debias1)
    below = grad.mul(grad).mul_(1 - nu_2).add_(sqr_avg, alpha=nu_2 / debias2).sqrt_().add_(eps)
    p.addcdiv_(above, below, value=-lr)


@_with_defaults(trust_coeff=0.02, wd=0.0, eps=1e-8)
def larc_layer_lr(
    p: Tensor, lr: float, trust_coeff: float, wd: float, eps: float, clip: bool = True, **kwargs: Any
) -> dict[str, Tensor]:
    """Learning rate of this parameter: `lr trust_coeff |p| / (|g| + wd |p| + eps)`, with `clip` at most `lr`.

    Source: You, Gitman and Ginsburg, Large Batch Training of Convolutional Networks (arXiv:1708.03888).
    """
    norm = torch.linalg.vector_norm(p)
    rate = norm * (lr * trust_coeff) / (torch.linalg.vector_norm(gradient_of(p)) + norm * wd + eps)
    return {"local_lr": rate.clamp_max_(lr) if clip else rate}


def larc_step(p: Tensor, local_lr: Tensor, grad_avg: Tensor | None = None, **kwargs: Any) -> None:
    """Step with the parameter's own rate: `p = p - local_lr a`, with the gradient where none is averaged."""
    p.sub_((gradient_of(p) if grad_avg is None else grad_avg) * local_lr)


@_with_defaults(eps=1e-5)
def lamb_step(
    p: Tensor,
    lr: float,
    mom: float,
    step: int,
    sqr_mom: float,
    grad_avg: Tensor,
    sqr_avg: Tensor,
    eps: float,
    **kwargs: Any,
) -> None:
    """LAMB: Adam's step u, scaled as the parameter is: `p = p - lr u min(|p| / |u|, 10)`.

    The ratio is 1 where either norm is 0. Source: You et al., Large Batch Optimization for Deep Learning
    (arXiv:1904.00962), algorithm 2.
    """
    debias1, debias2 = debias(mom, 1 - mom, step), debias(sqr_mom, 1 - sqr_mom, step)
    update = grad_avg.div(debias1).div_(sqr_avg.div(debias2).sqrt_().add_(eps))
    p.sub_(update.mul_(lamb_ratio(p, update) * lr))


def lamb_ratio(p: Tensor, update: Tensor) -> Tensor:
    """Return `|p| / |update|`, at most 10, and 1 where either is 0, as a tensor: no device is waited for."""
    own, other = torch.linalg.vector_norm(p), torch.linalg.vector_norm(update)
    return torch.where((own == 0) | (other == 0), 1.0, (own / other).clamp_max(_LAMB_LIMIT))
