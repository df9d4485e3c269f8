"""The 24 events of fastai v2 in the order of a fit, and the namespace `event` that spells them."""

from __future__ import annotations

import difflib

__all__ = ["BATCH_EVENTS", "BOOK_NAMES", "EVENT_NAMES", "event", "meant_event"]

EVENT_NAMES = (
    "after_create",
    "before_fit",
    "before_epoch",
    "before_train",
    "before_batch",
    "after_pred",
    "after_loss",
    "before_backward",
    "after_cancel_backward",
    "after_backward",
    "before_step",
    "after_cancel_step",
    "after_step",
    "after_cancel_batch",
    "after_batch",
    "after_cancel_train",
    "after_train",
    "before_validate",
    "after_cancel_validate",
    "after_validate",
    "after_cancel_epoch",
    "after_epoch",
    "after_cancel_fit",
    "after_fit",
)
# Those that `run_train` and `run_valid` decide on; v2 has no after_cancel_step among them.
BATCH_EVENTS = frozenset(EVENT_NAMES[4:15]) - {"after_cancel_step"}
# Names of the versions up to the book of 2020, with today's.
BOOK_NAMES = {f"begin_{part}": f"before_{part}" for part in ("fit", "epoch", "train", "batch", "validate")}


def meant_event(name: str) -> str:
    """`, did you mean ...?` where a name is close to that of an event, else nothing."""
    near = BOOK_NAMES.get(name) or next(iter(difflib.get_close_matches(name, EVENT_NAMES, n=1)), None)
    return f"; did you mean {near!r}?" if near else ""


class _Events(type):
    """Gives names of events as attributes, and says what is close to a name that is none."""

    def __getattr__(cls, name: str) -> str:
        if name in EVENT_NAMES:
            return name
        raise AttributeError(f"there is no event {name!r}{meant_event(name)}")

    def __dir__(cls) -> list[str]:
        return list(EVENT_NAMES)


class event(metaclass=_Events):
    """Every event as an attribute with its own name for value, as in `event.before_fit`."""
