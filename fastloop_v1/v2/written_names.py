"""What a method of a callback does to the loop, read from its source: returns, assignments, signals."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..events import LoopState
from .event_names import EVENT_NAMES
from .method_source import Part, parts_of
from .returned_keys import ReturnedKeys

__all__ = ["Reading", "read"]

_SIGNAL = re.compile(r"(?:.*\.)?(Cancel(?:Backward|Step|Batch|Train|Valid|Epoch|Fit)Exception)")
_TARGETS = ast.Assign | ast.AugAssign | ast.AnnAssign
# What v2 callbacks set on the learner; on the callback itself it has no effect.
_LEARNERS = ("xb", "yb", "x", "y", "pred", "loss", "loss_grad", "model", "loss_func", "opt", "dls", "dl")
_HYPERS = ("lr", "mom", "beta", "wd")
# v1's words for those of v2 and of torch.
_FIRST_WORDS = {"sqr_mom": "beta", "momentum": "mom", "weight_decay": "wd"}


@dataclass(frozen=True)
class Reading:
    """What the source of a method says.

    Attributes:
        returned: keys of the state.
        written: attributes set on the learner.
        hypers: hyper-parameters set on the optimizer, by v1's words where it has some.
        raised: signals.
        hidden: attributes of the learner that are set on the callback, where they have no effect.
        points: points of the loop that are named.
        is_unclear: whether something is returned that cannot be read.
        has_unnamed_hypers: whether hyper-parameters are set whose names do not stand there.
        has_source: whether there was a source to read.
    """

    returned: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    hypers: tuple[str, ...] = ()
    raised: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    points: tuple[str, ...] = ()
    is_unclear: bool = False
    has_unnamed_hypers: bool = False
    has_source: bool = True


def read(method: Any, bare: Sequence[str] = ()) -> Reading:
    """Read a method, and what it calls of its own callback.

    Args:
        method: the method.
        bare: keys that a bare return value stands for.
    """
    parts = parts_of(method)
    if not parts:
        return Reading(has_source=False)
    keys = ReturnedKeys(parts[0], bare)
    names = [_Names(part) for part in parts]
    hypers = [_FIRST_WORDS.get(name, name) if name else "" for each in names for name in each.hypers()]
    return Reading(
        returned=_once(key for key in keys.keys if key in LoopState.__annotations__),
        written=_once(name for each in names for name in each.on_learner()),
        hypers=_once(filter(None, hypers)),
        raised=_once(name for part in parts for name in _raised(part.node)),
        hidden=_once(name for each in names for name in each.on_callback()),
        points=_once(name for part in parts for name in _texts(part.node) if name in EVENT_NAMES),
        is_unclear=keys.is_unclear,
        has_unnamed_hypers="" in hypers,
    )


class _Names:
    """What a function calls learner, optimizer and the optimizer's groups, and what it sets on them."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.learners = {f"{part.me}.learn"}
        self._add_names(self.learners)
        self.opts = {f"{part.me}.opt", *(f"{learn}.opt" for learn in self.learners)}
        self._add_names(self.opts)
        self.opts |= {f"{opt}.opt" for opt in self.opts}
        self.groups = set(self._groups())

    def _add_names(self, meant: set[str]) -> None:
        """Add names that are given one of those."""
        for target, value in self._assigned():
            if isinstance(target, ast.Name) and value is not None and ast.unparse(value) in meant:
                meant.add(target.id)

    def _groups(self) -> Iterator[str]:
        """Names of one group's hyper-parameters: loop variables, or given by number."""
        for node in ast.walk(self.part.node):
            if isinstance(node, (ast.For, ast.comprehension)) and self._has_groups(node.iter):
                yield from _names_in(node.target)
        for target, value in self._assigned():
            if isinstance(value, ast.Subscript) and self._has_groups(value.value):
                yield from _names_in(target)

    def _has_groups(self, node: ast.AST) -> bool:
        """Whether it is `opt.hypers` or `opt.param_groups`, or goes through them."""
        inner = (each for each in ast.walk(node) if isinstance(each, ast.Attribute))
        return any(
            each.attr in ("hypers", "param_groups") and ast.unparse(each.value) in self.opts for each in inner
        )

    def _is_group(self, node: ast.AST) -> bool:
        if isinstance(node, ast.Subscript):
            return self._has_groups(node.value)
        return isinstance(node, ast.Name) and node.id in self.groups

    def _assigned(self) -> Iterator[tuple[ast.AST, ast.AST | None]]:
        """Targets of assignments, one by one, with their values."""
        for node in ast.walk(self.part.node):
            if isinstance(node, _TARGETS):
                for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
                    yield from _pairs(target, node.value)

    def _calls(self) -> Iterator[tuple[ast.AST, str, ast.Call]]:
        """Calls of methods: what of, the method's name, the call."""
        for node in ast.walk(self.part.node):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                yield node.func.value, node.func.attr, node

    # --- set ------------------------------------------------------------------------------------------------

    def _set_on(self, owners: set[str]) -> Iterator[str]:
        for target, _ in self._assigned():
            if isinstance(target, ast.Attribute) and ast.unparse(target.value) in owners:
                yield target.attr

    def on_learner(self) -> Iterator[str]:
        """Attributes of the learner."""
        yield from self._set_on(self.learners)
        for node in ast.walk(self.part.node):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "setattr" and len(node.args) > 1:
                yield from _texts(node.args[1]) if ast.unparse(node.args[0]) in self.learners else ()

    def on_callback(self) -> Iterator[str]:
        """Attributes of the callback that hide the learner's."""
        yield from (name for name in self._set_on({self.part.me}) if name in _LEARNERS)

    def hypers(self) -> Iterator[str]:
        """Hyper-parameters; the empty name stands for one that cannot be read."""
        yield from (name for name in self._set_on(self.opts) if name in _HYPERS)
        for target, _ in self._assigned():
            if isinstance(target, ast.Subscript) and self._is_group(target.value):
                yield _text(target.slice)
        for owner, name, call in self._calls():
            if ast.unparse(owner) in self.opts:
                yield from _set_by_call(name, call)
            elif name == "update" and self._is_group(owner):
                yield from (keyword.arg or "" for keyword in call.keywords)
                yield from (text for argument in call.args for text in _dict_keys(argument))


