"""fastai v2's home of the optimizer: the class, its steppers and the optimizers made of them."""

from __future__ import annotations

from .generic_optimizer import Optimizer
from .lookahead import Lookahead
from .optimizers import SGD, Adam, Lamb, Larc, QHAdam, RAdam, RMSProp, ranger
from .steppers import (
    adam_step,
    average_grad,
    average_sqr_grad,
    debias,
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

__all__ = [
    "SGD",
    "Adam",
    "Lamb",
    "Larc",
    "Lookahead",
    "Optimizer",
    "QHAdam",
    "RAdam",
    "RMSProp",
    "adam_step",
    "average_grad",
    "average_sqr_grad",
    "debias",
    "l2_reg",
    "lamb_step",
    "larc_layer_lr",
    "larc_step",
    "momentum_step",
    "qhadam_step",
    "radam_step",
    "ranger",
    "rms_prop_step",
    "sgd_step",
    "step_stat",
    "weight_decay",
]
