"""v1's names for tools around training; the folder holds no others and gets no others."""

from __future__ import annotations

__all__: list[str] = []
