"""What a file's callbacks say to the loop, in arguments and returned values, by the table of events."""

from __future__ import annotations

import ast
import difflib
from collections.abc import Iterator

from ..events import EVENTS, INITIAL_STATE, readable_keys
from .findings import Finding
from .other_versions import V2_METHODS
from .scopes import NamesOfFile
from .v1_names import callback_classes

__all__ = ["Method", "bare_meaning", "callback_findings", "event_methods", "is_bare", "returns_of"]

Method = ast.FunctionDef | ast.AsyncFunctionDef

_STATE_KEYS = frozenset(INITIAL_STATE).union(*({*event.given, *event.reset} for event in EVENTS.values()))
_RESET = {key: value for event in EVENTS.values() for key, value in event.reset.items()}
_INNER = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
_FLAGS = frozenset(key for key, value in _RESET.items() if value is False)


def callback_findings(names: NamesOfFile, bases: dict[ast.ClassDef, list[str]]) -> Iterator[Finding]:
    """What is to be known of the callbacks of a file.

    Args:
        names: the names of the file.
        bases: for each class the v1 names it inherits from, through other classes of the file as well.
    """
    own_keys = _keys_written_by_hand(names)
    for cls in names.classes:
        known = callback_classes().intersection(bases.get(cls, ()))
        if not known and not _listens(cls):
            continue
        yield from _version_findings(cls, known)
        for event, method in event_methods(cls):
            yield from _argument_findings(cls, event, method, own_keys)
            yield from _return_findings(cls, event, method, own_keys)
        if known:
            yield from _unknown_events(cls)


def event_methods(cls: ast.ClassDef) -> Iterator[tuple[str, Method]]:
    """The events a class listens to, each with its method."""
    for node in cls.body:
        if isinstance(node, Method) and node.name.startswith("on_") and node.name[3:] in EVENTS:
            yield node.name[3:], node


def returns_of(method: Method) -> Iterator[ast.Return]:
    """The return statements of a method, without those of functions inside it."""
    waiting: list[ast.AST] = list(method.body)
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.Return):
            yield node
        elif not isinstance(node, _INNER):
            waiting += ast.iter_child_nodes(node)


def is_bare(event: str, method: Method, value: ast.expr | None) -> bool:
    """Whether a returned expression certainly is no dict and not None, but one of v1 before 1.0.47."""
    if isinstance(value, ast.IfExp):
        return is_bare(event, method, value.body) and is_bare(event, method, value.orelse)
    if isinstance(value, ast.BoolOp):
        return all(is_bare(event, method, part) for part in value.values)
    if isinstance(value, ast.Constant):
        return value.value is not None
    if isinstance(value, ast.Name):
        # One of the event's own arguments, if the method gives it no other value.
        return value.id in _STATE_KEYS & _arguments(method) and not _is_set(method, value.id)
    is_flag = isinstance(value, ast.Compare) or (
        isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.Not)
    )
    is_number = isinstance(value, ast.BinOp) and not isinstance(value.op, ast.BitOr)
    return is_flag or is_number or isinstance(value, (ast.Tuple, ast.List))


def bare_meaning(event: str, value: ast.expr) -> tuple[str, ...]:
    """The keys a bare value of this form stood for at an event; none if it meant nothing there."""
    keys = EVENTS[event].bare
    is_group = isinstance(value, (ast.Tuple, ast.List))
    is_truth = isinstance(value, (ast.Compare, ast.BoolOp)) or _is_not(value)
    if isinstance(value, ast.IfExp):
        both = {bare_meaning(event, part) for part in (value.body, value.orelse)}
        return both.pop() if len(both) == 1 else ()
    if isinstance(value, ast.Constant):
        return keys if isinstance(value.value, bool) and _FLAGS.issuperset(keys) else ()
    if _FLAGS.issuperset(keys):
        return keys if is_truth or (isinstance(value, ast.Name) and value.id in _FLAGS) else ()
    if len(keys) == 2 and is_group:
        return keys if len(value.elts) == 2 else ()  # type: ignore[attr-defined]
    return () if is_truth or (is_group and keys == ("last_loss",)) else keys[:1]


def _is_not(value: ast.expr) -> bool:
    return isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.Not)


def _is_set(method: Method, name: str) -> bool:
    """Whether the method gives a variable a value of its own."""
    stores = (n for n in ast.walk(method) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))
    return any(node.id == name for node in stores)


def _return_findings(
    cls: ast.ClassDef, event: str, method: Method, own_keys: frozenset[str]
) -> Iterator[Finding]:
    who = f"{cls.name}.on_{event}"
    for node in returns_of(method):
        if isinstance(node.value, ast.Dict):
            yield from _key_findings(who, event, node.value, own_keys)
        elif node.value is not None and is_bare(event, method, node.value):
            yield _bare_finding(who, event, node, node.value)


def _bare_finding(who: str, event: str, node: ast.Return, value: ast.expr) -> Finding:
    shown = ast.unparse(value)[:60]
    keys = bare_meaning(event, value)
    if not keys:
        text = f"{who} returns `{shown}`, which meant nothing at that event in any v1"
        return Finding(node.lineno, "work", "old-return", who, text, "return None or a dict of state keys")
    text = f"{who} returns `{shown}` as before v1.0.47; here it is taken for {_spelled(keys)}, with a warning"
    return Finding(node.lineno, "remark", "old-return", who, text, f"return a dict with {_spelled(keys)}")


