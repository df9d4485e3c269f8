"""A callback that keeps a loss that is no finite number away from the weights, and ends training."""

from __future__ import annotations

import math
from typing import Any, Literal

import torch
from torch import Tensor

from ..callback import Callback
from ..defaults import defaults
from ..errors import ArgumentError, NonFiniteLossError
from ..lazy_tensor import FetchedTensor
from ..names import with_v1_signature
from ..signals import CancelValidException
from .step_mask import StepMask

__all__ = ["TerminateOnNaNCallback"]

_ANSWERS = ("stop", "skip", "raise")
_READ_EVERY = 50


class TerminateOnNaNCallback(Callback):
    """Ends training at the first loss that is NaN or infinite, before its step.

    The batch leaves no trace in weights, optimizer state, gradients and the model's buffers. On a CPU the
    loss is looked at in each batch. On a device nobody waits for it: the batch goes through, and what it did
    is taken back on the device itself, as is all that follows until the flag is read (see `StepMask`); that
    takes a copy of weights and optimizer state during each step. With `skip` only bad batches are taken
    back; where Adam counts its steps on the CPU, they count among them until the flag is read.

    Args:
        on_nan: `stop` ends training without an error and without validation; `raise` ends it by an error;
            `skip` goes on with the next batch, and the loss does not count in the smoothed one. The first
            two also act on losses in validation.
        read_every: batches between two reads of the flag, at least 1; it is also read before validation and
            when an epoch ends. None reads the loss at once on a CPU, and the flag every 50 batches elsewhere.

    Attributes:
        stop: whether this fit was ended.
        skipped: batches of this fit that were left out, as far as it is known.

    Raises:
        ArgumentError: another answer, or a number of batches below 1.
        NonFiniteLossError: in training, with `raise`.
    """

    exclude = ("loop", "_mask", "_late", "_found", "_unread", "_valid_bad")
    not_min = ("skipped",)
    # v1: a default one has `stop` only among its attributes.
    on_nan: str = "stop"
    read_every: int | None = None
    skipped = 0
    loop: Any = None  # set by the handler
    _mask: StepMask | None = None
    _late = _found = False
    _unread = 0
    _valid_bad: Tensor | None = None

    @with_v1_signature
    def __init__(
        self, *, on_nan: Literal["stop", "skip", "raise"] = "stop", read_every: int | None = None
    ) -> None:
        if on_nan not in _ANSWERS:
            raise ArgumentError(f"on_nan is {on_nan!r}; allowed are {', '.join(map(repr, _ANSWERS))}.")
        if read_every is not None and not (isinstance(read_every, int) and read_every >= 1):
            raise ArgumentError(
                f"read_every is {read_every!r}; it must be a whole number from 1 on, or None."
            )
        self.stop = False
        if on_nan != "stop":
            self.on_nan = on_nan
        if read_every is not None:
            self.read_every = read_every

    # --- training -------------------------------------------------------------------------------------------

    def on_train_begin(self, **kwargs: Any) -> None:
        """Start anew."""
        self.stop, self.skipped = False, 0
        self._forget()

    def on_batch_begin(self, train: bool = True, **kwargs: Any) -> None:
        """Keep what the forward pass changes."""
        self._found = self._late = False
        learn = getattr(self.loop, "learn", None) if train and not defaults.v1_quirks else None
        if learn is None:
            return
        if self._mask is None:
            self._mask = StepMask(learn, lasting=self.on_nan != "skip")
            self.loop.smoothener.leaves_out = self.on_nan == "skip"
        self._mask.begin_batch()

    def on_backward_begin(self, last_loss: Any, **kwargs: Any) -> dict[str, bool] | None:
        """Keep a loss that is no finite number away from gradients and weights."""
        # v1: the step is taken, and infinite losses go on.
        if defaults.v1_quirks:
            return None
        self._late = self._mask is not None and self._reads_late(last_loss)
        if self._mask is not None and self._late:
            self._mask.look(last_loss)
        elif _is_invalid(last_loss, or_infinite=True):
            return {"skip_bwd": True, **self._take_out(last_loss, **kwargs)}
        return None

    def on_backward_end(self, last_loss: Any, **kwargs: Any) -> dict[str, bool] | None:
        """Keep away what another callback has turned to NaN since; if infinite, it may be a scaled loss."""
        if defaults.v1_quirks or self._found:
            return None
        if self._mask is not None and self._late:
            self._mask.before_step(last_loss)
        elif _is_invalid(last_loss, or_infinite=False):
            if self._mask is not None:
                self._mask.learn.opt.zero_grad()
            return self._take_out(last_loss, **kwargs)
        return None

    def _take_out(self, loss: Any, epoch: int = 0, num_batch: int = 0, **kwargs: Any) -> dict[str, bool]:
        """Leave no trace of a batch that has not made its step yet."""
        self._found, self.skipped = True, self.skipped + 1
        if self._mask is not None:
            self._mask.restore_buffers()
        if self.on_nan == "raise":
            raise _error(f"is {float(loss.detach())}", epoch, num_batch)
        self.stop = self.on_nan == "stop"
        return {"skip_step": True}

    def on_step_end(self, skip_step: Any = False, **kwargs: Any) -> None:
        """Take the step of a bad batch back."""
        if self._mask is not None and self._late:
            self._mask.after_step(stepped=not skip_step)

    # --- what was found -------------------------------------------------------------------------------------

    def on_batch_end(
        self, last_loss: Any, epoch: int, num_batch: int, **kwargs: Any
    ) -> dict[str, bool] | None:
        """Leave the epoch, without validation, and training; a validation loss ends them too."""
        train = kwargs.get("train", True)
        if self._late if train else self._mask is not None and self._reads_late(last_loss):
            return (self._end_if_due if train else self._note)(
                epoch, num_batch, last_loss=last_loss, **kwargs
            )
        # A loss that legacy code computes by itself is seen here first; infinite, it may be a scaled one.
        if not (train and self._found) and not _is_invalid(last_loss, or_infinite=not train):
            return None
        if self.on_nan == "raise":
            raise _error("in validation is no finite number" if not train else "is NaN", epoch, num_batch)
        return self._end(epoch, num_batch, **kwargs) if self.on_nan == "stop" else None

    def _end_if_due(self, epoch: int, num_batch: int, **kwargs: Any) -> dict[str, bool] | None:
        self._unread += 1
        if self._unread < (self.read_every or _READ_EVERY) or not (bad := self._read(epoch, num_batch + 1)):
            return None
        return self._end(epoch, num_batch + 1 - bad, **kwargs)

    def _read(self, epoch: int, batches: int) -> int:
        """Read the flag; return how many batches were bad that end training, of so many in this epoch."""
        self._unread = 0
        bad = 0 if self._mask is None else self._mask.read()
        self.skipped += bad
        if bad and self.on_nan == "raise":
            raise _error("is no finite number", epoch, batches - bad)
        return bad if self.on_nan == "stop" else 0

    def _note(self, *place: int, last_loss: Any, **kwargs: Any) -> None:
        bad = ~torch.isfinite(_where_it_is(last_loss)).all()
        self._valid_bad = bad if self._valid_bad is None else self._valid_bad | bad

    def at_point(self, name: str) -> None:
        """Leave validation out after batches that were bad."""
        state = self.loop.state_dict
        if name == "before_validate" and (bad := self._read(state["epoch"], state["num_batch"])):
            self._end(state["epoch"], state["num_batch"] - bad, pbar=state["pbar"])
            raise CancelValidException

    def on_epoch_end(self, epoch: int = 0, num_batch: int = 0, **kwargs: Any) -> dict[str, bool] | None:
        """End training, too, for what was seen late."""
        valid_bad, self._valid_bad = self._valid_bad, None
        bad = self._read(epoch, num_batch)
        if self.on_nan != "skip" and valid_bad is not None and bool(valid_bad):
            if self.on_nan == "raise":
                raise _error("in validation is no finite number", epoch, num_batch)
            bad = 1
        if bad and not self.stop:
            self._end(epoch, num_batch - bad, **kwargs)
        return {"stop_training": True} if self.stop else None

    def _end(self, epoch: int, num_batch: int, **kwargs: Any) -> dict[str, bool]:
        self.stop = True
        if kwargs.get("pbar") is not None:
            kwargs["pbar"].write(f"Epoch/Batch ({epoch}/{num_batch}): Invalid loss, terminating training.")
        return {"stop_epoch": True, "stop_training": True, "skip_validate": True}

    def on_train_end(self, **kwargs: Any) -> None:
        """Set counters of steps right, and let go of the learner."""
        if self._mask is not None:
            self.skipped += self._mask.read()
        self._forget()

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in self.exclude}

    def _forget(self) -> None:
        for name in self.exclude:
            self.__dict__.pop(name, None)

    def _reads_late(self, loss: Any) -> bool:
        loss = _where_it_is(loss)
        return isinstance(loss, Tensor) and (self.read_every is not None or not loss.is_cpu)


def _where_it_is(loss: Any) -> Any:
    return loss.source if isinstance(loss, FetchedTensor) else loss


def _error(what: str, epoch: int, num_batch: int) -> NonFiniteLossError:
    return NonFiniteLossError(
        f"The loss {what}: epoch {epoch}, batch {num_batch}, counted from 0. The weights are those before it."
    )


def _is_invalid(loss: Any, *, or_infinite: bool) -> bool:
    """Whether a loss is NaN; what prediction hands on in its place is no loss and is let be."""
    if not isinstance(loss, (Tensor, float)) or (isinstance(loss, Tensor) and loss.numel() != 1):
        return False
    number = float(loss.detach() if isinstance(loss, Tensor) else loss)
    return math.isnan(number) or (or_infinite and not defaults.v1_quirks and math.isinf(number))
