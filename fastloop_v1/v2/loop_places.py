"""`PLACES`: the training loop line by line, with the events of v1 and of v2 where they are heard."""

from __future__ import annotations

from dataclasses import dataclass

from ..events import EVENTS
from .bridge import SHARED

__all__ = ["LEGEND", "PLACES", "Place"]

LEGEND = (
    "[...]: what the loop takes over there; v1 returns the key, v2 sets self.learn.<name>; "
    "flags (skip_..., stop_...) may be returned earlier, too."
)


@dataclass(frozen=True)
class Place:
    """A line of the loop: a part of it, something it does itself, or where callbacks are heard.

    Attributes:
        depth: how many parts of the loop it is in.
        title: what the line says.
        event: v1's event without `on_`, empty where there is none.
        v2_events: v2's events, in order.
        in_validation: whether it is in the validation.
        is_point: whether v1 callbacks hear it as a point, by the name of the v2 event.
        is_rare: whether it is only of interest where somebody listens.
    """

    depth: int
    title: str
    event: str = ""
    v2_events: tuple[str, ...] = ()
    in_validation: bool = False
    is_point: bool = False
    is_rare: bool = False

    @property
    def is_heard(self) -> bool:
        """Whether callbacks hear it."""
        return bool(self.event or self.v2_events)

    @property
    def taken(self) -> str:
        """What the loop takes over when the callbacks are through, with v2's names; empty if nothing."""
        at_point = ("last_loss",) if self.title == "after_loss" else ()
        keys = EVENTS[self.event].handed if self.event else at_point
        return ", ".join(f"{key} = {SHARED[key]}" if key in SHARED else key for key in keys)


def _heard(depth: int, event: str, *v2_events: str, in_validation: bool = False) -> Place:
    title = ", ".join([f"on_{event}"] * bool(event) + list(v2_events))
    return Place(depth, title, event, v2_events, in_validation, is_point=not event)


def _rare(depth: int, event: str, *, in_validation: bool = False) -> Place:
    return Place(depth, event, "", (event,), in_validation, event != "after_create", is_rare=True)


PLACES = (
    _rare(0, "after_create"),
    Place(0, "fit"),
    _heard(1, "train_begin", "before_fit"),
    Place(1, "each epoch"),
    _heard(2, "epoch_begin", "before_epoch"),
    Place(2, "training"),
    _heard(3, "", "before_train"),
    Place(3, "each batch"),
    _heard(4, "batch_begin", "before_batch"),
    Place(4, "= model(input)"),
    _heard(4, "loss_begin", "after_pred"),
    Place(4, "= loss_func(output, target)"),
    _heard(4, "backward_begin", "after_loss", "before_backward"),
    Place(4, "= loss.backward()"),
    _rare(4, "after_cancel_backward"),
    _heard(4, "backward_end", "after_backward", "before_step"),
    Place(4, "= opt.step()"),
    _rare(4, "after_cancel_step"),
    _heard(4, "step_end", "after_step"),
    Place(4, "= opt.zero_grad()"),
    _rare(4, "after_cancel_batch"),
    _heard(4, "batch_end", "after_batch"),
    _rare(3, "after_cancel_train"),
    _heard(3, "", "after_train"),
    Place(2, "validation, without gradients, unless skip_validate was returned"),
    _heard(3, "", "before_validate"),
    Place(3, "each batch of validation"),
    _heard(4, "batch_begin", "before_batch", in_validation=True),
    Place(4, "= model(input)"),
    _heard(4, "loss_begin", "after_pred", in_validation=True),
    Place(4, "= loss_func(output, target)"),
    _heard(4, "", "after_loss", in_validation=True),
    _rare(4, "after_cancel_batch", in_validation=True),
    _heard(4, "batch_end", "after_batch", in_validation=True),
    _rare(3, "after_cancel_validate"),
    _heard(3, "", "after_validate"),
    _rare(2, "after_cancel_epoch"),
    _heard(2, "epoch_end", "after_epoch"),
    _rare(1, "after_cancel_fit"),
    _heard(1, "train_end", "after_fit"),
)
