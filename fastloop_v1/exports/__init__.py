"""A learner as a folder without a pickle: tensors by name, and objects described in JSON."""

from __future__ import annotations

__all__: list[str] = []
