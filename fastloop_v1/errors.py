"""Every exception and warning of the package, each also of the builtin kind that v1 code may catch.

One error has no class: `unknown_state_key` makes the plain `Exception` that v1 raised and legacy code
compares by type and text.

```
Exception
└── FastloopError
    ├── CallbackReturnError             (AttributeError, TypeError) a callback returned no dict and not None
    ├── NotACallbackError               (TypeError) an object that cannot listen to any event
    ├── LearnerGoneError                (ReferenceError, AttributeError) a callback outlived its learner
    ├── ArgumentError                   (ValueError) an argument outside what is allowed
    │   ├── ArgumentTypeError           (TypeError) an argument of a type that is not allowed
    │   ├── UnexportableError           (PicklingError, AttributeError) parts that cannot be written
    │   ├── LayerGroupError             (AssertionError) too few layer groups for what was asked
    │   └── HyperParameterError         (KeyError) the optimizer has no such hyper-parameter
    ├── EmptyLoaderError                (AssertionError, ValueError) a loader without a single batch
    ├── MissingLossError                (TypeError) training was asked for without a loss function
    ├── LossShapeError                  (RuntimeError) the loss is no scalar, or output and target do not fit
    ├── NonFiniteLossError              (ArithmeticError, ValueError) the loss is NaN or infinite
    ├── MissingExtraError               (ImportError) an optional package is not installed
    ├── UnwritablePathError             (OSError) a file cannot be written where it should go
    ├── UnknownVersionError             (ValueError) a file of a schema version this package does not know
    └── NotOfferedError                 (NotImplementedError) a v1 name whose layer or tool is gone
Warning
└── FastloopWarning (UserWarning)
    ├── LegacyReturnWarning             a bare value returned as before v1.0.47
    └── ProtocolWarning                 strict mode: a key, method or argument that cannot act
```
"""

from __future__ import annotations

from pickle import PicklingError
from typing import TypeVar

__all__ = [
    "ArgumentError",
    "ArgumentTypeError",
    "CallbackReturnError",
    "EmptyLoaderError",
    "FastloopError",
    "FastloopWarning",
    "HyperParameterError",
    "LayerGroupError",
    "LearnerGoneError",
    "LegacyReturnWarning",
    "LossShapeError",
    "MissingExtraError",
    "MissingLossError",
    "NonFiniteLossError",
    "NotACallbackError",
    "NotOfferedError",
    "ProtocolWarning",
    "UnexportableError",
    "UnknownVersionError",
    "UnwritablePathError",
    "add_note",
    "raise_first",
    "unknown_state_key",
]

_Error = TypeVar("_Error", bound=BaseException)


class FastloopError(Exception):
    """Base of all errors this package raises on its own account."""


class CallbackReturnError(FastloopError, AttributeError, TypeError):
    """A callback returned something that is neither None, nor a dict, nor a value of the older protocol."""


class NotACallbackError(FastloopError, TypeError):
    """An object was given as a callback or metric but cannot be one."""


class LearnerGoneError(FastloopError, ReferenceError, AttributeError):
    """A callback was asked for an attribute of its learner, which is gone or was never given."""


class ArgumentError(FastloopError, ValueError):
    """An argument has a value outside what is allowed; the message names all three."""


class ArgumentTypeError(ArgumentError, TypeError):
    """An argument is of a type that is not allowed, such as a word where a number belongs."""


class UnexportableError(ArgumentError, PicklingError, AttributeError):
    """Parts of a learner, such as lambdas, cannot be written; the message lists all of them."""


class LayerGroupError(ArgumentError, AssertionError):
    """The layer groups do not allow what was asked for (v1 raised an AssertionError for it)."""


class HyperParameterError(ArgumentError, KeyError):
    """The optimizer has no hyper-parameter of this name (v1 raised a KeyError for it)."""

    __str__ = Exception.__str__


class EmptyLoaderError(FastloopError, AssertionError, ValueError):
    """A data loader yields no batch (v1 raised an AssertionError for it)."""


class MissingLossError(FastloopError, TypeError):
    """Training needs a loss function and none was given."""


class LossShapeError(FastloopError, RuntimeError):
    """The loss is not a single number, or output and target shapes do not fit each other."""


class NonFiniteLossError(FastloopError, ArithmeticError, ValueError):
    """The loss is NaN or infinite, and training was asked to end with an error then."""


class MissingExtraError(FastloopError, ImportError):
    """An optional package is needed; the message names the extra to install."""


class UnwritablePathError(FastloopError, OSError):
    """A file cannot be written at the path it should have."""


class UnknownVersionError(FastloopError, ValueError):
    """A file carries a schema version this version of the package does not know."""


class NotOfferedError(FastloopError, NotImplementedError):
    """A v1 name that exists for imports only; the message says what to use instead."""


class FastloopWarning(UserWarning):
    """Base of all warnings this package gives."""


class LegacyReturnWarning(FastloopWarning):
    """A callback speaks the protocol of v1 before 1.0.47: a bare value instead of a dict."""


class ProtocolWarning(FastloopWarning):
    """Strict mode found something in a callback that cannot have any effect."""


def add_note(error: _Error, note: str) -> _Error:
    """Attach a line that stands below the traceback and return the error; Python 3.10 keeps it unshown."""
    if hasattr(error, "add_note"):
        error.add_note(note)
    else:
        error.__dict__["__notes__"] = [*getattr(error, "__notes__", ()), note]
    return error


def raise_first(exception: BaseException | None, errors: list[BaseException]) -> None:
    """Attach later errors to the exception there is; without one raise the first with the others attached.

    Args:
        exception: what is on its way already.
        errors: those that came after it, in order; the list is emptied, so that a caller whose frame hangs
            on one of them does not keep it alive.
    """
    first = errors.pop(0) if exception is None and errors else exception
    while errors and first is not None:
        add_note(first, f"Also, at the end of training: {errors.pop(0)!r}")
    try:
        if first is not None and first is not exception:
            raise first
    finally:
        del first, exception


def unknown_state_key(callback: str, event: str, key: str, nearest: str | None = None) -> Exception:
    """The error for a returned key that is not in the state at that moment.

    Callback, event, key and the nearest valid key are attributes and stand in a note below the traceback.

    Args:
        callback: class name of the callback.
        event: the event it answered, without the leading `on_`.
        key: the key it returned.
        nearest: the valid key most like it, or None.
    """
    # v1: a plain Exception with exactly this text.
    error = Exception(f"{key} isn't a valid key in the state of the callbacks.")
    error.__dict__.update(callback=callback, event=event, key=key, nearest=nearest)
    meant = f" Did you mean {nearest!r}?" if nearest else ""
    note = f"{callback}.on_{event} returned the key {key!r}, which is not in the state there.{meant}"
    return add_note(error, note)
