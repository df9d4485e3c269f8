"""What the event methods of a v1 callback class return, and whether v2 can do it by assignment or signal."""

from __future__ import annotations

import ast

from ..callback_protocol import Method, is_bare, returns_of
from .classes import CallbackClass, MethodPlan
from .table import ASSIGNED, READINGS, SIGNALS
from .tensors import is_in_training, is_one_tensor

__all__ = ["plan_returns", "returned_keys"]


def returned_keys(value: ast.expr | None) -> list[str] | None:
    """The keys of a returned dict, None if they are not known; no value, or None, has no keys."""
    if isinstance(value, ast.IfExp):
        first, second = returned_keys(value.body), returned_keys(value.orelse)
        return None if first is None or second is None else [*first, *second]
    if value is None or (isinstance(value, ast.Constant) and value.value is None):
        return []
    if not isinstance(value, ast.Dict):
        return None
    keys = [key.value for key in value.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]
    return keys if len(keys) == len(value.keys) else None


def plan_returns(cls: CallbackClass, method: Method, plan: MethodPlan) -> None:
    """Plan the returns of a method, or refuse the class."""
    for node in returns_of(method):
        if _is_at_end(cls, method, node):
            plan.at_end.add((node.lineno, node.col_offset))
        if not _is_last(cls, node):
            cls.refuse(node, f"{method.name} has code after a return")
        if returned_keys(node.value):
            _plan_dict(cls, method, plan, node)
        elif node.value is not None and returned_keys(node.value) is None:
            bare = is_bare(plan.event, method, node.value)
            what = (
                "a bare value, which `fastloop-v1 port` makes a dict of" if bare else "no dict written there"
            )
            cls.refuse(node, f"{method.name} returns {what}")


def _plan_dict(cls: CallbackClass, method: Method, plan: MethodPlan, node: ast.Return) -> None:
    conditional = isinstance(node.value, ast.IfExp)
    value = node.value.body if isinstance(node.value, ast.IfExp) else node.value
    if not isinstance(value, ast.Dict) or (conditional and returned_keys(node.value.orelse)):  # type: ignore[union-attr]
        cls.refuse(node, f"{method.name} returns one of several dicts")
        return
    pairs = list(zip(returned_keys(value) or (), value.values, strict=True))
    raised = [key for key, _ in pairs if key in SIGNALS.get(plan.event, ())]
    for key, said in pairs:
        if key in raised:
            _plan_signal(cls, method, plan, node, key, said)
        elif key in ASSIGNED.get(plan.event, ()):
            _plan_assignment(cls, method, plan, key, said)
        else:
            cls.refuse(node, f"`{key}` returned by {method.name} has no certain counterpart in v2")
    if raised and len(pairs) > 1:
        cls.refuse(
            node, f"`{raised[0]}` is a signal in v2, after which nothing else that is said there counts"
        )
    if len({key for key, _ in pairs}) < len(pairs):
        cls.refuse(node, f"{method.name} returns a key twice")
    needs_block = conditional or any(
        not isinstance(said, ast.Constant) for key, said in pairs if key in raised
    )
    if needs_block and not cls.text.begins_line((node.lineno, node.col_offset)):
        cls.refuse(node, f"{method.name} returns on a line with other code what would become a block")


def _plan_assignment(cls: CallbackClass, method: Method, plan: MethodPlan, key: str, said: ast.expr) -> None:
    plan_key = READINGS[plan.event][key]
    known = frozenset(name for name, code in plan.readings.items() if code in ("self.x", "self.y"))
    if plan_key.alone and not is_one_tensor(said, cls.names.scopes[method], known):
        cls.refuse(said, f"`{key}` returned by {method.name} may be something else than one tensor")
    if isinstance(said, (ast.Starred, ast.NamedExpr, ast.Yield)):
        cls.refuse(said, f"{method.name} returns an expression that cannot be assigned as it is")
    cls.writes.add((plan.event, key))


def _plan_signal(
    cls: CallbackClass, method: Method, plan: MethodPlan, node: ast.Return, key: str, said: ast.expr
) -> None:
    if isinstance(said, ast.Constant) and said.value is not True:
        cls.refuse(node, f"`{key}` taken back by {method.name} cannot be taken back in v2")
    if key == "stop_epoch" and not is_in_training(cls.names, method, node):
        text = "`stop_epoch` also stops validation, where v2's signal is an error"
        cls.refuse(node, f"{text}; {method.name} does not return it under an `if train` only")
    for around in cls.names.around(node):
        if around is method:
            break
        if isinstance(around, (ast.Try, ast.With, ast.AsyncWith)):
            cls.refuse(node, f"{method.name} returns `{key}` where the signal of v2 may be caught")
    plan.raises.add(SIGNALS[plan.event][key])
    cls.writes.add((plan.event, key))


def _is_last(cls: CallbackClass, node: ast.AST) -> bool:
    """Whether a statement is the last one of its block."""
    parent = cls.names.parents[node]
    blocks = (getattr(parent, name, None) for name in ("body", "orelse", "finalbody"))
    return any(isinstance(block, list) and block and block[-1] is node for block in blocks)


def _is_at_end(cls: CallbackClass, method: Method, node: ast.AST) -> bool:
    """Whether nothing of the method runs after a statement."""
    inside = node
    for around in cls.names.around(node):
        blocks = [getattr(around, name, None) for name in ("body", "orelse")]
        if not any(isinstance(block, list) and block and block[-1] is inside for block in blocks):
            return False
        if around is method:
            return True
        if not isinstance(around, ast.If):
            return False
        inside = around
    return False
