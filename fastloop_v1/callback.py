"""The state-dict protocol: callbacks, metrics as callbacks, and the handler that calls them.

`CallbackHandler` runs from the table in `events.py`. Every event goes the same way: the loop gives and
resets keys of the state, each listener gets the whole state as keyword arguments and may return a dict
of new values, and the loop takes over the keys the table says.
"""

from __future__ import annotations

import difflib
import inspect
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Union

import torch

from .defaults import defaults
from .errors import NotACallbackError, ProtocolWarning, add_note, raise_first, unknown_state_key
from .events import EVENTS, INITIAL_STATE, can_act
from .levels import LoopLevels
from .listeners import as_list, check_callback, check_methods, check_value, event_method, from_bare_value
from .loss_curve import LossCurve
from .metric_objects import add_metrics, check_metric_value, metric_name, with_metric_objects
from .names import numbered, with_v1_signature
from .nested import without_graph
from .optim import OptimWrapper
from .processes import summed_over_processes
from .schedule import (
    Scheduler,
    SmoothenValue,
    annealing_cos,
    annealing_exp,
    annealing_linear,
    annealing_no,
    annealing_poly,
    do_annealing_poly,
)
from .sequences import first_el, is_listy
from .signals import CancelBackwardException, CancelSignal, CancelStepException

__all__ = [
    "AverageMetric",
    "Callback",
    "CallbackHandler",
    "CallbackList",
    "OptimWrapper",
    "Scheduler",
    "SmoothenValue",
    "add_metrics",
    "annealing_cos",
    "annealing_exp",
    "annealing_linear",
    "annealing_no",
    "annealing_poly",
    "do_annealing_poly",
    "is_listy",
    "metric_name",
]


class Callback:
    """Base class of listeners: override the events of interest, return None or a dict of state keys.

    Callbacks of lower `_order` are called first; equal orders keep the order of the list. The loop calls
    with keywords only; an override names the state keys it wants and takes the rest as `**kwargs`.
    """

    _order = 0
    exclude: Sequence[str] = ()
    not_min: Sequence[str] = ()

    def on_train_begin(self, *args: Any, **kwargs: Any) -> Any:
        """Before the first epoch; set counters here."""

    def on_epoch_begin(self, *args: Any, **kwargs: Any) -> Any:
        """At the start of each epoch."""

    def on_batch_begin(self, *args: Any, **kwargs: Any) -> Any:
        """Before the batch goes through the model."""

    def on_loss_begin(self, *args: Any, **kwargs: Any) -> Any:
        """After the forward pass, before the loss is computed."""

    def on_backward_begin(self, *args: Any, **kwargs: Any) -> Any:
        """After the loss is computed, before the backward pass."""

    def on_backward_end(self, *args: Any, **kwargs: Any) -> Any:
        """After the backward pass, before the optimizer step."""

    def on_step_end(self, *args: Any, **kwargs: Any) -> Any:
        """After the optimizer step, before the gradients are zeroed."""

    def on_batch_end(self, *args: Any, **kwargs: Any) -> Any:
        """When a batch is done."""

    def on_epoch_end(self, *args: Any, **kwargs: Any) -> Any:
        """When training and validation of an epoch are done."""

    def on_train_end(self, *args: Any, **kwargs: Any) -> Any:
        """At the end, whatever happened; put back what was changed."""

    def jump_to_epoch(self, epoch: int) -> Any:
        """Get ready to go on at `epoch` when a fit starts there."""

    def get_state(self, minimal: bool = True) -> dict[str, Any]:
        """Attributes to save: without those in `exclude` and, if `minimal`, those in `not_min`."""
        left_out = {"exclude", "not_min", *self.exclude, *(self.not_min if minimal else ())}
        return {name: value for name, value in self.__dict__.items() if name not in left_out}

    def __repr__(self) -> str:
        given = inspect.signature(type(self)).parameters
        names = [name for name in given if name not in ("learn", "kwargs", "args")]
        known = [name for name in names if hasattr(self, name)]
        return "\n".join([type(self).__name__, *(f"{name}: {getattr(self, name)}" for name in known)])


CallbackList = Union[Callback, Sequence[Callback], None]  # noqa: UP007  (needed at run time on Python 3.10)

# What each event is in a class that does not override it, even if somebody replaces `Callback.on_...` later.
_EMPTY = {name: vars(Callback)[f"on_{name}"] for name in EVENTS}
# Keys whose values the loop itself counts with or asks for.
_TYPED = frozenset(key for event in EVENTS.values() for key in event.reset) | {"train"}
_BATCH_RESET = dict(EVENTS["batch_begin"].reset)


