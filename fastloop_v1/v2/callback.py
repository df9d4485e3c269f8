"""`Callback` of fastai v2: methods named as events, and attributes read through the learner to the model."""

from __future__ import annotations

import warnings
from collections.abc import Callable as Function
from types import MethodType
from typing import Any

from ..errors import FastloopWarning
from ..names import camel2snake
from ..signals import CancelSignal
from .event_names import BATCH_EVENTS, BOOK_NAMES, EVENT_NAMES, meant_event

__all__ = ["Callback", "before_batch_cb"]


class Callback:
    """Base class of v2 callbacks: override the events of interest; read and change what is on the learner.

    A method takes `self` only and its result is ignored. An attribute the callback does not have is read
    from the learner, then from the model; to change one of the learner, write `self.learn.<name> = ...`.

    Attributes:
        order: lower runs first; those of equal order run as they were added.
        run: False leaves out all events until the end of the fit, when it becomes True again.
        run_train, run_valid: whether it hears the events of batches in training, and in validation.
        run_after, run_before: classes or names of callbacks to run after or before, whatever `order` says.
        remove_on_fetch: whether it is away while `FetchPredsCallback` predicts.
        learn: the learner, None while it belongs to none.

    Args:
        kwargs: functions of `self` by the name of the event they answer.

    Raises:
        AssertionError: a keyword is no event.
    """

    order: Any = 0
    run = run_train = run_valid = True
    run_after: Any = ()
    run_before: Any = ()
    remove_on_fetch = False
    learn: Any = None
    _stateattrs: Any = ()

    def __init__(self, **kwargs: Any) -> None:
        for name, function in kwargs.items():
            if name not in EVENT_NAMES and name not in BOOK_NAMES:
                raise AssertionError(f"{name!r} is no event{meant_event(name)}")
            setattr(self, _today(name, self), MethodType(function, self))

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Let methods with names of the book of 2020 answer the events of today."""
        super().__init_subclass__(**kwargs)
        for old in [name for name in BOOK_NAMES if name in vars(cls)]:
            if BOOK_NAMES[old] not in vars(cls):
                setattr(cls, _today(old, cls), vars(cls)[old])

    @property
    def name(self) -> str:
        """Where it stands on the learner: the class name in snake case, without `Callback` at its end."""
        return camel2snake(type(self).__name__.removesuffix("Callback") or "callback")

    def __call__(self, event_name: str) -> Any:
        """Answer an event, if there is a method for it and `run`, `run_train` and `run_valid` allow it.

        Raises:
            Exception: what the method raises, with callback and event in its message; signals as they are.
        """
        result = None
        if self.run and (event_name not in BATCH_EVENTS or self._hears_batches()):
            method = self.method_for(event_name)
            result = None if method is None else _run(method, type(self).__name__, event_name)
        if event_name == "after_fit":
            self.run = True
        return result

    def method_for(self, event_name: str) -> Any:
        """Its own method, not one that learner or model happen to have under that name."""
        own = vars(self).get(event_name)
        return getattr(self, event_name) if own is None and hasattr(type(self), event_name) else own

    def _hears_batches(self) -> bool:
        training = getattr(self, "training", None)
        in_training = training is None or training
        return bool((self.run_train and in_training) or (self.run_valid and not training))

    def __getattr__(self, name: str) -> Any:
        learn = None if name.startswith("__") or name in ("learn", "_xtra") else self.learn
        if learn is None:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        view = vars(learn).get("v2_view") if name in ("recorder", "dl") else None
        return getattr(learn if view is None else view, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if not hasattr(Callback, name) and self.learn is not None and hasattr(self.learn, name):
            text = (
                f"{type(self).__name__}.{name} now hides the learner's {name!r}; "
                f"to change that, write self.learn.{name}."
            )
            warnings.warn(text, FastloopWarning, stacklevel=2)
        super().__setattr__(name, value)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name not in ("learn", *self._stateattrs)}

    def __repr__(self) -> str:
        return type(self).__name__


def _today(name: str, where: Any) -> str:
    """Today's name of an event; warns of one of the book's."""
    if name not in BOOK_NAMES:
        return name
    who = where if isinstance(where, type) else type(where)
    text = f"{who.__name__}.{name}: the event is called {BOOK_NAMES[name]!r} since 2020."
    warnings.warn(text, DeprecationWarning, stacklevel=3)
    return BOOK_NAMES[name]


def _run(method: Function[[], Any], who: str, event_name: str) -> Any:
    """Call the method; an error gets callback and event into its message."""
    try:
        return method()
    except CancelSignal:
        raise
    except Exception as error:
        where = f"{who}.{event_name}"
        what = str(error.args[0]) if error.args else ""
        # Callbacks that call the loop again may hear of the same error more than once.
        if f"{where}:" not in what and what != where:
            error.args = (f"{where}: {what}" if error.args else where,)
        raise


def before_batch_cb(cb: Function[[Callback, Any, Any], tuple[Any, Any]]) -> Callback:
    """A callback of a function `(self, xb, yb)` that returns the inputs and targets to go on with."""

    def before_batch(self: Callback) -> None:
        self.learn.xb, self.learn.yb = cb(self, self.xb, self.yb)

    return Callback(before_batch=before_batch)
