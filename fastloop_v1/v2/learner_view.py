"""What a v2 callback reads on its learner and v1's learner calls something else."""

from __future__ import annotations

import weakref
from typing import Any

from ..defaults import defaults
from .learner_blocks import LearnerBlocks
from .recorder_view import Recorder
from .table_rows import TableRows

__all__ = ["LearnerView"]


class LearnerView(LearnerBlocks):
    """Holds and computes attributes of fastai v2's learner that are no plain attributes of ours.

    On a callback `recorder` and `dl`, the loader in use, are these; on our learner they are v1's recorder
    and v1's method.

    Args:
        learn: the learner; not kept alive by this.
    """

    create_mbar = True
    moms = (0.95, 0.85, 0.95)

    def __init__(self, learn: Any) -> None:
        self._learn: Any = weakref.ref(learn)
        self.recorder: Recorder = Recorder()
        self.dl: Any = None
        self.now: Any = None  # what the bridge keeps for the moment
        self.rows = TableRows(learn)

    def __getstate__(self) -> dict[str, Any]:
        return {"learn": self._learn(), "recorder": self.recorder, "rows": self.rows}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._learn = weakref.ref(state["learn"])
        self.recorder, self.rows, self.dl, self.now = state["recorder"], state["rows"], None, None

    @property
    def logger(self) -> Any:
        """What writes a row of the table; set on the learner, something else gets the rows instead."""
        return self.rows.write

    @property
    def lr(self) -> Any:
        """Learning rate of the last group; v1's default before there is an optimizer."""
        opt = getattr(self._learn(), "opt", None)
        return getattr(defaults.lr, "stop", defaults.lr) if opt is None else opt.lr

    @property
    def x(self) -> Any:
        """The input, or the tuple of them."""
        return _alone(self._learn().xb)

    @property
    def y(self) -> Any:
        """The target, or the tuple of them."""
        return _alone(self._learn().yb)


def _alone(items: Any) -> Any:
    return items[0] if len(items) == 1 else items
