"""The event methods of a v1 callback class, and whether each argument is certain to be had in v2."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from ...events import readable_keys
from ..callback_protocol import Method, event_methods
from ..scopes import Scope
from .classes import CallbackClass, MethodPlan
from .returns import plan_returns
from .table import NEW_NAMES, READINGS
from .tensors import is_in_training, shows_one_tensor, takes_apart

__all__ = ["plan_methods"]

_CONSUMING = frozenset({"all", "any", "dict", "list", "max", "min", "set", "sorted", "sum", "tuple"})
# Arguments that hold what callbacks change, as far as the order of callbacks matters.
_FLOWING = ("last_input", "last_target", "last_output", "last_loss")


def plan_methods(cls: CallbackClass) -> None:
    """Plan each event method of a class, or refuse the class."""
    for event, method in event_methods(cls.node):
        if event == "train_end":
            cls.refuse(method, "on_train_end is called after an error too, v2's after_fit is not")
            continue
        plan = cls.methods[method.name] = MethodPlan(event)
        _check_form(cls, method)
        for name in sorted(_arguments(method)):
            _plan_argument(cls, method, plan, name)
        plan_returns(cls, method, plan)


def _check_form(cls: CallbackClass, method: Method) -> None:
    """See that it is a plain method that takes the state as v1 gives it."""
    of, name = method.args, method.name
    if method.decorator_list or isinstance(method, ast.AsyncFunctionDef):
        cls.refuse(method, f"{name} is no plain method")
    if of.posonlyargs or not of.args or of.args[0].arg != "self" or of.kwarg is None:
        cls.refuse(method, f"{name} does not take `self` and, at last, the rest of the state as `**kwargs`")
    rest = [argument.arg for argument in (of.vararg, of.kwarg) if argument is not None]
    for node in ast.walk(method):
        if isinstance(node, ast.Name) and node.id in rest:
            cls.refuse(node, f"{name} uses `{node.id}`, the rest of the state")
        elif isinstance(node, (ast.Yield, ast.YieldFrom, ast.Await)):
            cls.refuse(node, f"{name} is no plain method")
        elif isinstance(node, (ast.Raise, ast.Assert)):
            cls.refuse(node, f"{name} raises an error, which gets another message in v2")
    for default in (*of.defaults, *filter(None, of.kw_defaults)):
        if not isinstance(default, ast.Constant):
            cls.refuse(default, f"{name} has a default that is no plain value")


def _arguments(method: Method) -> set[str]:
    of = method.args
    return {argument.arg for argument in (*of.args[1:], *of.kwonlyargs)}


def _plan_argument(cls: CallbackClass, method: Method, plan: MethodPlan, name: str) -> None:
    """Find what an argument is in v2, if the method uses it."""
    event = plan.event
    uses = [node for node in ast.walk(method) if isinstance(node, ast.Name) and node.id == name]
    if name not in readable_keys(event):
        cls.refuse(method, f"{method.name} takes `{name}`, which is not in the state there")
        return
    if not uses and not _is_bound_inside(cls, method, name):
        return
    reading = READINGS[event].get(name)
    if reading is None:
        cls.refuse(uses[0] if uses else method, f"`{name}` in {method.name} has no certain counterpart in v2")
        return
    if reading.alone:
        _check_alone(cls, method, name, uses)
    for node in uses:
        if reading.in_training and not is_in_training(cls.names, method, node):
            where = f"in {NEW_NAMES[event]}, and it is not under an `if train`"
            cls.refuse(node, f"`{name}` in {method.name} is another number in validation {where}")
    _check_uses(cls, method, name, uses)
    plan.readings[name] = reading.code
    if name in _FLOWING:
        cls.reads.add((event, name))


def _check_alone(cls: CallbackClass, method: Method, name: str, uses: list[ast.Name]) -> None:
    parents = cls.names.parents
    if any(takes_apart(parents, node) for node in uses):
        cls.refuse(uses[0], f"{method.name} asks what kind of thing `{name}` is")
    elif not any(shows_one_tensor(parents, node) for node in uses):
        text = (
            f"`{name}` may be a list of several in v1, which is a tuple in v2, and nothing in {method.name}"
        )
        cls.refuse(uses[0], f"{text} shows that it is one tensor")


def _check_uses(cls: CallbackClass, method: Method, name: str, uses: list[ast.Name]) -> None:
    """See that the argument is only read, and at once."""
    if _is_bound_inside(cls, method, name) or not all(isinstance(node.ctx, ast.Load) for node in uses):
        cls.refuse(method, f"{method.name} gives `{name}` another value")
    for node in uses:
        if _is_read_later(cls, method, node):
            cls.refuse(node, f"{method.name} uses `{name}` in a function inside of it, or a generator")
        elif _is_shown_with_its_name(cls, node):
            cls.refuse(node, f"{method.name} shows `{name}` with its name, in `{{...=}}`")


def _scopes_inside(cls: CallbackClass, method: Method) -> Iterator[Scope]:
    scopes = cls.names.scopes
    return (scopes[node] for node in ast.walk(method) if node in scopes and node is not method)


def _is_bound_inside(cls: CallbackClass, method: Method, name: str) -> bool:
    """Whether the method, or a function or comprehension in it, binds the name beside the argument."""
    again = len(cls.names.scopes[method].bound.get(name, ())) > 1
    return again or any(name in scope.bound for scope in _scopes_inside(cls, method))


def _is_read_later(cls: CallbackClass, method: Method, node: ast.AST) -> bool:
    for around in cls.names.around(node):
        if around is method:
            return False
        if isinstance(around, (Method, ast.Lambda, ast.ClassDef)):
            return True
        if isinstance(around, ast.GeneratorExp) and not _is_consumed(cls.names.parents.get(around)):
            return True
    return False


def _is_consumed(node: ast.AST | None) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _CONSUMING


def _is_shown_with_its_name(cls: CallbackClass, node: ast.AST) -> bool:
    """Whether it stands in an `{...=}` of a formatted string."""
    for around in cls.names.around(node):
        text = cls.names.parents.get(around)
        if isinstance(around, ast.FormattedValue) and isinstance(text, ast.JoinedStr):
            at = text.values.index(around)
            before = text.values[at - 1] if at else None
            said = str(before.value) if isinstance(before, ast.Constant) else ""
            shown = ast.unparse(around.value) + "="
            return said.replace(" ", "").endswith(shown.replace(" ", ""))
    return False
