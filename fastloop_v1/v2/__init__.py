"""What fastai v2 code needs, on the loop of this package: callbacks, schedules, the stepper-built optimizer.

The names in `__all__` are read from their modules when they are used, so that importing this loads nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..signals import (
        CancelBackwardException,
        CancelBatchException,
        CancelEpochException,
        CancelFitException,
        CancelStepException,
        CancelTrainException,
        CancelValidException,
    )
    from .callback import Callback, before_batch_cb
    from .event_names import event
    from .gather_preds import GatherPredsCallback
    from .optimizer import (
        SGD,
        Adam,
        Lamb,
        Larc,
        Lookahead,
        Optimizer,
        QHAdam,
        RAdam,
        RMSProp,
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
        ranger,
        rms_prop_step,
        sgd_step,
        step_stat,
        weight_decay,
    )
    from .param_scheduler import ParamScheduler
    from .predictions import FetchPredsCallback, get_preds
    from .recorder_view import Recorder
    from .rnn import ModelResetter, RNNCallback, RNNRegularizer, rnn_cbs
    from .schedules import (
        SchedCos,
        SchedExp,
        SchedLin,
        SchedNo,
        SchedPoly,
        annealer,
        combine_scheds,
        combined_cos,
    )
    from .tracker import EarlyStoppingCallback, ReduceLROnPlateau, SaveModelCallback, TrackerCallback
    from .train_eval import TrainEvalCallback
    from .training import (
        BnFreeze,
        GradientAccumulation,
        GradientClip,
        ShortEpochCallback,
        SkipToEpoch,
        TerminateOnNaNCallback,
    )

__all__ = [
    "SGD",
    "Adam",
    "BnFreeze",
    "Callback",
    "CancelBackwardException",
    "CancelBatchException",
    "CancelEpochException",
    "CancelFitException",
    "CancelStepException",
    "CancelTrainException",
    "CancelValidException",
    "EarlyStoppingCallback",
    "FetchPredsCallback",
    "GatherPredsCallback",
    "GradientAccumulation",
    "GradientClip",
    "Lamb",
    "Larc",
    "Lookahead",
    "ModelResetter",
    "Optimizer",
    "ParamScheduler",
    "QHAdam",
    "RAdam",
    "RMSProp",
    "RNNCallback",
    "RNNRegularizer",
    "Recorder",
    "ReduceLROnPlateau",
    "SaveModelCallback",
    "SchedCos",
    "SchedExp",
    "SchedLin",
    "SchedNo",
    "SchedPoly",
    "ShortEpochCallback",
    "SkipToEpoch",
    "TerminateOnNaNCallback",
    "TrackerCallback",
    "TrainEvalCallback",
    "adam_step",
    "annealer",
    "average_grad",
    "average_sqr_grad",
    "before_batch_cb",
    "combine_scheds",
    "combined_cos",
    "debias",
    "event",
    "get_preds",
    "l2_reg",
    "lamb_step",
    "larc_layer_lr",
    "larc_step",
    "momentum_step",
    "qhadam_step",
    "radam_step",
    "ranger",
    "rms_prop_step",
    "rnn_cbs",
    "sgd_step",
    "step_stat",
    "weight_decay",
]

_HOMES = {
    "callback": ("Callback", "before_batch_cb"),
    "event_names": ("event",),
    "gather_preds": ("GatherPredsCallback",),
    "param_scheduler": ("ParamScheduler",),
    "predictions": ("FetchPredsCallback", "get_preds"),
    "recorder_view": ("Recorder",),
    "rnn": ("ModelResetter", "RNNCallback", "RNNRegularizer", "rnn_cbs"),
    "..signals": (
        "CancelBackwardException",
        "CancelBatchException",
        "CancelEpochException",
        "CancelFitException",
        "CancelStepException",
        "CancelTrainException",
        "CancelValidException",
    ),
    "tracker": ("EarlyStoppingCallback", "ReduceLROnPlateau", "SaveModelCallback", "TrackerCallback"),
    "train_eval": ("TrainEvalCallback",),
    "training": (
        "BnFreeze",
        "GradientAccumulation",
        "GradientClip",
        "ShortEpochCallback",
        "SkipToEpoch",
        "TerminateOnNaNCallback",
    ),
    "schedules": (
        "SchedCos",
        "SchedExp",
        "SchedLin",
        "SchedNo",
        "SchedPoly",
        "annealer",
        "combine_scheds",
        "combined_cos",
    ),
    "optimizer": (
        "Adam",
        "Lamb",
        "Larc",
        "Lookahead",
        "Optimizer",
        "QHAdam",
        "RAdam",
        "RMSProp",
        "SGD",
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
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = _HOME_OF[name]
    return getattr(import_module(home if home.startswith(".") else f".{home}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
