"""The classes of a plan written as v2 callbacks; what is not changed keeps its layout and its comments."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .classes import CallbackClass, MethodPlan
from .learner import learner_argument
from .plan import V2Plan
from .statements import Statements
from .table import LAST_ORDER, NEW_NAMES

if TYPE_CHECKING:
    import libcst

__all__ = ["as_v2"]

_ORDER_LINE = f"order = {LAST_ORDER}  # its signal ends the event for those after it\n"


def as_v2(cst: Any, module: libcst.Module, plan: V2Plan) -> libcst.Module:
    """The module with the classes of the plan rewritten.

    Args:
        cst: libcst.
        module: the module.
        plan: what to do.
    """
    lines = list(io.StringIO(module.code, newline=None))
    wrapper = cst.metadata.MetadataWrapper(module, unsafe_skip_copy=True)
    found = wrapper.resolve(cst.metadata.PositionProvider)
    starts = {node: (at.start.line, _in_bytes(lines, at.start)) for node, at in found.items()}
    rewriter = _Rewriter(cst, starts)
    body: list[Any] = []
    for statement in module.body:
        cls = plan.classes.get(statement.name.value) if isinstance(statement, cst.ClassDef) else None
        body.append(statement if cls is None else rewriter.of_class(statement, cls))
    if plan.import_after is not None:
        body.insert(plan.import_after, cst.parse_statement("from fastloop_v1 import v2"))
    changed: libcst.Module = module.with_changes(body=body)
    calls = {place for cls in plan.classes.values() for place in cls.calls}
    return changed if not calls else _without_learners(cst, changed, starts, calls)


def _in_bytes(lines: Sequence[str], at: Any) -> int:
    return len(lines[at.line - 1][: at.column].encode()) if at.line <= len(lines) else 0


def _without_learners(cst: Any, module: Any, starts: dict[Any, Any], calls: set[tuple[int, int]]) -> Any:
    """Take the learner out of calls of the classes."""

    class Transformer(cst.CSTTransformer):  # type: ignore[misc]
        def leave_Call(self, original_node: Any, updated_node: Any) -> Any:
            if starts.get(original_node.func) not in calls:
                return updated_node
            return _without_first(cst, updated_node)

    return module.visit(Transformer())


def _without_first(cst: Any, call: Any) -> Any:
    args = list(call.args[1:])
    if args:
        return call.with_changes(args=args)
    return call.with_changes(args=args, whitespace_before_args=cst.SimpleWhitespace(""))


class _Rewriter:
    """Rewrites classes and methods.

    Args:
        cst: libcst.
        starts: line and column, in bytes, of each node.
    """

    def __init__(self, cst: Any, starts: dict[Any, tuple[int, int]]) -> None:
        self.cst, self.statements = cst, Statements(cst, starts)

    # --- classes --------------------------------------------------------------------------------------------

    def of_class(self, node: Any, cls: CallbackClass) -> Any:
        """A class as a v2 callback."""
        base = node.bases[0].with_changes(value=self.cst.parse_expression("v2.Callback"))
        body = node.body
        if isinstance(body, self.cst.IndentedBlock):
            statements = [self._of_statement(statement, cls) for statement in body.body]
            if cls.signals:
                statements = self._with_order(statements, self._after_docstring(body))
            body = body.with_changes(body=statements)
        return node.with_changes(bases=[base], body=body)

    def _with_order(self, statements: list[Any], at: int) -> list[Any]:
        """The statements with one that puts the callback last, and an empty line between it and a method."""
        order, after = self.cst.parse_statement(_ORDER_LINE), statements[at]
        if isinstance(after, self.cst.FunctionDef) and not after.leading_lines:
            after = after.with_changes(leading_lines=[self.cst.EmptyLine(indent=False)])
        return [*statements[:at], order, after, *statements[at + 1 :]]

    def _after_docstring(self, body: Any) -> int:
        first = body.body[0]
        inside = first.body[0] if isinstance(first, self.cst.SimpleStatementLine) else None
        value = inside.value if isinstance(inside, self.cst.Expr) else None
        return int(isinstance(value, (self.cst.SimpleString, self.cst.ConcatenatedString)))

    def _of_statement(self, node: Any, cls: CallbackClass) -> Any:
        if isinstance(node, self.cst.FunctionDef):
            name = node.name.value
            if name in cls.methods:
                return self._of_method(node, cls.methods[name])
            return self._of_constructor(node) if name == "__init__" and learner_argument(cls) else node
        if isinstance(node, self.cst.SimpleStatementLine):
            return node.with_changes(body=[self._of_order(small) for small in node.body])
        return node

    def _of_order(self, node: Any) -> Any:
        """`_order` is `order` in v2."""
        targets: list[Any] = [*node.targets] if isinstance(node, self.cst.Assign) else []
        if [getattr(target.target, "value", None) for target in targets] != ["_order"]:
            return node
        target = targets[0].with_changes(target=targets[0].target.with_changes(value="order"))
        return node.with_changes(targets=[target])

    def _of_constructor(self, node: Any) -> Any:
        """A constructor that takes no learner."""
        cst: Any = self.cst
        of = node.params
        kept = [of.params[0], *of.params[2:]]
        if len(kept) == 1 and not (of.kwonly_params or of.star_kwarg or isinstance(of.star_arg, cst.Param)):
            kept = [kept[0].with_changes(comma=cst.MaybeSentinel.DEFAULT)]

        body = node.body.visit(_constructor_transformer(cst))
        return node.with_changes(params=of.with_changes(params=kept), body=body)

    # --- methods --------------------------------------------------------------------------------------------

    def _of_method(self, node: Any, plan: MethodPlan) -> Any:
        """An event method under its name in v2, without arguments."""
        cst = self.cst
        self_only = cst.Parameters(params=[cst.Param(name=cst.Name("self"))])
        returns = node.returns and node.returns.with_changes(annotation=cst.Name("None"))
        return node.with_changes(
            name=cst.Name(NEW_NAMES[plan.event]),
            params=self_only,
            returns=returns,
            whitespace_before_params=cst.SimpleWhitespace(""),
            body=node.body.visit(_method_transformer(self.cst, self.statements, plan)),
        )


# --- inside of methods --------------------------------------------------------------------------------------


def _constructor_transformer(cst: Any) -> Any:
    """What takes the learner out of the call of the base's constructor."""

    class Transformer(cst.CSTTransformer):  # type: ignore[misc]
        def leave_Call(self, original_node: Any, updated_node: Any) -> Any:
            function = original_node.func
            is_super = isinstance(function, cst.Attribute) and isinstance(function.value, cst.Call)
            if not is_super or getattr(function.value.func, "value", None) != "super":
                return updated_node
            return _without_first(cst, updated_node)

    return Transformer()


