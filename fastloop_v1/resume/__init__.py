"""Going on with a fit where it ended: what is kept, how it is read again, what is left of the data."""

from __future__ import annotations

__all__: list[str] = []
