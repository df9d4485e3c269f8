"""What a callback class does with itself and its learner, and whether that is the same in v2."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ...events import EVENTS
from ..callback_protocol import Method
from .classes import CallbackClass, methods_of
from .names import RESERVED, STEERING, learner_names, v2_names

__all__ = ["check_attributes", "check_constructor", "learner_argument"]

_ASKING = frozenset({"locals", "vars", "eval", "exec", "dir", "__class__"})


def check_attributes(cls: CallbackClass) -> None:
    """Refuse a class that does something with itself or its learner that may not be the same in v2."""
    for method in methods_of(cls):
        for node in ast.walk(method):
            if isinstance(node, ast.Name):
                _check_name(cls, method, node)
            elif isinstance(node, ast.Attribute) and node.attr == "grad" and _event(method):
                cls.writes.add((_event(method), "model"))


def _event(method: Method) -> str:
    """The event it answers, empty if none."""
    return method.name[3:] if method.name.startswith("on_") and method.name[3:] in EVENTS else ""


def _check_name(cls: CallbackClass, method: Method, node: ast.Name) -> None:
    parent = cls.names.parents.get(node)
    if node.id in _ASKING:
        cls.refuse(node, f"{method.name} uses `{node.id}`")
    elif node.id == "super" and method.name != "__init__":
        cls.refuse(node, f"{method.name} calls `super()`")
    elif node.id == "self" and isinstance(parent, ast.Attribute):
        _check_attribute(cls, method, parent)
    elif node.id == "self" and not _is_of_super(parent):
        cls.refuse(node, f"{method.name} hands `self` on")


def _is_of_super(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"


def _check_attribute(cls: CallbackClass, method: Method, node: ast.Attribute) -> None:
    name = node.attr
    if name == "learn" and cls.has_learner:
        _check_learn(cls, method, node)
    elif name == "learn":
        cls.refuse(node, "`self.learn` of a `Callback` is its own; every v2 callback has one")
    elif name in RESERVED or name[:3] == "on_" or (name[:2] == "__" and name[-2:] == "__"):
        cls.refuse(node, f"`self.{name}` means something else in v2, or nothing")
    elif name in cls.own and name in learner_names() | cls.of_file:
        cls.refuse(node, f"`self.{name}` would hide the learner's `{name}` in v2")
    elif name not in cls.own and cls.has_learner:
        _check_of_learner(cls, method, node, name)
    elif name not in cls.own:
        cls.refuse(node, f"`self.{name}` is not set in the class")


def _check_learn(cls: CallbackClass, method: Method, node: ast.Attribute) -> None:
    parent = cls.names.parents.get(node)
    if not isinstance(node.ctx, ast.Load):
        cls.refuse(node, "it sets `self.learn`")
    elif isinstance(parent, ast.Attribute):
        _check_of_learner(cls, method, parent, parent.attr)
    else:
        cls.refuse(node, f"{method.name} hands `self.learn` on")


def _check_of_learner(cls: CallbackClass, method: Method, node: ast.Attribute, name: str) -> None:
    """See that an attribute of the learner is the same in v2, where there is a learner."""
    event = _event(method)
    if not event or _is_inside_function(cls, method, node):
        cls.refuse(
            node, f"{method.name} may read the learner's `{name}` outside of an event, when v2 has none"
        )
    elif name in v2_names() | cls.of_file or name == "dl":
        cls.refuse(node, f"the learner's `{name}` is something else where v2 callbacks take part")
    elif name in STEERING:
        cls.refuse(node, f"{method.name} reads the learner's `{name}`, which has to do with the loop itself")
    elif name == "opt":
        cls.writes.add((event, "opt"))
    elif name in ("model", "layer_groups"):
        cls.writes.add((event, "model"))


def _is_inside_function(cls: CallbackClass, method: Method, node: ast.AST) -> bool:
    """Whether it is in a function inside of the method, which may be called later."""
    for around in cls.names.around(node):
        if around is method:
            return False
        if isinstance(around, (Method, ast.Lambda, ast.ClassDef)):
            return True
    return False


# --- the constructor ----------------------------------------------------------------------------------------


def learner_argument(cls: CallbackClass) -> ast.arg | None:
    """The argument of the constructor that a learner callback takes its learner as; None if it has none."""
    init = next((method for method in methods_of(cls) if method.name == "__init__"), None)
    if init is None or not cls.has_learner:
        return None
    return init.args.args[1] if len(init.args.args) > 1 else None


def check_constructor(cls: CallbackClass) -> None:
    """Refuse a constructor that does more with its base or its learner than to hand the one to the other."""
    init = next((method for method in methods_of(cls) if method.name == "__init__"), None)
    if init is None:
        return
    if init.decorator_list or init.args.posonlyargs or not isinstance(init, ast.FunctionDef):
        cls.refuse(init, "its `__init__` has a decorator or arguments by position only")
    calls = list(_calls_of_super(init))
    good = [call for call in calls if _is_plain(cls, init, call)]
    supers = [n for n in ast.walk(init) if isinstance(n, ast.Name) and n.id == "super"]
    if len(good) != len(supers) or (cls.has_learner and len(good) != 1):
        expected = "super().__init__(learn)" if cls.has_learner else "super().__init__()"
        cls.refuse(init, f"its `__init__` does not simply call `{expected}`")
    if cls.has_learner:
        _check_learner_argument(cls, init)


def _check_learner_argument(cls: CallbackClass, init: Method) -> None:
    argument, of = learner_argument(cls), init.args
    if argument is None or len(of.defaults) > len(of.args) - 2:
        cls.refuse(init, "its `__init__` does not take the learner as its first argument, without a default")
        return
    uses = [node for node in ast.walk(init) if isinstance(node, ast.Name) and node.id == argument.arg]
    if len(uses) != 1:
        cls.refuse(init, f"its `__init__` uses `{argument.arg}`, which v2 does not give it")


def _calls_of_super(init: Method) -> Iterator[ast.Call]:
    """Calls of `super().__init__`, each a statement of the constructor's own."""
    for statement in init.body:
        call = statement.value if isinstance(statement, ast.Expr) else None
        function = call.func if isinstance(call, ast.Call) else None
        if (
            isinstance(function, ast.Attribute)
            and function.attr == "__init__"
            and _is_of_super(function.value)
        ):
            yield call  # type: ignore[misc]


def _is_plain(cls: CallbackClass, init: Method, call: ast.Call) -> bool:
    """Whether a call of the base's constructor hands on the learner, if there is one, and nothing else."""
    assert isinstance(call.func, ast.Attribute)
    of_super = call.func.value
    named = [ast.unparse(argument) for argument in getattr(of_super, "args", ())]
    argument = learner_argument(cls)
    given = [ast.unparse(node) for node in call.args]
    wanted = [argument.arg] if argument is not None else []
    return given == wanted and not call.keywords and named in ([], [cls.name, "self"])