def _method_transformer(cst: Any, statements: Statements, plan: MethodPlan) -> Any:
    """What rewrites the body of an event method."""

    class Transformer(cst.CSTTransformer):  # type: ignore[misc]
        def visit_FunctionDef(self, node: Any) -> bool:
            return False  # nothing inside of it is the method's own

        def leave_Name(self, original_node: Any, updated_node: Any) -> Any:
            code = plan.readings.get(original_node.value)
            return updated_node if code is None else _expression(cst, code, updated_node)

        def leave_Attribute(self, original_node: Any, updated_node: Any) -> Any:
            node = updated_node.with_changes(attr=original_node.attr)
            return _plain_attribute(cst, original_node, node)

        def leave_Arg(self, original_node: Any, updated_node: Any) -> Any:
            value = _inside(cst, original_node.value, updated_node.value)
            return updated_node.with_changes(keyword=original_node.keyword, value=value)

        def leave_Element(self, original_node: Any, updated_node: Any) -> Any:
            return updated_node.with_changes(value=_inside(cst, original_node.value, updated_node.value))

        def leave_BinaryOperation(self, original_node: Any, updated_node: Any) -> Any:
            return _simplified(cst, updated_node)

        def leave_SimpleStatementLine(self, original_node: Any, updated_node: Any) -> Any:
            return statements.line(plan, original_node, updated_node)

        def leave_SimpleStatementSuite(self, original_node: Any, updated_node: Any) -> Any:
            return statements.suite(plan, original_node, updated_node)

    return Transformer()


def _expression(cst: Any, code: str, node: Any) -> Any:
    """What to read in the place of a name, inside of the parentheses that are there."""
    new = cst.parse_expression(code)
    return new.with_changes(lpar=[*node.lpar, *new.lpar], rpar=[*new.rpar, *node.rpar])


def _inside(cst: Any, original: Any, new: Any) -> Any:
    """A value between brackets or commas, which needs no parentheses that came with what a name became."""
    if isinstance(original, cst.Name) and isinstance(new, cst.BinaryOperation):
        return new.with_changes(lpar=new.lpar[:-1], rpar=new.rpar[1:])
    return new


def _simplified(cst: Any, node: Any) -> Any:
    """`(self.train_iter - 1) + 1` is `self.train_iter`."""
    if node.deep_equals(
        cst.parse_expression("(self.train_iter - 1) + 1").with_changes(lpar=node.lpar, rpar=node.rpar)
    ):
        return cst.parse_expression("self.train_iter").with_changes(lpar=node.lpar, rpar=node.rpar)
    return node


def _plain_attribute(cst: Any, original: Any, node: Any) -> Any:
    """`self.recorder` is v2's, `self.learn.recorder` v1's; `x.detach().cpu().item()` is `x.item()`."""
    of_self = isinstance(original.value, cst.Name) and original.value.value == "self"
    if of_self and original.attr.value == "recorder":
        return node.with_changes(value=cst.parse_expression("self.learn"))
    long = cst.parse_expression("self.loss_grad.detach().cpu()")
    if original.attr.value == "item" and node.value.deep_equals(long):
        return node.with_changes(value=cst.parse_expression("self.loss_grad"))
    return node
