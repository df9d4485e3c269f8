"""Stand-ins for classes and functions of v1's layers that are not offered here: they keep, and do nothing."""

from __future__ import annotations

import copyreg
from typing import Any
from weakref import WeakValueDictionary

__all__ = ["InertRecord", "InertType", "inert_class", "inert_record"]


class InertType(type):
    """The type of the stand-ins, which are pickled by the name they stand for."""


class InertRecord(metaclass=InertType):
    """What a file says of an object whose class is not offered: kept whole, never run.

    Each v1 name has a subclass of its own with v1's module and name. The keys of a state that is a dict are
    also read as attributes: `record.classes` is `record.state["classes"]`.

    Attributes:
        args: positional arguments the object was made with.
        kwargs: keyword arguments the object was made with.
        state: what the file set as its attributes, as a rule a dict; None if nothing.
        members: what was appended or added to it, in order.
        pairs: what was set in it by key, as `(key, value)`, in order.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.args, self.kwargs = args, kwargs
        self.state: Any = None
        self.members: list[Any] = []
        self.pairs: list[tuple[Any, Any]] = []

    def __getattr__(self, name: str) -> Any:
        state = self.__dict__.get("state")
        if name.startswith("__") or type(state) is not dict or name not in state:
            raise AttributeError(f"The record of {_dotted(type(self))} has no attribute {name!r}.")
        return state[name]

    def __repr__(self) -> str:
        return f"<record of {_dotted(type(self))}>"

    def __reduce__(self) -> tuple[Any, ...]:
        kept = self.args, self.kwargs, self.state, self.members, self.pairs
        return inert_record, (_dotted(type(self)), *kept)


_made: WeakValueDictionary[str, InertType] = WeakValueDictionary()


def inert_class(dotted: str) -> InertType:
    """Return the stand-in for a dotted name, the same one each time.

    Raises:
        ValueError: it is no dotted name.
    """
    module, _, name = dotted.rpartition(".")
    if not module or not all(part.isidentifier() for part in dotted.split(".")):
        raise ValueError(f"{dotted!r} is no dotted name")
    found = _made.get(dotted)
    if found is None:
        found = _made[dotted] = InertType(name, (InertRecord,), {"__module__": module})
    return found


def inert_record(
    dotted: str, args: Any, kwargs: Any, state: Any, members: list[Any], pairs: list[tuple[Any, Any]]
) -> InertRecord:
    """Return a record of the named class with these contents, as pickles of records ask for it.

    Raises:
        TypeError: the arguments are no tuple and no dict.
        ValueError: it is no dotted name.
    """
    if type(args) is not tuple or type(kwargs) is not dict:
        raise TypeError("the arguments of a record are no tuple and no dict")
    record: InertRecord = inert_class(dotted)(*args, **kwargs)
    record.state, record.members, record.pairs = state, members, pairs
    return record


def _dotted(kind: type) -> str:
    return f"{kind.__module__}.{kind.__name__}"


def _reduced_class(kind: InertType) -> tuple[Any, ...] | str:
    # The base is an ordinary class of this module; the others exist nowhere, so their name has to do.
    return "InertRecord" if kind is InertRecord else (inert_class, (_dotted(kind),))


copyreg.pickle(InertType, _reduced_class)  # the stand-ins are classes, pickled through their type
