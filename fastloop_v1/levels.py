"""Parts of the loop that a signal may leave, and the points around them that are no events."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Collection
from types import TracebackType
from typing import Any

import torch

from .defaults import defaults
from .nested import without_graph
from .signals import CancelEpochException, CancelFitException, CancelTrainException, CancelValidException

__all__ = ["Level", "LoopLevels"]

_SIGNALS: dict[str, type[BaseException]] = {
    "train": CancelTrainException,
    "validate": CancelValidException,
    "epoch": CancelEpochException,
    "fit": CancelFitException,
}
# The events of an epoch and of a fit say these themselves.
_WITH_END = ("train", "validate")


class Level:
    """Runs a part of the loop; the signal of that part ends it and goes no further.

    At the end the points `after_cancel_<name>`, if the signal came, and `after_<name>` are passed; after any
    other exception neither, and a fit puts each part of the model into the mode it had before.

    Args:
        handler: tells those who listen to points.
        name: `train`, `validate`, `epoch` or `fit`.
    """

    def __init__(self, handler: Any, name: str) -> None:
        self.handler, self.name = handler, name
        self._modes: list[tuple[Any, bool]] = []

    def __enter__(self) -> None:
        """Begin."""
        # v1: a fit that fails leaves the model in training mode.
        if self.name == "fit" and self.handler.learn is not None and not defaults.v1_quirks:
            self._modes = [(part, part.training) for part in self.handler.learn.model.modules()]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        """End; True keeps the signal of this level from going on."""
        if kind is not None and not issubclass(kind, _SIGNALS[self.name]):
            for part, training in self._modes:
                part.training = training
            return False
        if kind is not None:
            self.handler.point(f"after_cancel_{self.name}")
        if self.name in _WITH_END:
            self.handler.point(f"after_{self.name}")
        return True


class LoopLevels:
    """What a callback handler knows of levels and points; callbacks with a method `at_point` hear points.

    There are `before_train`, `before_validate`, `after_train`, `after_validate`, `after_loss` (in validation,
    where v1 has no event after the loss) and `after_cancel_<level>`. The handler is the listener's `loop`,
    which lives as long as the fit does; in a fit it has the learner as `learn`.
    """

    callbacks: list[Any]
    state_dict: dict[str, Any]
    learn: Any = None
    passed: Collection[str] = ()  # points that were passed before an interruption, heard once only
    going_on: Callable[[], None] | None = None
    _abandoned = False  # whether the batch was left in the middle, so that metrics do not hear of it
    _points: list[Any] | None = None

    @property
    def skip_validate(self) -> Any:
        """Whether validation is left out."""
        return self.state_dict["skip_validate"]

    @property
    def points(self) -> list[Any]:
        """Who hears points; found anew in each epoch."""
        if self._points is None:
            listeners = [cb for cb in self.callbacks if hasattr(cb, "at_point")]
            for cb in listeners:
                cb.loop = weakref.proxy(self)
            self._points = [cb.at_point for cb in listeners]
        return self._points

    @property
    def keeps_gradients(self) -> bool:
        """Whether a callback wants a fit to begin with the gradients that are there."""
        return any(getattr(cb, "keeps_gradients", False) for cb in self.callbacks)

    def level(self, name: str) -> Level:
        """A part of the loop that its signal leaves: `train`, `validate`, `epoch` or `fit`."""
        return Level(self, name)

    def point(self, name: str) -> None:
        """Pass a point of the loop."""
        if name in self.passed:
            self.passed = [other for other in self.passed if other != name]
            return
        for at_point in self.points:
            at_point(name)

    def goes_on(self) -> bool:
        """Whether an interrupted epoch goes on, the beginning of which nobody hears again."""
        going_on, self.going_on = self.going_on, None
        if going_on is not None:
            going_on()
        return going_on is not None

    def after_loss(self, loss: Any) -> Any:
        """Pass the point after the loss of a validation batch; return the loss as the listeners left it."""
        self.state_dict["last_loss"] = loss
        self.point("after_loss")
        return self.state_dict["last_loss"]

    def abandon_batch(self) -> Any:
        """Leave a batch in the middle; return the latest loss there is, 0 before the first."""
        self.point("after_cancel_batch")
        self._abandoned = True
        return without_graph(self.state_dict.get("last_loss", torch.zeros(())))
