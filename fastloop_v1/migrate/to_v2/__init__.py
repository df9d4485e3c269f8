"""v1 callbacks of a file as v2 callbacks: which can be rewritten with certainty, and how."""

from __future__ import annotations

__all__: list[str] = []
