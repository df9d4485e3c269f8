"""`LoopTable`: the training loop as a text or a page, with who hears what and who writes what."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..callback import Callback as FirstCallback
from ..errors import ArgumentError
from ..events import EVENTS, can_act
from ..listeners import event_method
from .bridge import SHARED
from .ordering import conflicts, in_order
from .written_names import learner_names_written, state_keys_returned

__all__ = ["Listener", "LoopTable", "Place"]

_KEYS = {attribute: key for key, attribute in SHARED.items()}


@dataclass(frozen=True)
class Place:
    """A line of the loop: a part of it, something it does itself, or where callbacks are heard.

    Attributes:
        depth: how many parts of the loop it is in.
        title: what the line says.
        event: v1's event without `on_`, empty where there is none.
        v2_events: v2's events, in order.
    """

    depth: int
    title: str
    event: str = ""
    v2_events: tuple[str, ...] = ()

    @property
    def is_heard(self) -> bool:
        """Whether callbacks hear it."""
        return bool(self.event or self.v2_events)


def _heard(depth: int, event: str, *v2_events: str) -> Place:
    return Place(depth, ", ".join([f"on_{event}"] * bool(event) + list(v2_events)), event, v2_events)


_PLACES = (
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
    _heard(4, "backward_end", "after_backward", "before_step"),
    Place(4, "= opt.step()"),
    _heard(4, "step_end", "after_step"),
    Place(4, "= opt.zero_grad()"),
    _heard(4, "batch_end", "after_batch"),
    _heard(3, "", "after_train"),
    Place(2, "validation, without gradients"),
    _heard(3, "", "before_validate"),
    Place(3, "each batch: on_batch_begin, on_loss_begin, after_loss, on_batch_end as above"),
    _heard(3, "", "after_validate"),
    _heard(2, "epoch_end", "after_epoch"),
    _heard(1, "train_end", "after_fit"),
)


@dataclass(frozen=True)
class Listener:
    """One callback at one event.

    Attributes:
        name: its class.
        kind: `metric`, `v1` or `v2`.
        order: its `_order` or `order`.
        heard: the event, as its method is called.
        writes: keys of the state it returns, or attributes of the learner it sets, as far as its code shows.
        keys: the same as keys of the state.
    """

    name: str
    kind: str
    order: Any
    heard: str
    writes: tuple[str, ...]
    keys: tuple[str, ...]


class LoopTable:
    """The loop with its callbacks in the order they are called.

    Args:
        metrics: metric callbacks.
        callbacks: callbacks of v1, in order.
        cbs: callbacks of v2.
    """

    def __init__(self, metrics: Iterable[Any], callbacks: Iterable[Any], cbs: Iterable[Any]) -> None:
        self.metrics, self.callbacks, self.cbs = list(metrics), list(callbacks), list(cbs)
        self.warnings: list[str] = []
        try:
            self.cbs = in_order(self.cbs)
            self.warnings += conflicts(self.cbs)
        except ArgumentError as error:
            self.warnings.append(str(error))
            self.cbs.sort(key=lambda cb: cb.order)
        self.rows = [(place, list(self._listeners(place))) for place in _PLACES]
        for place, listeners in self.rows:
            self.warnings += [*_rivals(place, listeners), *_without_effect(place, listeners)]

    def _listeners(self, place: Place) -> Iterator[Listener]:
        early = [cb for cb in self.callbacks if getattr(cb, "_order", 0) <= 0]
        late = [cb for cb in self.callbacks if getattr(cb, "_order", 0) > 0]
        for kind, group in (("metric", self.metrics), ("v1", early)):
            yield from _of_first(kind, group, place.event)
        for event in place.v2_events:
            yield from _of_second(self.cbs, event)
        yield from _of_first("v1", late, place.event)

    # --- shown ----------------------------------------------------------------------------------------------

    def __str__(self) -> str:
        lines = []
        for place, listeners in self.rows:
            margin = "    " * place.depth
            lines.append(f"{margin}{place.title}{_acting(place)}")
            lines += [f"{margin}  - {_words(listener)}" for listener in listeners]
        if self.warnings:
            lines += ["", "Warnings", *(f"  - {text}" for text in self.warnings)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = []
        for place, listeners in self.rows:
            title = f"<b>{html.escape(place.title)}</b>" if not place.is_heard else html.escape(place.title)
            said = "<br>".join(html.escape(_words(listener)) for listener in listeners)
            rows.append(
                f'<tr><td style="text-align: left; padding-left: {2 * place.depth}em">{title}</td>'
                f'<td style="text-align: left">{said}</td>'
                f'<td style="text-align: left">{html.escape(_acting(place).strip(" []"))}</td></tr>'
            )
        found = "".join(f"<li>{html.escape(text)}</li>" for text in self.warnings)
        head = "<tr><th>loop</th><th>callbacks</th><th>keys</th></tr>"
        return f"<table>{head}{''.join(rows)}</table>" + (f"<p>Warnings</p><ul>{found}</ul>" if found else "")


def _of_first(kind: str, callbacks: Sequence[Any], event: str) -> Iterator[Listener]:
    """Those of v1 that answer the event with a method of their own."""
    for cb in callbacks if event else ():
        method = event_method(cb, event, getattr(FirstCallback, f"on_{event}"))
        if method is not None:
            keys = state_keys_returned(method)
            yield Listener(type(cb).__name__, kind, getattr(cb, "_order", 0), f"on_{event}", keys, keys)


def _of_second(cbs: Sequence[Any], event: str) -> Iterator[Listener]:
    for cb in cbs:
        method = cb.method_for(event)
        if method is not None:
            names = learner_names_written(method)
            keys = tuple(_KEYS.get(name, name) for name in names)
            yield Listener(type(cb).__name__, "v2", cb.order, event, names, keys)


def _words(listener: Listener) -> str:
    heard = f", {listener.heard}" if listener.kind == "v2" else ""
    writes = f": writes {', '.join(listener.writes)}" if listener.writes else ""
    return f"{listener.name} ({listener.kind}, order {listener.order}{heard}){writes}"


def _acting(place: Place) -> str:
    """Keys that may be written here with effect, and v2's names of them."""
    if not place.event:
        return ""
    flow = dict.fromkeys(key for row in EVENTS.values() for key in row.handed)
    keys = [key for key in flow if can_act(key, place.event)]
    return (
        f"  [{', '.join(f'{key} = {SHARED[key]}' if key in SHARED else key for key in keys)}]" if keys else ""
    )


def _rivals(place: Place, listeners: Sequence[Listener]) -> Iterator[str]:
    """A sentence for each key that more than one of them writes."""
    for key in dict.fromkeys(key for listener in listeners for key in listener.keys):
        names = [f"{listener.name} ({listener.kind})" for listener in listeners if key in listener.keys]
        if len(names) > 1:
            yield f"{place.title}: {key} is written by {', then '.join(names)}; the last one decides."


def _without_effect(place: Place, listeners: Sequence[Listener]) -> Iterator[str]:
    """A sentence for each key that is returned where it cannot act."""
    for listener in listeners if place.event else ():
        for key in listener.keys if listener.kind != "v2" else ():
            if not can_act(key, place.event):
                yield f"{listener.name}.{listener.heard} returns {key!r}, which cannot act any more there."
