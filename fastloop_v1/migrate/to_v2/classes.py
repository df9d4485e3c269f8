"""The v1 callback classes of a file, and what about a class as a whole keeps it from becoming one of v2."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

from ...names import camel2snake
from ..callback_protocol import Method
from ..name_findings import inherited_names
from ..names_used import Use, stars_of_v1, uses_of
from ..port_imports import LeftAlone
from ..port_text import Text
from ..scopes import NamesOfFile
from ..v1_names import V1Name, callback_classes
from .names import RESERVED, learner_names
from .table import NEW_NAMES

__all__ = ["CallbackClass", "MethodPlan", "callback_classes_of", "check_class", "methods_of"]

_BASES = ("Callback", "LearnerCallback")
_SHOWN = ("__init__", "__repr__", "__str__")


@dataclass
class MethodPlan:
    """How an event method becomes one of v2.

    Attributes:
        event: v1's event, without `on_`.
        readings: code in the place of each argument.
        at_end: line and column (in bytes) of the returns after which nothing of the method would run.
        raises: the signals it raises.
    """

    event: str
    readings: dict[str, str] = field(default_factory=dict)
    at_end: set[tuple[int, int]] = field(default_factory=set)
    raises: set[str] = field(default_factory=set)


@dataclass(eq=False)
class CallbackClass:
    """A class that inherits from a callback of v1, and what is found out about it.

    Attributes:
        node: the class.
        names: the names of the file.
        text: its text.
        bases: v1's names that it inherits from, through other classes of the file as well.
        of_file: names of all such classes of the file as attributes of a learner, in v1 and v2.
        has_learner: whether it is a `LearnerCallback`.
        own: names it defines or sets on itself.
        written: those of them it sets on itself.
        order: what it says as `_order`.
        methods: the plans of its event methods.
        reads, writes: pairs of an event and a key it reads or returns there; whether it changes `opt` or
            `model`, if it touches them, is not known.
        outlasts: whether the file adds it to a learner, so that it is there after a fit.
        calls: line and column (in bytes) of its name where it is called with a learner that is to go.
        why_not: what keeps it from being rewritten.
    """

    node: ast.ClassDef
    names: NamesOfFile
    text: Text
    bases: list[V1Name]
    of_file: frozenset[str]
    has_learner: bool = False
    own: set[str] = field(default_factory=set)
    written: set[str] = field(default_factory=set)
    order: int = 0
    methods: dict[str, MethodPlan] = field(default_factory=dict)
    reads: set[tuple[str, str]] = field(default_factory=set)
    writes: set[tuple[str, str]] = field(default_factory=set)
    outlasts: bool = False
    calls: set[tuple[int, int]] = field(default_factory=set)
    why_not: list[LeftAlone] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Its name."""
        return self.node.name

    @property
    def signals(self) -> set[tuple[str, str]]:
        """Pairs of an event and the signal raised there."""
        return {(plan.event, signal) for plan in self.methods.values() for signal in plan.raises}

    def refuse(self, node: ast.AST, reason: str) -> None:
        """Note what keeps it from being rewritten."""
        self.why_not.append(LeftAlone(getattr(node, "lineno", self.node.lineno), f"{self.name}: {reason}"))


def callback_classes_of(names: NamesOfFile, text: Text) -> tuple[list[CallbackClass], list[Use]]:
    """The classes of the file that are callbacks of v1, with the file's uses of v1 names."""
    uses = uses_of(names)
    inherited = inherited_names(names, uses)
    direct = {use.node: use.name.name for use in uses if use.how == "subclass"}
    callbacks = [cls for cls in names.classes if any(b.name in callback_classes() for b in inherited[cls])]
    of_file = frozenset(name for cls in callbacks for name in _names_on_learner(cls.name))
    found = []
    for node in callbacks:
        cls = CallbackClass(node, names, text, inherited[node], of_file)
        cls.has_learner = bool(node.bases) and direct.get(node.bases[0]) == "LearnerCallback"
        cls.written = _written(node)
        defined = {name for statement in node.body for name in _defined(statement)}
        cls.own = cls.written | defined
        found.append(cls)
    return found, uses


def methods_of(cls: CallbackClass) -> list[Method]:
    """The functions in its body."""
    return [node for node in cls.node.body if isinstance(node, Method)]


