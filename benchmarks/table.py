"""Tables as text, for a terminal and in Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Table"]


@dataclass(frozen=True)
class Table:
    """A table; all columns but the first are numbers and stand to the right.

    Args:
        title: a line above it.
        head: titles of the columns.
        rows: cells as they are shown, as many in each row as there are columns.
    """

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]

    def plain(self) -> str:
        """Return it with columns padded by spaces."""
        lines = [self.head, ["-" * width for width in self._widths()], *self.rows]
        return "\n".join([self.title, *("  ".join(self._padded(line)).rstrip() for line in lines)])

    def markdown(self) -> str:
        """Return it in Markdown, padded as well."""
        widths = self._widths()
        rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
        lines = [self.head, rule, *self.rows]
        shown = [self._between_bars(line) for line in lines]
        return "\n".join([f"**{self.title}**", "", *shown])

    def _widths(self) -> list[int]:
        return [max(map(len, column)) for column in zip(self.head, *self.rows, strict=True)]

    def _padded(self, cells: Sequence[str]) -> list[str]:
        pairs = list(zip(cells, self._widths(), strict=True))
        return [cell.rjust(width) if at else cell.ljust(width) for at, (cell, width) in enumerate(pairs)]

    def _between_bars(self, cells: Sequence[str]) -> str:
        return "| " + " | ".join(self._padded(cells)) + " |"
