"""`LearnerBlocks`: v2's blocks in which a learner shows less, or does not reduce its loss."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from .. import progress
from .table_rows import no_row

__all__ = ["LearnerBlocks"]


class LearnerBlocks:
    """What v2 code calls as `with learn.no_bar():` and the like; each block gives the learner."""

    _learn: Any

    @contextmanager
    def no_bar(self) -> Iterator[Any]:
        """Show no bars that begin inside of the block; the table is written."""
        before, progress.NO_BAR = progress.NO_BAR, True
        try:
            yield self._learn()
        finally:
            progress.NO_BAR = before

    @contextmanager
    def no_logging(self) -> Iterator[Any]:
        """Write no table."""
        learn = self._learn()
        with _set(learn, "logger", no_row):
            yield learn

    @contextmanager
    def no_mbar(self) -> Iterator[Any]:
        """Have `create_mbar` False, for callbacks that ask; the bar over the epochs is v1's and stays."""
        learn = self._learn()
        with _set(learn, "create_mbar", value=False):
            yield learn

    @contextmanager
    def loss_not_reduced(self) -> Iterator[Any]:
        """Have a loss function that gives one loss for each item."""
        learn = self._learn()
        function = learn.loss_func
        if not hasattr(function, "reduction"):
            with _set(learn, "loss_func", partial(function, reduction="none")):
                yield learn
            return
        before, function.reduction = function.reduction, "none"
        try:
            yield learn
        finally:
            function.reduction = before


@contextmanager
def _set(learn: Any, name: str, value: Any) -> Iterator[None]:
    """Have another value for an attribute of the learner's own, or one more."""
    own = vars(learn)
    before = {name: own[name]} if name in own else {}
    own[name] = value
    try:
        yield
    finally:
        own.pop(name, None)
        own.update(before)
