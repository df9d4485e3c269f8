"""What the code of a method shows: that a value is a single tensor, that a batch is one of training."""

from __future__ import annotations

import ast
from collections.abc import Mapping

from ..callback_protocol import Method
from ..scopes import NamesOfFile, Scope

__all__ = ["is_in_training", "is_one_tensor", "shows_one_tensor", "takes_apart"]

_Parents = Mapping[ast.AST, ast.AST]
_OF_LISTS = frozenset(dir(list)) | frozenset(dir(tuple))
_NOT_OF_LISTS = (ast.Sub, ast.Div, ast.Pow, ast.MatMult, ast.FloorDiv)
_ASKS = frozenset({"is_dict", "is_listy", "is_tuple", "isinstance", "len", "listify", "type"})
# Functions and methods of torch that take a tensor, and no list, and give one.
_OF_TENSORS = """
abs add add_ clamp clamp_ clone contiguous cpu cuda detach div div_ double empty_like exp exp_ expand fill_
flip float full_like gather half index_select int lerp lerp_ log log_softmax long masked_fill masked_fill_
mean mul mul_ neg new_empty new_full new_ones new_zeros normal_ one_hot ones_like permute pow pow_ rand_like
randn_like relu repeat requires_grad_ reshape roll round scatter scatter_ sigmoid softmax sqrt squeeze sub
sub_ sum t tanh to transpose type_as uniform_ unsqueeze view where zero_ zeros_like
"""
_ONE_TO_ONE = frozenset(_OF_TENSORS.split())
_MADE = frozenset({"bernoulli", "cat", "full", "normal", "ones", "rand", "randn", "stack", "tensor", "zeros"})
_TORCH = ("torch", "F")


def shows_one_tensor(parents: _Parents, node: ast.Name) -> bool:
    """Whether what is done there with a value would fail if it was a list."""
    parent = parents.get(node)
    if isinstance(parent, ast.Attribute):
        return parent.attr not in _OF_LISTS
    if isinstance(parent, ast.BinOp):
        return isinstance(parent.op, _NOT_OF_LISTS) or _is_float(parent.left) or _is_float(parent.right)
    if isinstance(parent, ast.UnaryOp):
        return isinstance(parent.op, ast.USub)
    if isinstance(parent, ast.Subscript):
        return parent.value is node and isinstance(parent.slice, ast.Tuple)
    return isinstance(parent, ast.Call) and _function(parent) in _ONE_TO_ONE and parent.args[:1] == [node]


def _is_float(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, float)


def _function(call: ast.Call) -> str:
    """The function of torch that is called, empty if it is none."""
    function = call.func
    is_torch = isinstance(function, ast.Attribute) and ast.unparse(function.value) in _TORCH
    return function.attr if is_torch and isinstance(function, ast.Attribute) else ""


def takes_apart(parents: _Parents, node: ast.Name) -> bool:
    """Whether the code asks there what kind of thing a value is."""
    parent = parents.get(node)
    return isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name) and parent.func.id in _ASKS


def is_one_tensor(value: ast.expr, scope: Scope, known: frozenset[str]) -> bool:
    """Whether an expression gives a single tensor, and no list or tuple.

    Args:
        value: the expression.
        scope: the method's.
        known: arguments that are single tensors.
    """

    def is_one(node: ast.expr) -> bool:
        return is_one_tensor(node, scope, known)

    if isinstance(value, ast.Name):
        return value.id in known or _is_bound_to_tensors(value.id, scope, known)
    if isinstance(value, ast.BinOp):
        return isinstance(value.op, _NOT_OF_LISTS) or is_one(value.left) or is_one(value.right)
    if isinstance(value, ast.IfExp):
        return is_one(value.body) and is_one(value.orelse)
    if isinstance(value, ast.Subscript):
        return is_one(value.value)
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        of_tensor = value.func.attr in _ONE_TO_ONE and is_one(value.func.value)
        return of_tensor or _function(value) in _ONE_TO_ONE | _MADE
    return isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.USub)


def _is_bound_to_tensors(name: str, scope: Scope, known: frozenset[str]) -> bool:
    """Whether a variable of the method gets nothing but single tensors."""
    values = scope.bound.get(name, [])
    inside = [value for value in values if isinstance(value, ast.expr)]
    others = {other.id for value in inside for other in ast.walk(value) if isinstance(other, ast.Name)}
    if not values or len(inside) < len(values) or name in others - known:
        return False
    without = Scope(scope.kind, scope.outer, {key: by for key, by in scope.bound.items() if key != name})
    return all(is_one_tensor(value, without, known) for value in inside)


# --- training batches ---------------------------------------------------------------------------------------


def is_in_training(names: NamesOfFile, method: Method, node: ast.AST) -> bool:
    """Whether code is only reached in training batches, as `if train` or `if not train: return` says."""
    inside: ast.AST = node
    if "train" not in {argument.arg for argument in (*method.args.args, *method.args.kwonlyargs)}:
        return False
    for around in names.around(node):
        if _asked_before(around, inside) or _left_before(around, inside):
            return True
        if around is method:
            return False
        inside = around
    return False


def _asked_before(around: ast.AST, inside: ast.AST) -> bool:
    """Whether code is the one that runs if a condition says `train`."""
    if isinstance(around, (ast.If, ast.IfExp)):
        body = around.body if isinstance(around.body, list) else [around.body]
        return inside in body and _says_train(around.test)
    if isinstance(around, ast.BoolOp) and isinstance(around.op, ast.And) and inside in around.values:
        return any(_says_train(value) for value in around.values[: around.values.index(inside)])
    return False


def _says_train(test: ast.expr) -> bool:
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        return any(_says_train(value) for value in test.values)
    return isinstance(test, ast.Name) and test.id == "train"


def _left_before(around: ast.AST, inside: ast.AST) -> bool:
    """Whether the statements before one in the same block leave the method in validation."""
    for field in ("body", "orelse", "finalbody"):
        block = getattr(around, field, None)
        if isinstance(block, list) and inside in block:
            return any(_leaves(statement) for statement in block[: block.index(inside)])
    return False


def _leaves(statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.If) or statement.orelse:
        return False
    test = statement.test
    is_not = isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not)
    says = isinstance(test, ast.UnaryOp) and isinstance(test.operand, ast.Name) and test.operand.id == "train"
    return is_not and says and isinstance(statement.body[-1], ast.Return)
