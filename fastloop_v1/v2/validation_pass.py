"""`ValidationPass`: the bridge for one pass over a loader outside of the epochs of a fit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .bridge import Bridge
from .paired_batches import paired_batches
from .recorder_view import Recorder

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["ValidationPass"]

_RUNNING = [
    "epoch",
    "final_record",
    "iter",
    "loss",
    "loss_grad",
    "n_epoch",
    "n_iter",
    "pct_train",
    "pred",
    "smooth_loss",
    "train_iter",
    "training",
    "xb",
    "yb",
]


class ValidationPass(Bridge):
    """Tells the events of a validation, and before_fit to after_fit around them; then all is as before.

    It is used in a `with` block; its first batch begins it. The recorder takes no part.

    Args:
        learn: the learner.
        dl: the loader.
        inner: True inside of a fit, which leaves out before_fit, before_epoch, after_epoch and after_fit.
    """

    takes_loader = ()
    _instead = "give the loader to validate or get_preds"

    def __init__(self, learn: Any, dl: Any, *, inner: bool = False) -> None:
        self._view_before = dict(vars(learn.v2_view))
        super().__init__(learn)
        self._dl, self._inner, self._started = dl, inner, False

    def _callbacks(self) -> list[Any]:
        return [cb for cb in super()._callbacks() if not isinstance(cb, Recorder)]

    def _loader(self, event: str) -> Any:
        return self._dl

    def on_train_begin(self, *args: Any, **state: Any) -> None:
        """Wait for the first batch."""

    def on_epoch_begin(self, *args: Any, **state: Any) -> None:
        """Wait for the first batch."""

    def on_epoch_end(self, *args: Any, **state: Any) -> None:
        """Wait for the end."""

    def on_train_end(self, *args: Any, **state: Any) -> None:
        """Wait for the end."""

    def on_batch_begin(self, train: bool, num_batch: int, **state: Any) -> dict[str, Any]:
        """Begin with the first batch, and tell before_batch."""
        self.start()
        return super().on_batch_begin(train, num_batch, **state)

    def at_point(self, name: str) -> None:
        """Tell what happens in a batch, and where a level was left."""
        if name in ("after_loss", "after_cancel_batch", "after_cancel_validate"):
            super().at_point(name)

    def start(self) -> None:
        """Tell before_fit, before_epoch and before_validate, once."""
        if self._started:
            return
        self._started = True
        if not self._inner:
            self.begin(1)
            self.learn.epoch = 0
            self.tell("before_epoch")
        super().at_point("before_validate")

    def __enter__(self) -> Self:
        """Get ready for the loader's batches."""
        self._before = {name: vars(self.learn)[name] for name in _RUNNING if name in vars(self.learn)}
        self._batches = paired_batches(self._dl)
        self._batches.__enter__()
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        """Tell after_validate, after_epoch and after_fit, if it was begun and no error ended it."""
        try:
            if error is None:
                self._close()
        finally:
            self._batches.__exit__(kind, error, trace)
            for name in _RUNNING:
                vars(self.learn).pop(name, None)
            vars(self.learn).update(self._before)
            vars(self.learn.v2_view).update(self._view_before)

    def _close(self) -> None:
        if self._started:
            super().at_point("after_validate")
        if self._started and not self._inner:
            self.tell("after_epoch")
            self.tell("after_fit")
