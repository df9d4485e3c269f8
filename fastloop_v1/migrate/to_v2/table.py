"""What v1's events, keys and flags are in v2 where that is certain, and who changes what at an event."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = [
    "ASSIGNED",
    "BUILT_IN",
    "LAST_ORDER",
    "LATE_BUILT_IN",
    "NEW_NAMES",
    "READINGS",
    "SIGNALS",
    "UNINVITED",
    "Reading",
]


@dataclass(frozen=True)
class Reading:
    """How v2 code reads what v1 gives as an argument.

    Attributes:
        code: the expression, a method's `self` in it.
        in_training: True if it is the same in training batches only.
        alone: True if it is the same only where a batch has one tensor of it.
    """

    code: str
    in_training: bool = False
    alone: bool = False


# on_train_end is not among them: v2's after_fit is not called after an error.
NEW_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "train_begin": "before_fit",
        "epoch_begin": "before_epoch",
        "batch_begin": "before_batch",
        "loss_begin": "after_pred",
        # after_loss is heard in validation too.
        "backward_begin": "before_backward",
        "backward_end": "before_step",
        "step_end": "after_step",
        "batch_end": "after_batch",
        "epoch_end": "after_epoch",
    }
)

_EPOCHS = {"n_epochs": Reading("self.n_epoch"), "epoch": Reading("self.epoch")}
_BATCH = {
    **_EPOCHS,
    "train": Reading("self.training"),
    "last_input": Reading("self.x", alone=True),
    "last_target": Reading("self.y", alone=True),
}
_BEGIN = {
    **_BATCH,
    "iteration": Reading("self.train_iter"),
    "num_batch": Reading("self.iter", in_training=True),
}
# v1's recorder keeps what the key held; v2's `smooth_loss` comes later and is that of another loss.
_SMOOTH = {"smooth_loss": Reading("self.learn.recorder.losses[-1]")}
_TRAINING = {
    **_BEGIN,
    **_SMOOTH,
    "num_batch": Reading("self.iter"),
    "last_output": Reading("self.pred"),
    "last_loss": Reading("self.loss_grad"),
}
READINGS: Mapping[str, Mapping[str, Reading]] = MappingProxyType(
    {
        "train_begin": {"n_epochs": _EPOCHS["n_epochs"]},
        "epoch_begin": {**_EPOCHS, "iteration": Reading("self.train_iter")},
        "batch_begin": _BEGIN,
        "loss_begin": {**_BEGIN, "last_output": Reading("self.pred")},
        "backward_begin": _TRAINING,
        "backward_end": _TRAINING,
        "step_end": _TRAINING,
        "batch_end": {
            **_BATCH,
            **_SMOOTH,
            "last_output": Reading("self.pred"),
            "last_loss": Reading("self.loss_grad.detach().cpu()"),
            # v2 has counted the batch by now.
            "iteration": Reading("(self.train_iter - 1)", in_training=True),
            "num_batch": Reading("self.iter", in_training=True),
        },
        "epoch_end": {**_EPOCHS, **_SMOOTH, "iteration": Reading("self.train_iter")},
    }
)

# For each event the keys a callback may return there, and what v2 assigns on the learner.
ASSIGNED: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "batch_begin": {"last_input": "xb", "last_target": "yb"},
        "loss_begin": {"last_output": "pred"},
        "backward_begin": {"last_loss": "loss_grad"},
    }
)
# For each event the flag a callback may return there, and the signal v2 raises.
SIGNALS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "backward_begin": {"skip_bwd": "CancelBackwardException"},
        "backward_end": {"skip_step": "CancelStepException"},
        "batch_end": {"stop_epoch": "CancelTrainException"},
        "epoch_end": {"stop_training": "CancelFitException"},
    }
)
# A signal ends its event: who raises one comes after all others.
LAST_ORDER = 100

# What callbacks nobody asked for, as those of fit_one_cycle, change at an event, before v2 callbacks hear it.
UNINVITED = frozenset({("train_begin", "opt"), ("batch_end", "opt")})
# Callbacks of v1 with `_order` 0, and methods that put them in place, with what they change at an event.
_MIXUP = frozenset({("batch_begin", "last_input"), ("batch_begin", "last_target")})
_CLIPPING = frozenset({("backward_end", "model")})
_ON_NAN = frozenset(
    {("backward_begin", "skip_bwd"), ("backward_begin", "last_loss"), ("backward_end", "skip_step")}
    | {("backward_end", "model"), ("batch_end", "stop_epoch"), ("epoch_end", "stop_training")}
)
BUILT_IN: Mapping[str, frozenset[tuple[str, str]]] = MappingProxyType(
    {
        "AccumulateScheduler": frozenset({("backward_end", "skip_step"), ("backward_end", "model")}),
        "EarlyStoppingCallback": frozenset({("epoch_end", "stop_training")}),
        "GradientClipping": _CLIPPING,
        "MixUpCallback": _MIXUP,
        "RNNTrainer": frozenset({("loss_begin", "last_output"), ("backward_begin", "last_loss")}),
        "ReduceLROnPlateauCallback": frozenset({("epoch_end", "opt")}),
        "StopAfterNBatches": frozenset({("batch_end", "stop_epoch")}),
        "TerminateOnNaNCallback": _ON_NAN,
        "clip_grad": _CLIPPING,
        "mixup": _MIXUP,
    }
)
# Those of v1 that come after v2 callbacks, and would not hear an event that a signal ends; other processes do
# not hear of a signal either.
LATE_BUILT_IN = frozenset(
    {"CheckpointCallback", "MixedPrecision", "to_amp", "to_bf16", "to_distributed", "to_fp16"}
)
