"""Training without table and bars for a while."""

from __future__ import annotations

from types import TracebackType
from typing import Any

__all__ = ["progress_disabled_ctx"]


class progress_disabled_ctx:
    """Context manager in whose block a learner writes no table and shows no bars.

    The learner's callbacks are left alone: a recorder of one's own stays, and none is added.

    Args:
        learn: the learner.
    """

    def __init__(self, learn: Any) -> None:
        self.learn = learn

    def __enter__(self) -> Any:
        """Silence the learner and return it."""
        self._before = self.learn.silent
        self.learn.silent = True
        return self.learn

    def __exit__(
        self, type: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let it speak as before."""
        self.learn.silent = self._before
