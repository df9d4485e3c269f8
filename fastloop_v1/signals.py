"""Exceptions that steer the loop: raised in any callback, each leaves one level of it, and training goes on.

```
fit
└── epoch
    ├── train
    │   └── batch
    │       ├── backward
    │       └── step
    └── valid
        └── batch
```

What a signal leaves is left at once: later callbacks do not hear the event it was raised in. The names are
those of fastai v2; v1 had keys such as `stop_epoch` only, which act when the batch is through.
"""

from __future__ import annotations

__all__ = [
    "CancelBackwardException",
    "CancelBatchException",
    "CancelEpochException",
    "CancelFitException",
    "CancelSignal",
    "CancelStepException",
    "CancelTrainException",
    "CancelValidException",
]


class CancelSignal(Exception):  # it signals, and is no error unless nobody is there to hear it
    """Base of the signals. One that is raised outside of its level ends the fit as an error.

    Attributes:
        outside: True keeps the level that hears it from taking it for its own.
    """

    outside = False


class CancelBackwardException(CancelSignal):
    """In `on_backward_begin`: leave the backward pass out; the step is still taken."""


class CancelStepException(CancelSignal):
    """In `on_backward_end`: leave the optimizer step out; gradients are still cleared."""


class CancelBatchException(CancelSignal):
    """Up to `on_step_end`: leave the rest of this batch out, clearing of gradients included."""


class CancelTrainException(CancelSignal):
    """In a training batch: leave the rest of the epoch's training out; validation follows."""


class CancelValidException(CancelSignal):
    """In a validation batch: leave the rest of the validation out; there is no validation loss."""


class CancelEpochException(CancelSignal):
    """In an epoch: leave its rest out, validation included; the next epoch follows."""


class CancelFitException(CancelSignal):
    """Anywhere in a fit: end it at once, without an error; `on_epoch_end` is left out."""
