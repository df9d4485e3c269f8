"""Which callbacks a class runs beside in the same file, and whether its new place among them may matter.

v2 callbacks come after all v1 callbacks of `_order` 0 and below. A class that reads or changes what one of
these changes at the same event, or changes what one reads, may have come before it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from ...events import EVENTS
from ..callback_protocol import Method, bare_meaning, event_methods, is_bare, returns_of
from .classes import CallbackClass
from .returns import returned_keys
from .table import BUILT_IN, LATE_BUILT_IN, UNINVITED

__all__ = ["check_built_in", "check_company"]

_Pairs = set[tuple[str, str]]


def check_built_in(cls: CallbackClass) -> None:
    """Refuse a class that may meet a callback of this package at an event where their order matters."""
    touched = cls.reads | cls.writes
    if cls.order == 0:
        for event, key in sorted(touched & UNINVITED):
            text = f"`{key}` in on_{event}: a schedule as that of `fit_one_cycle` sets it first in v2"
            cls.refuse(cls.node, f"{text}, where it came after")
    attributes = [(node.attr, node) for node in cls.names.all_of(ast.Attribute)]
    for name, node in [*((node.id, node) for node, _ in cls.names.reads), *attributes]:
        meets = sorted(touched & BUILT_IN.get(name, frozenset()))
        if meets and cls.order == 0:
            cls.refuse(
                node, f"`{name}` comes before it in v2, and changes `{meets[0][1]}` in on_{meets[0][0]}"
            )
        elif cls.signals and name in LATE_BUILT_IN:
            cls.refuse(node, f"what `{name}` stands for would not hear of an event that its signal ends")


def check_company(classes: list[CallbackClass]) -> None:
    """Refuse classes that may meet one another, or one that stays as it is, where their order matters."""
    for cls in classes:
        cls.writes |= _variables(cls)
    _check_rivals([cls for cls in classes if not cls.why_not])
    left = [cls for cls in classes if cls.why_not]
    while left:
        going = [cls for cls in classes if not cls.why_not]
        for cls in going:
            for other in left:
                _check_meeting(cls, other)
        left = [cls for cls in going if cls.why_not]


def _variables(cls: CallbackClass) -> _Pairs:
    """Pairs of an event and a variable of the file that its method reads, and may change what it holds."""
    bound = cls.names.top.bound.items()
    plain = (str, Method, ast.ClassDef)
    variables = {name for name, values in bound if any(not isinstance(by, plain) for by in values)}
    return {
        (event, node.id)
        for event, method in event_methods(cls.node)
        for node in ast.walk(method)
        if isinstance(node, ast.Name) and node.id in variables - cls.names.scopes[method].bound.keys()
    }


def _check_rivals(classes: list[CallbackClass]) -> None:
    """A signal ends its event for all, and what was assigned there before does not reach the loop."""
    for cls in (cls for cls in classes if cls.signals):
        events = {event for event, _ in cls.signals}
        for other in (other for other in classes if other is not cls):
            lost = {(event, key) for event, key in other.writes if event in events}
            shared = sorted(lost | _common(cls, other.reads, other.writes))
            if shared:
                text = f"`{other.name}` has to do with `{shared[0][1]}` in on_{shared[0][0]} too"
                cls.refuse(cls.node, f"{text}, and this one would have to come last to raise a signal")
                # Rewritten alone, it would meet the other one as a v1 callback.
                other.refuse(other.node, f"`{cls.name}`, which it meets in on_{shared[0][0]}, stays as it is")


def _common(cls: CallbackClass, reads: _Pairs, writes: _Pairs) -> _Pairs:
    """What one of two reads or changes and the other one changes."""
    return (cls.reads & writes) | (cls.writes & (reads | writes))


def _check_meeting(cls: CallbackClass, other: CallbackClass) -> None:
    """Refuse a class that meets one that stays."""
    reads, writes = _touched(other)
    shared = sorted(_common(cls, reads, writes))
    if cls.order > 0 and other.order == 0:
        # It came after the other one, and does so still.
        shared = []
    if cls.signals and other.order > 0:
        shared += sorted(cls.signals)
    if ("batch_end", "CancelTrainException") in cls.signals:
        # The loop does not count a batch whose end a signal cuts off.
        shared += sorted((event, key) for event, key in reads if key in ("iteration", "num_batch"))
    if ("epoch_end", "CancelFitException") in cls.signals:
        shared += sorted(reads & {("train_end", "epoch")})
    if shared:
        text = (
            f"`{other.name}`, which stays a v1 callback, has to do with `{shared[0][1]}` in on_{shared[0][0]}"
        )
        cls.refuse(cls.node, f"{text} too, and would not see the same")


def _touched(cls: CallbackClass) -> tuple[_Pairs, _Pairs]:
    """What a class that stays reads and changes; all that it may change where it returns who knows what."""
    reads, writes = set(cls.reads), set(cls.writes)
    for event, method in event_methods(cls.node):
        of = method.args
        reads |= {(event, argument.arg) for argument in (*of.args, *of.kwonlyargs)}
        writes |= {(event, key) for node in returns_of(method) for key in _keys(event, method, node.value)}
    return reads, writes


def _keys(event: str, method: Method, value: ast.expr | None) -> Iterable[str]:
    if value is not None and is_bare(event, method, value):
        return bare_meaning(event, value)
    keys = returned_keys(value)
    return EVENTS[event].handed if keys is None else keys
