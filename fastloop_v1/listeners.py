"""What makes an object a listener: its event methods, the checks on them, and bare return values."""

from __future__ import annotations

import difflib
import inspect
import warnings
import weakref
from typing import Any

import numpy as np
import torch

from .errors import CallbackReturnError, LegacyReturnWarning, NotACallbackError, ProtocolWarning
from .events import EVENTS, readable_keys

__all__ = [
    "as_list",
    "check_callback",
    "check_methods",
    "check_value",
    "event_method",
    "factories",
    "from_bare_value",
]

_FLAGS = ("skip_step", "skip_zero", "stop_epoch", "stop_training")
_BARE_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(_FLAGS, (bool, np.bool_)),
    "last_output": (torch.Tensor, tuple, list),
    "last_loss": (torch.Tensor,),
}
_COUNTS = ("epoch", "iteration", "num_batch", "n_epochs")
_warned: weakref.WeakSet[type] = weakref.WeakSet()


def as_list(items: Any) -> list[Any]:
    """A new list of the items; one item alone counts as a list of one, None as an empty one."""
    if items is None:
        return []
    if isinstance(items, (list, tuple, set, frozenset)) or inspect.isgenerator(items):
        return list(items)
    return [items]


def factories(*callback_fns: Any) -> list[Any]:
    """Return what makes a learner's callbacks, one item or several of each argument.

    Raises:
        NotACallbackError: something in it cannot be called.
    """
    found = [make for fns in callback_fns for make in as_list(fns)]
    for at, make in enumerate(found):
        if not callable(make):
            raise NotACallbackError(
                f"callback_fns[{at}] is {make!r}; it must be called with the learner and make a callback: "
                "a class, or a partial of one. An instance goes into callbacks."
            )
    return found


def check_value(cb: Any, event: str, key: str, value: Any) -> None:
    """See that a returned value can be what its key says: a count is a whole number, a flag is one value.

    Raises:
        CallbackReturnError: it cannot.
    """
    if key in _COUNTS:
        number = value.item() if isinstance(value, (torch.Tensor, np.ndarray)) and value.ndim == 0 else value
        good = isinstance(number, (int, np.integer)) or (isinstance(number, float) and number.is_integer())
        allowed = "a whole number"
    else:
        is_array = isinstance(value, (torch.Tensor, np.ndarray))
        good, allowed = not (is_array and np.prod(value.shape) != 1), "a single value"
    if not good:
        raise CallbackReturnError(
            f"{type(cb).__name__}.on_{event} returned {key!r}: {value!r}; it must be {allowed}."
        )


def event_method(cb: Any, event: str, empty: Any = None) -> Any:
    """The bound method that answers an event; None if there is none or the class has just the `empty` one.

    Args:
        cb: any object.
        event: name without the leading `on_`.
        empty: function that counts as not there.
    """
    name = f"on_{event}"
    if (
        empty is not None
        and getattr(type(cb), name, None) is empty
        and name not in getattr(cb, "__dict__", ())
    ):
        return None
    return getattr(cb, name, None)


def check_callback(cb: Any, where: str) -> None:
    """See that an object can be a callback.

    Args:
        cb: the object.
        where: the argument it was given in, for the message.

    Raises:
        NotACallbackError: a list, a class, or an object without a single event method.
    """
    if isinstance(cb, (list, tuple)):
        raise NotACallbackError(f"{where} is a {type(cb).__name__} where one callback belongs: {cb!r}")
    if isinstance(cb, type):
        raise NotACallbackError(
            f"{where} is the class {cb.__name__}, not an instance; pass {cb.__name__}(...), "
            f"or the class in the learner's callback_fns."
        )
    if not any(callable(getattr(cb, f"on_{event}", None)) for event in EVENTS):
        raise NotACallbackError(
            f"{where} is {cb!r}, which has none of the methods on_{', on_'.join(EVENTS)}."
        )


def check_methods(cb: Any) -> None:
    """Warn of `on_...` methods that are no event, and of required arguments their event cannot have."""
    who = type(cb).__name__
    named = (name for name in dir(type(cb)) if name.startswith("on_"))
    for name in sorted(name for name in named if callable(getattr(type(cb), name))):
        event = name[len("on_") :]
        if event not in EVENTS:
            near = difflib.get_close_matches(event, EVENTS, n=1)
            meant = f" Did you mean on_{near[0]}?" if near else ""
            warnings.warn(
                f"{who}.{name} is no event and is never called.{meant}", ProtocolWarning, stacklevel=3
            )
            continue
        missing = sorted(_required_arguments(getattr(cb, name)) - readable_keys(event))
        if missing:
            text = f"{who}.{name} requires {', '.join(missing)}, which cannot be there at that event."
            warnings.warn(text, ProtocolWarning, stacklevel=3)


def _required_arguments(method: Any) -> set[str]:
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = inspect.signature(method).parameters.values()
    return {p.name for p in parameters if p.kind in named and p.default is inspect.Parameter.empty}


def from_bare_value(cb: Any, event: str, value: Any) -> dict[str, Any]:
    """The dict that a bare return value stood for in v1 before 1.0.47; warns once per class.

    Raises:
        CallbackReturnError: the value meant nothing at that event.
    """
    keys = EVENTS[event].bare if event in EVENTS else ()
    who = f"{type(cb).__name__}.on_{event}"
    result = _meaning(keys, value)
    if result is None:
        known = f"a dict such as {{{keys[0]!r}: ...}}" if keys else "a dict of state keys"
        raise CallbackReturnError(
            f"{type(value).__name__!r} object has no attribute 'items': {who} returned {value!r}, "
            f"but a callback returns None or {known}."
        )
    if type(cb) not in _warned:
        _warned.add(type(cb))
        spelled = ", ".join(f"{key!r}: ..." if key not in _FLAGS else f"{key!r}: {value}" for key in result)
        warnings.warn(
            f"{who} returned a bare value; return {{{spelled}}} instead.", LegacyReturnWarning, stacklevel=2
        )
    # The older loop asked whether any listener had said so: False takes back nothing.
    return {key: said for key, said in result.items() if key not in _FLAGS or said}


def _meaning(keys: tuple[str, ...], value: Any) -> dict[str, Any] | None:
    """The dict a bare value stood for where it stood for these keys; None if it meant nothing there."""
    if keys and keys[0] in _FLAGS and isinstance(value, torch.Tensor) and value.dtype == torch.bool:
        value = bool(value.all())  # such as `return loss > 4 * best`
    if len(keys) == 1 and isinstance(value, _BARE_TYPES[keys[0]]):
        return {keys[0]: value}
    if len(keys) > 1 and isinstance(value, (tuple, list)) and len(value) == len(keys):
        return dict(zip(keys, value, strict=True))
    return {keys[0]: value} if len(keys) > 1 and isinstance(value, torch.Tensor) else None
