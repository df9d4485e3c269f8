"""Training without table and bars for a while."""

from __future__ import annotations

from functools import partial
from types import TracebackType
from typing import Any

from ..recorder import Recorder

__all__ = ["progress_disabled_ctx"]


class progress_disabled_ctx:  # noqa: N801  (v1's name)
    """Context manager in whose block a learner writes no table and shows no bars.

    Args:
        learn: the learner.
    """

    def __init__(self, learn: Any) -> None:
        self.learn = learn

    def __enter__(self) -> Any:
        """Silence the learner and return it."""
        self._before = self.learn.silent, self.learn.callback_fns
        recorder = partial(Recorder, add_time=self.learn.add_time, silent=True)
        self.learn.silent = True
        self.learn.callback_fns = [recorder, *self.learn.callback_fns[1:]]
        return self.learn

    def __exit__(
        self, type: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Let it speak as before."""
        self.learn.silent, self.learn.callback_fns = self._before
