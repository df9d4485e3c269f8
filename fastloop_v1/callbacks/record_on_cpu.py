"""A callback that keeps the last batch."""

from __future__ import annotations

from typing import Any

from ..callback import Callback
from ..nested import to_detach

__all__ = ["RecordOnCPU"]


class RecordOnCPU(Callback):
    """Keeps the last batch's input and target on the CPU, as `input` and `target`."""

    def on_batch_begin(self, last_input: Any, last_target: Any, **kwargs: Any) -> None:
        """Copy them."""
        self.input, self.target = to_detach(last_input), to_detach(last_target)
