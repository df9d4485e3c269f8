"""What the return statements of a v1 callback become in v2: assignments on the learner, and signals."""

from __future__ import annotations

from typing import Any

from .classes import MethodPlan
from .table import ASSIGNED, SIGNALS

__all__ = ["Statements"]


class Statements:
    """Rewrites lines and suites that end with a return.

    Args:
        cst: libcst.
        starts: line and column, in bytes, of each node.
    """

    def __init__(self, cst: Any, starts: dict[Any, tuple[int, int]]) -> None:
        self.cst, self.starts = cst, starts

    def line(self, plan: MethodPlan, original: Any, node: Any) -> Any:
        """A line with what its return becomes: lines of their own, or a block."""
        new = self._instead(plan, original.body[-1], node.body[-1])
        if new is None:
            return node
        before = [small.with_changes(semicolon=self.cst.MaybeSentinel.DEFAULT) for small in node.body[:-1]]
        lines = [self.cst.SimpleStatementLine(body=[small]) for small in before]
        lines += [self._as_line(part) for part in new]
        lines[0] = lines[0].with_changes(leading_lines=node.leading_lines)
        at = next((n for n, line in enumerate(lines) if n >= len(before)), 0)
        lines[at] = self._with_comment(lines[at], node.trailing_whitespace)
        return self.cst.FlattenSentinel(lines)

    def _as_line(self, part: Any) -> Any:
        return part if isinstance(part, self.cst.If) else self.cst.SimpleStatementLine(body=[part])

    def _with_comment(self, line: Any, trailing: Any) -> Any:
        if isinstance(line, self.cst.If):
            return line.with_changes(body=line.body.with_changes(header=trailing))
        return line.with_changes(trailing_whitespace=trailing)

    def suite(self, plan: MethodPlan, original: Any, node: Any) -> Any:
        """Statements behind a colon with what their return becomes; the plan has no blocks there."""
        new = self._instead(plan, original.body[-1], node.body[-1])
        return node if new is None else node.with_changes(body=[*node.body[:-1], *new])

    def _instead(self, plan: MethodPlan, original: Any, node: Any) -> list[Any] | None:
        """The statements in the place of a return that said something; None where nothing is to change."""
        cst = self.cst
        if not isinstance(node, cst.Return) or node.value is None:
            return None
        test, value = None, node.value
        if isinstance(value, cst.IfExp):
            test, value = value.test, value.body
        if not isinstance(value, cst.Dict) or not value.elements:
            return None
        said = [(element.key.evaluated_value, element.value) for element in value.elements]
        signal = SIGNALS.get(plan.event, {}).get(said[0][0])
        if signal is None:
            new = self._assignment(plan, said)
        else:
            test = test if getattr(said[0][1], "value", None) == "True" else said[0][1]
            new = cst.Raise(exc=cst.parse_expression(f"v2.{signal}"))
        parts = [new if test is None else self._block(test, new)]
        ends = self.starts[original] in plan.at_end or (signal is not None and test is None)
        return parts if ends else [*parts, cst.Return()]

    def _assignment(self, plan: MethodPlan, said: list[tuple[Any, Any]]) -> Any:
        """`self.learn.xb = (value,)`, or several at once."""
        cst = self.cst
        names = [ASSIGNED[plan.event][key] for key, _ in said]
        values = [self._whole(name, value) for name, (_, value) in zip(names, said, strict=True)]
        targets = [cst.parse_expression(f"self.learn.{name}") for name in names]
        if len(names) == 1:
            return cst.Assign(targets=[cst.AssignTarget(target=targets[0])], value=values[0])
        left, right = ([cst.Element(value=part) for part in parts] for parts in (targets, values))
        target = cst.AssignTarget(target=cst.Tuple(elements=left, lpar=[], rpar=[]))
        return cst.Assign(targets=[target], value=cst.Tuple(elements=right, lpar=[], rpar=[]))

    def _whole(self, name: str, value: Any) -> Any:
        """A value that can stand without the braces it stood in, for inputs and targets a tuple of it."""
        cst = self.cst
        if name in ("xb", "yb"):
            comma = cst.Comma(whitespace_after=cst.SimpleWhitespace(""))
            return cst.Tuple(elements=[cst.Element(value=value, comma=comma)])
        return self._closed(value)

    def _closed(self, value: Any) -> Any:
        """A value in parentheses, if it goes over several lines and has none."""
        cst = self.cst
        if value.lpar or "\n" not in cst.Module([]).code_for_node(value):
            return value
        return value.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])

    def _block(self, test: Any, statement: Any) -> Any:
        cst = self.cst
        body = cst.IndentedBlock(body=[cst.SimpleStatementLine(body=[statement])])
        return cst.If(test=self._closed(test), body=body)
