"""`LearnerCallback`: a callback that belongs to a learner and reads its attributes as its own."""

from __future__ import annotations

import warnings
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .callback import Callback
from .errors import LearnerGoneError, ProtocolWarning
from .names import camel2snake

if TYPE_CHECKING:
    from .basic_train import Learner

__all__ = ["LearnerCallback"]


@dataclass(init=False, eq=False, repr=False)
class LearnerCallback(Callback):
    """Callback that belongs to a learner and is found there under its snake-case class name.

    Keeps a weak reference; an attribute it does not have is looked up on the learner. A subclass that is
    a dataclass takes `learn` as its first field.

    Args:
        learn: the learner, whose attributes are readable from the callback.
    """

    learn: Learner
    exclude = (*Callback.exclude, "_learn")

    def __init__(self, learn: Learner) -> None:
        self.learn = learn
        LearnerCallback.__post_init__(self)

    def __post_init__(self) -> None:
        """Stand on the learner as `learn.<cb_name>`, unless that is one of the learner's own fields."""
        # v1: both are lists of the instance, which its subclasses add to.
        self.__dict__.update(exclude=list(self.exclude), not_min=list(self.not_min))
        learn = self.learn
        if learn is None:
            return
        if self.cb_name in getattr(learn, "__dataclass_fields__", ()):
            warnings.warn(
                f"{type(self).__name__} would replace the learner's own {self.cb_name!r}; "
                f"it takes part in training but is not reachable as learn.{self.cb_name}.",
                ProtocolWarning,
                stacklevel=3,
            )
        else:
            setattr(learn, self.cb_name, self)

    @property
    def cb_name(self) -> str:
        """The class name in snake case."""
        return camel2snake(type(self).__name__)

    def __getattr__(self, k: str) -> Any:
        # v1: a callback reads its learner's attributes as if they were its own.
        if k.startswith("__") or k in ("learn", "_learn"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {k!r}")
        learn = self.learn
        if learn is None:
            raise LearnerGoneError(
                f"{type(self).__name__} has no {k!r}, and its learner is gone or was never given."
            )
        try:
            return getattr(learn, k)
        except AttributeError as error:
            raise AttributeError(
                f"Neither {type(self).__name__} nor its learner has an attribute {k!r}."
            ) from error

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_learn"}

    def __setstate__(self, data: dict[str, Any]) -> None:
        self.__dict__.update(data)


class _WeakLearner:
    """The `learn` of a callback, kept as a weak reference; None when it is gone or was never given.

    It is not there on the class: a dataclass that names the field `learn` again would take what it finds
    for the field's default.
    """

    def __get__(self, cb: LearnerCallback | None, owner: type) -> Learner | None:
        if cb is None:
            raise AttributeError(f"type object {owner.__name__!r} has no attribute 'learn'")
        reference = cb.__dict__.get("_learn")
        return None if reference is None else reference()

    def __set__(self, cb: LearnerCallback, learn: Learner | None) -> None:
        cb.__dict__["_learn"] = None if learn is None else weakref.ref(learn)


# Set after the class is made: the type checker knows the field as a plain one.
setattr(LearnerCallback, "learn", _WeakLearner())  # noqa: B010