def _set_by_call(name: str, call: ast.Call) -> Iterator[str]:
    """Hyper-parameters that a method of the optimizer sets."""
    if name in ("set_hyper", "set_stat", "set_val"):
        yield _text(call.args[0]) if call.args else ""
    elif name == "set_hypers":
        yield from (keyword.arg or "" for keyword in call.keywords)
    elif name == "scale_lr":
        yield "lr"


def _dict_keys(node: ast.AST) -> list[str]:
    return [_text(key) for key in node.keys] if isinstance(node, ast.Dict) else [""]


def _text(node: ast.AST | None) -> str:
    """The text that stands there, else an empty one."""
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _texts(node: ast.AST) -> Iterator[str]:
    yield from filter(None, map(_text, ast.walk(node)))


def _names_in(node: ast.AST) -> Iterator[str]:
    yield from (inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name))


def _pairs(target: ast.AST, value: ast.AST | None) -> Iterator[tuple[ast.AST, ast.AST | None]]:
    """A target and its value; those inside, where both are as many, or the targets alone."""
    if not isinstance(target, (ast.Tuple, ast.List)):
        yield target, value
        return
    values: list[Any] = list(value.elts) if isinstance(value, (ast.Tuple, ast.List)) else []
    yield from zip(
        target.elts, values if len(values) == len(target.elts) else [None] * len(target.elts), strict=True
    )


def _raised(node: ast.AST) -> Iterator[str]:
    """Names of the signals that are raised."""
    for inner in ast.walk(node):
        if isinstance(inner, ast.Raise) and inner.exc is not None:
            error = inner.exc.func if isinstance(inner.exc, ast.Call) else inner.exc
            found = _SIGNAL.fullmatch(ast.unparse(error))
            if found is not None:
                yield found[1]


def _once(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