def _names_on_learner(name: str) -> set[str]:
    """Where v1 and v2 put an instance on the learner."""
    return {camel2snake(name), camel2snake(name.removesuffix("Callback") or "callback")}


def _written(node: ast.ClassDef) -> set[str]:
    stores = (n for n in ast.walk(node) if isinstance(n, ast.Attribute) and not isinstance(n.ctx, ast.Load))
    return {n.attr for n in stores if isinstance(n.value, ast.Name) and n.value.id == "self"}


def _defined(statement: ast.stmt) -> Iterator[str]:
    if isinstance(statement, (Method, ast.ClassDef)):
        yield statement.name
    elif isinstance(statement, (ast.Assign, ast.AnnAssign)):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        yield from (target.id for target in targets if isinstance(target, ast.Name))


# --- the class as a whole -----------------------------------------------------------------------------------


def check_class(cls: CallbackClass, uses: list[Use]) -> None:
    """Refuse a class whose place, bases, names or body are not certain to be the same in v2."""
    _check_place(cls)
    _check_bases(cls, uses)
    for name in _names_on_learner(cls.name) & (learner_names() | cls.own):
        cls.refuse(cls.node, f"in v2 it would stand on the learner as `{name}`, which is taken")
    for statement in cls.node.body:
        _check_statement(cls, statement)
    methods = [method.name for method in methods_of(cls)]
    if len(set(methods)) < len(methods):
        cls.refuse(cls.node, "it defines a method twice")


def _check_place(cls: CallbackClass) -> None:
    if not isinstance(cls.names.parents.get(cls.node), ast.Module):
        cls.refuse(cls.node, "it is not defined at the top of the file")
    if cls.names.top.bound.get(cls.name) != [cls.node]:
        cls.refuse(cls.node, "its name is bound more than once")
    if cls.node.decorator_list:
        cls.refuse(cls.node, "it has a decorator")


def _check_bases(cls: CallbackClass, uses: list[Use]) -> None:
    node, direct = cls.node, {use.node: use.name.name for use in uses if use.how == "subclass"}
    if len(node.bases) != 1 or node.keywords:
        cls.refuse(node, "it has more than one base, or arguments beside it")
    elif direct.get(node.bases[0]) not in _BASES:
        cls.refuse(node, "its base is neither `Callback` nor `LearnerCallback` itself")
    elif _may_be_hidden(cls, node.bases[0]):
        cls.refuse(node, "a star import of another package may bring another class under its base's name")
    for other in cls.names.classes:
        if any(isinstance(base, ast.Name) and base.id == cls.name for base in other.bases):
            cls.refuse(node, f"`{other.name}` inherits from it")


def _may_be_hidden(cls: CallbackClass, base: ast.expr) -> bool:
    by_star = isinstance(base, ast.Name) and cls.names.top.look_up(base.id) is None
    return by_star and len(stars_of_v1(cls.names)) < len(cls.names.stars)


def _check_statement(cls: CallbackClass, statement: ast.stmt) -> None:
    """See that a statement of the body defines what means the same in v2."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return
    if isinstance(statement, ast.Pass):
        return
    names = list(_defined(statement))
    if not names or isinstance(statement, ast.ClassDef) or _targets(statement) != len(names):
        cls.refuse(statement, "its body has more than methods and names with a value")
    for name in names:
        _check_name(cls, statement, name)


def _targets(statement: ast.stmt) -> int:
    return len(statement.targets) if isinstance(statement, ast.Assign) else 1


def _check_name(cls: CallbackClass, statement: ast.stmt, name: str) -> None:
    is_method = isinstance(statement, Method)
    if name == "_order" and not is_method:
        _check_order(cls, statement)
    elif name in RESERVED:
        cls.refuse(statement, f"`{name}` means something else in v2, or nothing")
    elif name.startswith("__") and name.endswith("__") and name not in _SHOWN:
        cls.refuse(statement, f"it defines `{name}`")
    elif name.startswith("on_") and not is_method and name[3:] in (*NEW_NAMES, "train_end"):
        cls.refuse(statement, f"`{name}` is not defined as a method")


def _check_order(cls: CallbackClass, statement: ast.stmt) -> None:
    value = getattr(statement, "value", None)
    if isinstance(value, ast.Constant) and type(value.value) is int and value.value >= 0:
        cls.order = value.value
    else:
        cls.refuse(statement, "its `_order` is no plain number of 0 or more; v1's recorder comes first in v2")