def _spelled(keys: tuple[str, ...]) -> str:
    return " and ".join(f"`{key}`" for key in keys)


def _key_findings(who: str, event: str, value: ast.Dict, own_keys: frozenset[str]) -> Iterator[Finding]:
    there = readable_keys(event) - set(EVENTS[event].passed)
    for key in value.keys:
        if not isinstance(key, ast.Constant) or key.value in there | own_keys:
            continue
        near = difflib.get_close_matches(str(key.value), there, n=1)
        instead = f"return {near[0]!r}" if near else "keep the value on the callback"
        if key.value in _STATE_KEYS and event != "train_begin":
            text = f"{who} returns the key {key.value!r}, which is not in the state from the start of a fit"
            yield Finding(key.lineno, "remark", "state-key", who, text, "return it from a later event")
        else:
            text = (
                f"{who} returns the key {key.value!r}, which is not in the state: the fit ends with an error"
            )
            yield Finding(key.lineno, "work", "state-key", who, text, instead)


def _keys_written_by_hand(names: NamesOfFile) -> frozenset[str]:
    """Keys the file may put into the state itself: every text of a file that writes `state_dict`."""
    if not any(node.attr == "state_dict" for node in names.all_of(ast.Attribute)):
        return frozenset()
    texts = {node.value for node in names.all_of(ast.Constant) if isinstance(node.value, str)}
    words = {node.arg for node in names.all_of(ast.keyword) if node.arg}
    return frozenset(texts | words)


def _arguments(method: Method) -> set[str]:
    of = method.args
    return {argument.arg for argument in (*of.posonlyargs, *of.args, *of.kwonlyargs)}


def _argument_findings(
    cls: ast.ClassDef, event: str, method: Method, own_keys: frozenset[str]
) -> Iterator[Finding]:
    if method.decorator_list:
        return  # what the decorator makes of it is not known
    who, of = f"{cls.name}.on_{event}", method.args
    missing = sorted(_required(method) - readable_keys(event) - own_keys)
    if missing:
        text = f"{who} requires {', '.join(missing)}, which cannot be there at that event"
        yield Finding(
            method.lineno, "work", "arguments", who, text, "give it a default, or take it from `kwargs`"
        )
    if of.kwarg is None and not _arguments(method) >= readable_keys(event):
        text = f"{who} takes no `**kwargs`, and every event passes the whole state"
        yield Finding(method.lineno, "work", "arguments", who, text, "add `**kwargs`")


def _required(method: Method) -> set[str]:
    of = method.args
    positional = [argument.arg for argument in (*of.posonlyargs, *of.args)]
    required = positional[: len(positional) - len(of.defaults)][1:]
    only = [arg.arg for arg, default in zip(of.kwonlyargs, of.kw_defaults, strict=True) if default is None]
    return {*required, *only}


def _listens(cls: ast.ClassDef) -> bool:
    """Whether a class of unknown bases looks like a callback: an event method that takes the state."""
    return any(method.args.kwarg is not None for _, method in event_methods(cls))


def _unknown_events(cls: ast.ClassDef) -> Iterator[Finding]:
    for node in cls.body:
        event = node.name[3:] if isinstance(node, Method) and node.name.startswith("on_") else ""
        near = difflib.get_close_matches(event, EVENTS, n=1, cutoff=0.75)
        if event and event not in EVENTS and near:
            text = f"{cls.name}.on_{event} is no event and is never called"
            yield Finding(node.lineno, "remark", "event", f"on_{event}", text, f"name it on_{near[0]}")


def _version_findings(cls: ast.ClassDef, known: frozenset[str]) -> Iterator[Finding]:
    for node in cls.body:
        if known and isinstance(node, Method) and node.name in V2_METHODS:
            text = f"{cls.name}.{node.name} is a method of fastai v2's callbacks; v1's loop never calls it"
            yield Finding(
                node.lineno, "work", "v2", node.name, text, "see the table of events in docs/events.md"
            )
    if known:
        yield from _dataclass_findings(cls, known)


def _dataclass_findings(cls: ast.ClassDef, known: frozenset[str]) -> Iterator[Finding]:
    """Learner callbacks were dataclasses before v1.0.40; direct ones still may be."""
    own = next((n for n in cls.body if isinstance(n, Method) and n.name == "__post_init__"), None)
    if own is None:
        return
    calls = (node for node in ast.walk(own) if isinstance(node, ast.Attribute))
    is_passed_on = any(node.attr == "__post_init__" and _is_super(node.value) for node in calls)
    instead = "write `__init__(self, learn, ...)` that calls `super().__init__(learn)`"
    if is_passed_on and known != {"LearnerCallback"}:
        text = f"{cls.name} calls `super().__post_init__()`; its base class is no dataclass since v1.0.40"
        yield Finding(own.lineno, "work", "before-1.0.40", cls.name, text, instead)
    elif not cls.decorator_list and all(isinstance(b, ast.Name) and b.id in known for b in cls.bases):
        text = f"{cls.name}.__post_init__ is never called: its base class is no dataclass since v1.0.40"
        yield Finding(own.lineno, "work", "before-1.0.40", cls.name, text, instead)
    elif is_passed_on:
        text = f"{cls.name} is a dataclass as before v1.0.40; that runs here, and not with later v1"
        yield Finding(own.lineno, "remark", "before-1.0.40", cls.name, text)


def _is_super(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"