class AverageMetric(Callback):
    """A function's mean over the validation set, each batch weighing as many samples as its first target has.

    Sums stay on the device of the values; they are read once, at the end of the epoch.

    Args:
        func: takes the output and the targets of a batch and returns a number or a one-element tensor, or
            None for a batch that does not count.
    """

    def __init__(self, func: Any) -> None:
        self.func = func
        self.name = metric_name(func)
        self.val: Any = 0.0
        self.count = 0

    def on_epoch_begin(self, **kwargs: Any) -> None:
        """Start a new mean."""
        self.val, self.count = 0.0, 0

    def on_batch_end(self, last_output: Any, last_target: Any, **kwargs: Any) -> None:
        """Take one batch into the mean."""
        targets = last_target if is_listy(last_target) else [last_target]
        val = self.func(last_output, *targets)
        if val is None:
            return
        check_metric_value(self.name, val)
        size = len(first_el(targets))
        self.count += size
        self.val += size * (val.detach() if isinstance(val, torch.Tensor) else val)

    def on_epoch_end(self, last_metrics: list[Any], **kwargs: Any) -> dict[str, list[Any]]:
        """Add the mean as a tensor on the CPU, None if no batch counted.

        In a fit it is that of all processes; one that validates by itself has not trained a batch.
        """
        if kwargs.get("num_batch") and not defaults.v1_quirks:
            self.val, self.count = summed_over_processes(self.val, self.count)
        mean = torch.as_tensor(self.val / self.count).cpu() if self.count else None
        return {"last_metrics": [*last_metrics, mean]}


def _as_metric(metric: Any, where: str) -> Any:
    """A metric as a listener: callbacks as they are, functions averaged."""
    if isinstance(metric, Callback):
        return metric
    if isinstance(metric, type) and issubclass(metric, Callback):
        raise NotACallbackError(
            f"{where} is the class {metric.__name__}; pass an instance: {metric.__name__}()."
        )
    if any(event_method(metric, event) for event in EVENTS):
        return metric
    if not callable(metric):
        raise NotACallbackError(
            f"{where} is {metric!r}; a metric is a function (output, target) or a Callback."
        )
    return AverageMetric(metric)


