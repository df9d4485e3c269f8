"""`Bridge`: one v1 callback that stands for all v2 callbacks of a learner.

v2's events are those of v1 and the points between them:

| v2 | v1 |
|---|---|
| before_fit; before_epoch | on_train_begin; on_epoch_begin |
| before_batch; after_pred | on_batch_begin; on_loss_begin |
| after_loss, before_backward | on_backward_begin; in validation the point `after_loss` |
| after_backward, before_step | on_backward_end |
| after_step; after_batch | on_step_end; on_batch_end |
| before_/after_train, before_/after_validate, after_cancel_... | points of the same names |
| after_epoch; after_fit | on_epoch_end; on_train_end |

At each event v1 callbacks of `_order` 0 and below come first, then those of v2 by `order`, then the other v1
callbacks; each sees what the one before has changed.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable as Function
from collections.abc import Collection
from dataclasses import dataclass, field
from functools import partial
from operator import length_hint
from typing import Any

import torch

from ..callback import Callback
from ..errors import ArgumentError, FastloopWarning
from ..sequences import is_listy
from ..signals import (
    CancelBackwardException,
    CancelBatchException,
    CancelSignal,
    CancelStepException,
)
from .loader_view import bare_loader, loader_view
from .ordering import in_order

__all__ = ["SHARED", "Bridge"]

# Key of the state, attribute of the learner.
SHARED = {"last_input": "xb", "last_target": "yb", "last_output": "pred", "last_loss": "loss_grad"}
_TUPLES = ("last_input", "last_target")
# Events that share their v1 event with the level's own: a signal raised in them leaves the fit.
_OUTSIDE: dict[str, type[CancelSignal]] = {
    "after_loss": CancelBackwardException,
    "after_backward": CancelStepException,
}
_WITHOUT_GRAPH = ("before_validate", "after_cancel_validate", "after_validate")
_COUNTERS = ("epoch", "train_iter", "pct_train")
_CLEAN = {"xb": (None,), "yb": (None,), "pred": None, "loss": None, "loss_grad": None}


@dataclass
class _Now:
    """What holds for the moment.

    Attributes:
        pair: gets each loader that is used.
        known: for each shared key the value v1 has and the value v2 has.
        in_training: modules that stay in training mode during validation.
        loop: the handler.
        begun: whether before_fit is through.
        left_silently: whether the batch is over without having been cancelled.
        went_on: whether counters of a checkpoint were taken over, had there been any.
        bound: model and loss function that the validation has.
        put_back: puts back a loader in whose place a callback has set its own for a pass.
    """

    pair: Function[[Any], None] | None = None
    known: dict[str, tuple[Any, Any]] = field(default_factory=dict)
    in_training: list[torch.nn.Module] = field(default_factory=list)
    loop: Any = None
    begun: bool = False
    left_silently: bool = False
    went_on: bool = False
    bound: dict[str, Any] = field(default_factory=dict)
    put_back: Function[[], None] | None = None


class Bridge(Callback):
    """Tells v2 callbacks their events, and carries changes between the state and the learner's attributes.

    Args:
        learn: the learner, in whose `cbs` the v2 callbacks are.
        pair: gets each loader that is used, as in `paired_batches`.
    """

    # v2: what a batch before this fit left in the gradients counts.
    keeps_gradients = True
    # Events at which `learn.dl` may be set, and what to do at the others.
    takes_loader: Collection[str] = ("before_train", "before_validate")
    _instead = "set it in before_train or before_validate, or set learn.dls"

    def __init__(self, learn: Any, pair: Function[[Any], None] | None = None) -> None:
        self.learn, self.cbs = learn, learn.cbs
        self.counters: dict[str, Any] = {}
        learn.v2_view.now = _Now(pair=pair)

    @property
    def _now(self) -> _Now:
        # Not an attribute: a checkpoint of this callback leaves out what holds for the moment only.
        now: _Now = self.learn.v2_view.now
        return now

    @property
    def loop(self) -> Any:
        """The handler, which sets this; it has the state at points."""
        return self._now.loop

    @loop.setter
    def loop(self, handler: Any) -> None:
        self._now.loop = handler

    # --- one v2 event ---------------------------------------------------------------------------------------

    def tell(self, event: str) -> None:
        """Call the v2 callbacks for an event, in order.

        Raises:
            ArgumentError: one of them set `learn.dl`, which hides v1's method, where it cannot act.
        """
        try:
            for cb in in_order(self._callbacks()):
                cb(event)
        except (CancelBackwardException, CancelStepException) as signal:
            signal.outside = isinstance(signal, _OUTSIDE.get(event, ()))
            raise
        finally:
            given = vars(self.learn).pop("dl", None)
        if given is not None:
            if event not in self.takes_loader:
                raise ArgumentError(f"learn.dl was set in {event}, where it cannot act; {self._instead}.")
            self._use(given, "train_dl" if event == "before_train" else "valid_dl")

    def _use(self, loader: Any, name: str) -> None:
        """Let the pass that begins be over this loader; the data's own is put back with its first batch."""
        data = self.learn.data
        self._now.put_back = partial(setattr, data, name, getattr(data, name))
        setattr(data, name, bare_loader(loader))

    def _put_back(self) -> None:
        put_back, self._now.put_back = self._now.put_back, None
        if put_back is not None:
            put_back()

    def _callbacks(self) -> list[Any]:
        return list(self.cbs)

    def _take(self, state: dict[str, Any], *keys: str) -> None:
        """Show v2 callbacks what was changed in the state."""
        for key in keys:
            if key in state and state[key] is not self._now.known.get(key, (self,))[0]:
                value = _as_tuple(state[key]) if key in _TUPLES else state[key]
                self._now.known[key] = state[key], value
                setattr(self.learn, SHARED[key], value)

    def _changes(self) -> dict[str, Any]:
        """What v2 callbacks changed, as v1 has it."""
        changes: dict[str, Any] = {}
        for key, (given, seen) in self._now.known.items():
            value = getattr(self.learn, SHARED[key])
            if value is not seen:
                changes[key] = _as_given(value, given) if key in _TUPLES else value
                self._now.known[key] = changes[key], value
        return changes

    # --- fit and epoch --------------------------------------------------------------------------------------

    def on_train_begin(self, n_epochs: int, metrics_names: Any = (), **state: Any) -> None:
        """Tell before_fit."""
        self.begin(n_epochs, metrics_names)

    def begin(self, n_epochs: int, metrics_names: Any = ()) -> None:
        """Set what v2's learner has from the start of a fit on, and tell before_fit."""
        learn = self.learn
        learn.n_epoch, learn.loss = n_epochs, torch.tensor(0.0)
        learn.v2_view.recorder.metric_titles = list(metrics_names)
        self._start_loop(learn.data.train_dl)
        self.tell("before_fit")
        self._now.begun = True

    def on_epoch_begin(self, epoch: int, **state: Any) -> None:
        """Tell before_epoch."""
        self._go_on()
        self.learn.epoch = epoch
        self.learn.v2_view.recorder.latest = []
        self.tell("before_epoch")

    def _go_on(self) -> None:
        """Take over, once in a fit, the counters that a checkpoint may have put back."""
        if not self._now.went_on:
            vars(self.learn).update(self.counters)
            self._now.went_on = True

    def on_epoch_end(self, last_metrics: Any, **state: Any) -> None:
        """Tell after_epoch."""
        self._put_back()
        self.learn.v2_view.rows.release()
        self.learn.v2_view.recorder.latest = last_metrics
        self.tell("after_epoch")

    def on_train_end(self, exception: Any, **state: Any) -> None:
        """Tell after_fit, unless an error ended the fit."""
        self._now.begun = False
        self._put_back()
        self.learn.v2_view.rows.release()
        if not exception:
            self._end()

    def _end(self) -> None:
        self.tell("after_fit")
        vars(self.learn).update(_CLEAN)
        self.learn.v2_view.dl = None

    def at_point(self, name: str) -> None:
        """Tell the v2 event of the same name."""
        if name == "after_loss":
            self._loss_of_validation()
        elif name == "after_cancel_batch" and self._now.left_silently:
            self._now.left_silently = False
        elif name in _WITHOUT_GRAPH:
            self._around_validation(name)
        else:
            self._between(name)

    def _between(self, name: str) -> None:
        if name == "before_train":
            self._now.in_training = []
            self._begin_loop(name)
        else:
            self.tell(name)
        if name == "after_train" and self.learn.data.empty_val and not self.loop.skip_validate:
            # v2: validation without a batch is begun and ended all the same.
            with self.loop.level("validate"):
                self.loop.point("before_validate")
        if name == "after_cancel_fit" and not self._now.begun:
            # Raised in before_fit, so that this callback counts as not begun and does not hear the end.
            self._end()

    def _loader(self, event: str) -> Any:
        """The loader of the pass that an event begins."""
        data = self.learn.data
        return data.train_dl if event == "before_train" else data.valid_dl

    def _begin_loop(self, event: str) -> None:
        """Tell before_train or before_validate, in which callbacks may set other data."""
        dl = self._loader(event)
        self._start_loop(dl)
        self.tell(event)
        if self._loader(event) is not dl:
            self._start_loop(self._loader(event))

    def _start_loop(self, dl: Any) -> None:
        if self._now.pair is not None:
            self._now.pair(dl)
        self.learn.v2_view.dl = loader_view(dl)
        self.learn.n_iter, self.learn.iter = length_hint(dl or ()), -1

    def _around_validation(self, name: str) -> None:
        with torch.no_grad():
            if name != "before_validate":
                self.tell(name)
                return
            self._begin_loop(name)
        # Put there by callbacks, such as dropout that goes on; the loop is about to undo it.
        self._now.in_training = [module for module in self.learn.model.modules() if module.training]
        self._now.bound = {"model": self.learn.model, "loss_func": self.learn.loss_func}

    # --- a batch --------------------------------------------------------------------------------------------

    def on_batch_begin(self, train: bool, num_batch: int, **state: Any) -> dict[str, Any]:
        """Tell before_batch."""
        self._go_on()
        self._put_back()
        self.learn.training, self.learn.iter = train, num_batch if train else self.learn.iter + 1
        for module in self._now.in_training if self.learn.iter == 0 else ():
            module.training = True
        self._take(state, *_TUPLES)
        self.tell("before_batch")
        return self._changes()

    def on_loss_begin(self, **state: Any) -> dict[str, Any]:
        """Tell after_pred; without targets the batch is over after after_loss."""
        self._take(state, *_TUPLES, "last_output")
        self.tell("after_pred")
        if not len(self.learn.yb):
            self.tell("after_loss")
            self._now.left_silently = True
            raise CancelBatchException
        return self._changes()

    def on_backward_begin(self, **state: Any) -> dict[str, Any]:
        """Tell after_loss and before_backward."""
        self._loss(state)
        self.tell("after_loss")
        self.tell("before_backward")
        return self._changes()

    def _loss(self, state: dict[str, Any]) -> None:
        self._take(state, *SHARED)
        self.learn.loss = self.learn.loss_grad.clone()

    def _loss_of_validation(self) -> None:
        self._warn_of_late_parts()
        self._loss(self.loop.state_dict)
        self.tell("after_loss")
        self.loop.state_dict.update(self._changes())

    def _warn_of_late_parts(self) -> None:
        """Warn, once in a validation, of a model or loss function that was set after it had begun."""
        late = [name for name, part in self._now.bound.items() if getattr(self.learn, name) is not part]
        if late:
            self._now.bound = {}
            text = (
                f"learn.{late[0]} was set in a batch of validation, which goes on with the one before; "
                "set it in before_validate."
            )
            warnings.warn(text, FastloopWarning, stacklevel=2)

    def on_backward_end(self, **state: Any) -> dict[str, Any]:
        """Tell after_backward and before_step."""
        self._take(state, *SHARED)
        self.tell("after_backward")
        self.tell("before_step")
        return self._changes()

    def on_step_end(self, **state: Any) -> dict[str, Any]:
        """Tell after_step."""
        self._take(state, *SHARED)
        self.tell("after_step")
        return self._changes()

    def on_batch_end(self, **state: Any) -> dict[str, Any]:
        """Tell after_batch; the loss is cut off from its graph by now, v2's `loss_grad` stays what it is."""
        self._take(state, *_TUPLES, "last_output")
        self._now.known.pop("last_loss", None)
        self.tell("after_batch")
        self.counters = {name: vars(self.learn)[name] for name in _COUNTERS if name in vars(self.learn)}
        return self._changes()


def _as_tuple(batch: Any) -> tuple[Any, ...]:
    return tuple(batch) if is_listy(batch) else (batch,)


def _as_given(items: Any, given: Any) -> Any:
    """Inputs or targets in the form v1 had them: one alone, or a list."""
    return list(items) if is_listy(given) or len(items) != 1 else items[0]
