"""Files of v1 and of torch read without running anything that stands in them."""

from __future__ import annotations

__all__: list[str] = []