@dataclass
class CallbackHandler(LoopLevels):
    """Holds callbacks and metrics, keeps the state dict and calls every listener event by event.

    Args:
        callbacks: one callback or several; sorted by `_order`. An object without the base class takes part
            in the events it has methods for.
        metrics: metric callbacks, functions that are averaged over the validation set, or objects with
            `update`, `compute` and `reset` as in torchmetrics; called first.
        beta: smoothing of the training loss, at least 0 and below 1.
        strict: warn of returned keys that cannot act, unknown event methods and impossible arguments.

    Raises:
        NotACallbackError: an object in `callbacks` or `metrics` cannot be one.
    """

    callbacks: Any = None
    metrics: Any = None
    beta: float = 0.98
    strict: bool = field(default=False, kw_only=True)

    def __post_init__(self) -> None:
        """Check and sort the listeners and start with the initial state."""
        for at, cb in enumerate(as_list(self.callbacks)):
            check_callback(cb, f"callbacks[{at}]")
        self.callbacks: list[Any] = sorted(as_list(self.callbacks), key=lambda cb: getattr(cb, "_order", 0))
        self.metrics: list[Any] = [
            _as_metric(met, f"metrics[{at}]")
            for at, met in enumerate(with_metric_objects(as_list(self.metrics)))
        ]
        self.smoothener: Any = LossCurve(self.beta)
        self.state_dict: dict[str, Any] = dict(INITIAL_STATE)
        self.cb_dl: Any = None
        self._not_begun: list[Any] = []
        self._heard: dict[tuple[str, bool], list[tuple[Any, Any]]] = {}
        self._unheard: set[str] = set()  # events of a training batch that nobody listens to
        self._fit_skips: Any = False
        self._skip_said = False

    # --- one event ------------------------------------------------------------------------------------------

    def __call__(self, cb_name: str, call_mets: bool = True, **kwargs: Any) -> None:
        """Call every listener of an event: metrics (if `call_mets`), then callbacks in order.

        Args:
            cb_name: the event without the leading `on_`.
            call_mets: whether metrics hear it.
            kwargs: passed to the listeners next to the state, and not kept.

        Raises:
            Exception: a listener returned a key that is not in the state.
            CallbackReturnError: a listener returned something that is neither None nor a dict.
        """
        heard = self._heard.get((cb_name, call_mets))
        if heard is None:
            heard = self._listeners(cb_name, call_mets=call_mets)
        for cb, method in heard:
            result = method(**self.state_dict, **kwargs)
            if result is not None:
                self._update(cb, cb_name, result)

    def _call_and_update(self, cb: Any, cb_name: str, method: Any, **kwargs: Any) -> None:
        result = method(**self.state_dict, **kwargs)
        if result is not None:
            self._update(cb, cb_name, result)

    def _listeners(self, event: str, *, call_mets: bool) -> list[tuple[Any, Any]]:
        """Find the listeners with a method for this event, for the rest of the epoch."""
        candidates = [*(self.metrics if call_mets else ()), *self.callbacks]
        pairs = [(cb, event_method(cb, event, _EMPTY.get(event))) for cb in candidates]
        heard = self._heard[event, call_mets] = [pair for pair in pairs if pair[1] is not None]
        if not (heard or call_mets):
            self._unheard.add(event)
        return heard

    def _look_for_listeners(self) -> None:
        """Find anew who listens to what, at the next event of each name."""
        self._heard.clear()
        self._unheard.clear()
        self._points = None

    def _update(self, cb: Any, event: str, result: Any) -> None:
        """Merge what a listener returned into the state."""
        values = result if hasattr(result, "items") else from_bare_value(cb, event, result)
        for key, value in values.items():
            if key not in self.state_dict:
                near = difflib.get_close_matches(str(key), self.state_dict, n=1)
                raise unknown_state_key(type(cb).__name__, event, key, near[0] if near else None)
            if self.strict and not can_act(key, event):
                text = f"{type(cb).__name__}.on_{event} returned {key!r}, which cannot act any more there."
                warnings.warn(text, ProtocolWarning, stacklevel=2)
            if key in _TYPED:
                check_value(cb, event, key, value)
            self.state_dict[key] = value
            self._skip_said = self._skip_said or key == "skip_validate"

    def _enter(self, event: str, **given: Any) -> None:
        """Reset and give what the table says for this event."""
        self.state_dict.update(EVENTS[event].reset, **given)

    # --- the ten events -------------------------------------------------------------------------------------

    def on_train_begin(self, epochs: int, pbar: Any, metrics: Any) -> None:
        """Start a fit of `epochs` epochs; a listener may set `epoch` to go on from there.

        Args:
            epochs: number of epochs of the whole fit, at least 0.
            pbar: master bar, or None.
            metrics: the metrics as given to the fit; kept in the state for listeners.
        """
        self._look_for_listeners()
        self._not_begun = [*self.metrics, *self.callbacks]
        self.state_dict = dict(INITIAL_STATE)
        self._enter("train_begin", n_epochs=epochs, pbar=pbar, metrics=metrics)
        if self.strict:
            for cb in (*self.metrics, *self.callbacks):
                check_methods(cb)
        self._begin_all(metrics_names=numbered(metric_name(met) for met in self.metrics))
        self._look_for_listeners()
        self._fit_skips = self.skip_validate
        epoch = self.state_dict["epoch"]
        if epoch != 0:
            if pbar is not None:
                pbar.main_bar.total -= epoch
            for cb in self.callbacks:
                if hasattr(cb, "jump_to_epoch"):
                    cb.jump_to_epoch(epoch)

    def _begin_all(self, **kwargs: Any) -> None:
        """Call train_begin, remembering whom an error kept from beginning."""
        listeners = self._listeners("train_begin", call_mets=True)
        everyone = [*self.metrics, *self.callbacks]
        self._not_begun = []
        for cb, method in listeners:
            try:
                self._call_and_update(cb, "train_begin", method, **kwargs)
            except BaseException:
                at = next(i for i, other in enumerate(everyone) if other is cb)
                self._not_begun = everyone[at:]
                raise

    def on_epoch_begin(self) -> None:
        """Start an epoch; validation is left out as on_train_begin said, if nobody says otherwise for it."""
        self._look_for_listeners()
        self._enter("epoch_begin")
        earlier = self.skip_validate
        self("epoch_begin")
        # v1: listeners still see here what was said in the epoch before.
        if not (self._skip_said or self.skip_validate is not earlier or defaults.v1_quirks):
            self.state_dict["skip_validate"] = self._fit_skips

    def on_batch_begin(self, xb: Any, yb: Any, train: bool = True) -> tuple[Any, Any]:
        """Start a batch and return input and target as the listeners left them."""
        state = self.state_dict
        state.update(_BATCH_RESET)
        state["last_input"], state["last_target"], state["train"] = xb, yb, train
        self("batch_begin", call_mets=not train)
        return state["last_input"], state["last_target"]

    def on_loss_begin(self, out: Any) -> Any:
        """Return the model's output as the listeners left it."""
        self.state_dict["last_output"] = out
        if "loss_begin" not in self._unheard:
            self("loss_begin", call_mets=False)
        return self.state_dict["last_output"]

    def on_backward_begin(self, loss: Any) -> tuple[Any, Any]:
        """Smooth the loss; return the loss to go backward from and whether to skip that."""
        state = self.state_dict
        self.smoothener.add_value(loss.detach())
        state["last_loss"], state["smooth_loss"] = loss, self.smoothener.smooth
        if "backward_begin" not in self._unheard:
            try:
                self("backward_begin", call_mets=False)
            except CancelBackwardException as signal:
                if signal.outside:
                    raise
                self.point("after_cancel_backward")
                state["skip_bwd"] = True
        return state["last_loss"], state.get("skip_bwd")

    def on_backward_end(self) -> Any:
        """Return whether to skip the optimizer step."""
        if "backward_end" not in self._unheard:
            try:
                self("backward_end", call_mets=False)
            except CancelStepException as signal:
                if signal.outside:
                    raise
                self.point("after_cancel_step")
                self.state_dict["skip_step"] = True
        return self.state_dict.get("skip_step")

    def on_step_end(self) -> Any:
        """Return whether to skip zeroing the gradients."""
        if "step_end" not in self._unheard:
            self("step_end", call_mets=False)
        return self.state_dict.get("skip_zero")

    def on_batch_end(self, loss: Any) -> Any:
        """End a batch, count it if it trained, and return whether to leave the epoch."""
        state = self.state_dict
        state["last_loss"] = loss
        heard_by_metrics, self._abandoned = not (self._abandoned or state["train"]), False
        try:
            self("batch_end", call_mets=heard_by_metrics)
        except CancelSignal:
            self._close_batch(state)
            raise
        self._close_batch(state)
        return state.get("stop_epoch")

    def _close_batch(self, state: dict[str, Any]) -> None:
        if "last_output" in state:
            # v1: listeners get the output with its graph, which it then kept until the next one.
            state["last_output"] = without_graph(state["last_output"])
        if state["train"]:
            state["iteration"] += 1
            state["num_batch"] += 1

    def on_epoch_end(self, val_loss: Any) -> Any:
        """End an epoch with its validation loss (or None) and return whether to stop training."""
        self._enter("epoch_end", last_metrics=[val_loss])
        self._skip_said = False  # what is said from here on is meant for the next epoch
        self("epoch_end", call_mets=val_loss is not None)
        self.state_dict["epoch"] += 1
        return self.state_dict.get("stop_training")

    def on_train_end(self, exception: BaseException | bool, *, but: Sequence[Any] = ()) -> None:
        """End a fit: every listener that began is called, whatever others raise.

        Args:
            but: listeners to leave out, as those of a fit that goes on.
            exception: what ended the fit, False if nothing did. Errors of listeners are attached to it as
                notes; without it the first of them is raised with the others attached.
        """
        errors: list[BaseException] = []
        for cb, method in self._listeners("train_end", call_mets=True):
            if any(cb is other for other in (*self._not_begun, *but)):
                continue
            try:
                self._call_and_update(cb, "train_end", method, exception=exception)
            except BaseException as error:  # noqa: BLE001  (the others still have to put things back)
                errors.append(add_note(error, f"raised by {type(cb).__name__}.on_train_end"))
        raise_first(exception if isinstance(exception, BaseException) else None, errors)

    # --- around the events ----------------------------------------------------------------------------------

    def set_dl(self, dl: Any) -> None:
        """Let the data set of the loader in use take part, if it is itself a callback."""
        self._look_for_listeners()
        # By identity: a dataclass callback may compare equal to another one. Only what joined leaves, if the
        # data set was also given as a callback.
        places = [at for at, cb in enumerate(self.callbacks) if cb is self.cb_dl]
        for at in places[-1:]:
            del self.callbacks[at]
        dataset = getattr(dl, "dataset", None)
        self.cb_dl = dataset if isinstance(dataset, Callback) else None
        if self.cb_dl is not None:
            self.callbacks.append(self.cb_dl)


with_v1_signature(CallbackHandler.__init__)
with_v1_signature(CallbackHandler.on_train_end)
