"""`LoopTable`: the training loop as a text or a page, with who hears what and who writes what."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..callback import Callback as FirstCallback
from ..errors import ArgumentError
from ..events import EVENTS, can_act
from ..listeners import event_method
from ..metric_objects import metric_name
from .bridge import SHARED
from .event_names import BATCH_EVENTS
from .loop_places import LEGEND, PLACES, Place
from .ordering import conflicts, in_order
from .written_names import Reading, read

__all__ = ["Listener", "LoopTable"]

_KEYS = {attribute: key for key, attribute in SHARED.items()}


@dataclass(frozen=True)
class Listener:
    """One callback at one event.

    Attributes:
        name: its class, or the name of a metric.
        kind: `metric`, `v1` or `v2`.
        order: its `_order` or `order`.
        heard: the event, as its method is called.
        reading: what the method's source says.
        limits: attributes that keep it from hearing some events.
        hypers: hyper-parameters of the optimizer that it sets.
    """

    name: str
    kind: str
    order: Any
    heard: str
    reading: Reading
    limits: tuple[str, ...] = ()
    hypers: tuple[str, ...] = ()

    @property
    def who(self) -> str:
        """Its name and kind."""
        return f"{self.name} ({self.kind})"

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of the state that it returns or sets, and attributes of the learner that it sets."""
        written = (_KEYS.get(name, f"learn.{name}") for name in self.reading.written)
        return tuple(dict.fromkeys([*self.returned, *written]))

    @property
    def returned(self) -> tuple[str, ...]:
        """Keys that it returns; what v2's methods return is ignored."""
        return () if self.kind == "v2" else self.reading.returned

    def __str__(self) -> str:
        known = [self.kind, f"order {self.order}"]
        known += [self.heard] if self.kind == "v2" or self.heard == "at_point" else []
        return f"{self.name} ({', '.join([*known, *self.limits])})" + _after(": ", "; ".join(self._deeds()))

    def _deeds(self) -> Iterator[str]:
        found = self.reading
        unclear = ["what cannot be read from its source"] * (found.is_unclear and self.kind != "v2")
        deeds = {
            "returns": [*self.returned, *unclear],
            "writes": found.written if self.kind == "v2" else [f"learn.{name}" for name in found.written],
            "sets": [f"opt.{name}" for name in self.hypers],
            "raises": found.raised,
        }
        yield from (f"{verb} {', '.join(names)}" for verb, names in deeds.items() if names)
        if not found.has_source:
            yield "its source cannot be read"


class LoopTable:
    """The loop with its callbacks in the order they are called.

    Args:
        metrics: metric callbacks.
        callbacks: callbacks of v1, in order.
        cbs: callbacks of v2.
    """

    def __init__(self, metrics: Iterable[Any], callbacks: Iterable[Any], cbs: Iterable[Any]) -> None:
        self.metrics, self.callbacks, self.cbs = list(metrics), list(callbacks), list(cbs)
        found: list[str] = []
        try:
            self.cbs = in_order(self.cbs)
            found += conflicts(self.cbs)
        except ArgumentError as error:
            found.append(str(error))
            self.cbs.sort(key=lambda cb: cb.order)
        rows = [(place, list(self._listeners(place))) for place in PLACES]
        self.rows = [(place, listeners) for place, listeners in rows if listeners or not place.is_rare]
        for place, listeners in self.rows:
            found += [*_rivals(place, listeners), *_without_effect(place, listeners), *_hidden(listeners)]
        self.warnings = list(dict.fromkeys([*found, *_two_schedules(self.rows)]))

    def _listeners(self, place: Place) -> Iterator[Listener]:
        early = [cb for cb in self.callbacks if getattr(cb, "_order", 0) <= 0]
        late = [cb for cb in self.callbacks if getattr(cb, "_order", 0) > 0]
        if place.event and _heard_by_metrics(place):
            yield from _of_first("metric", self.metrics, place)
        yield from _of_first("v1", early, place)
        for event in place.v2_events:
            yield from _of_second(self.cbs, event, place)
        yield from _of_first("v1", late, place)

    # --- shown ----------------------------------------------------------------------------------------------

    def __str__(self) -> str:
        lines = []
        for place, listeners in self.rows:
            margin = "    " * place.depth
            lines.append(f"{margin}{place.title}" + (f"  [{place.taken}]" if place.taken else ""))
            lines += [f"{margin}  - {listener}" for listener in listeners]
        lines += ["", LEGEND]
        if self.warnings:
            lines += ["", "Warnings", *(f"  - {text}" for text in self.warnings)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = []
        for place, listeners in self.rows:
            title = f"<b>{html.escape(place.title)}</b>" if not place.is_heard else html.escape(place.title)
            said = "<br>".join(html.escape(str(listener)) for listener in listeners)
            rows.append(
                f'<tr><td style="text-align: left; padding-left: {2 * place.depth}em">{title}</td>'
                f'<td style="text-align: left">{said}</td>'
                f'<td style="text-align: left">{html.escape(place.taken)}</td></tr>'
            )
        found = "".join(f"<li>{html.escape(text)}</li>" for text in self.warnings)
        head = "<tr><th>loop</th><th>callbacks</th><th>[...]</th></tr>"
        page = f"<table>{head}{''.join(rows)}</table><p>{html.escape(LEGEND)}</p>"
        return page + (f"<p>Warnings</p><ul>{found}</ul>" if found else "")


def _after(mark: str, text: str) -> str:
    return f"{mark}{text}" if text else ""


# --- who listens -------------------------------------------------------------------------------------------


def _heard_by_metrics(place: Place) -> bool:
    hearing = EVENTS[place.event].metrics
    return place.in_validation if hearing == "in validation" else hearing != "never"


def _of_first(kind: str, callbacks: Sequence[Any], place: Place) -> Iterator[Listener]:
    """Those of v1 that answer the event with a method of their own, or hear the point."""
    for cb in callbacks:
        heard = f"on_{place.event}" if place.event else "at_point"
        if place.event:
            method = event_method(cb, place.event, getattr(FirstCallback, heard))
        else:
            method = getattr(cb, heard, None) if place.is_point else None
        if method is None:
            continue
        reading = read(method, EVENTS[place.event].bare if place.event else ())
        if heard == "at_point" and reading.points and place.title not in reading.points:
            continue
        name = metric_name(cb) if kind == "metric" else type(cb).__name__
        yield Listener(name, kind, getattr(cb, "_order", 0), heard, reading, (), _hypers(cb, reading))


def _of_second(cbs: Sequence[Any], event: str, place: Place) -> Iterator[Listener]:
    for cb in cbs:
        method = cb.method_for(event)
        if method is None or (event in BATCH_EVENTS and not _hears_batches(cb, place)):
            continue
        reading = read(method)
        names = ["run", *(["run_train", "run_valid"] if event in BATCH_EVENTS else [])]
        limits = tuple(f"{name} = False" for name in names if not getattr(cb, name))
        yield Listener(type(cb).__name__, "v2", cb.order, event, reading, limits, _hypers(cb, reading))


def _hears_batches(cb: Any, place: Place) -> Any:
    return cb.run_valid if place.in_validation else cb.run_train


def _hypers(cb: Any, reading: Reading) -> tuple[str, ...]:
    """Hyper-parameters that are set, also by what `ParamScheduler` and `GeneralScheduler` were given."""
    if not reading.has_unnamed_hypers:
        return reading.hypers
    phases = getattr(cb, "__dict__", {}).get("phases") or [cb]
    tables = [getattr(phase, "__dict__", {}).get("scheds") for phase in phases]
    names = [str(name) for table in tables if isinstance(table, Mapping) for name in table]
    return tuple(dict.fromkeys([*reading.hypers, *names])) or ("<a name that is not in its source>",)


# --- what is odd -------------------------------------------------------------------------------------------


def _rivals(place: Place, listeners: Sequence[Listener]) -> Iterator[str]:
    """A sentence for each key that more than one of them writes; metrics add to a list.

    Of validation, if it is not the same as in training.
    """
    writers = [listener for listener in listeners if listener.kind != "metric"]
    for key in dict.fromkeys(key for listener in writers for key in listener.keys):
        of_key = [listener for listener in writers if key in listener.keys]
        names = list(dict.fromkeys(listener.who for listener in of_key))
        is_new = not place.in_validation or any("run_train = False" in listener.limits for listener in of_key)
        if len(names) > 1 and is_new:
            yield (
                f"{place.title}: {key} is written by {', then '.join(names)}; "
                "each sees what the one before wrote."
            )


def _without_effect(place: Place, listeners: Sequence[Listener]) -> Iterator[str]:
    """A sentence for each key that is returned where it cannot act."""
    for listener in listeners if place.event else ():
        for key in listener.returned:
            if not can_act(key, place.event):
                yield f"{listener.name}.{listener.heard} returns {key!r}, which cannot act any more there."


def _hidden(listeners: Sequence[Listener]) -> Iterator[str]:
    """A sentence for each attribute of the learner that a v2 callback sets on itself."""
    for listener in listeners:
        for name in listener.reading.hidden if listener.kind == "v2" else ():
            yield (
                f"{listener.name}.{listener.heard} sets self.{name}, which stays on the callback; "
                f"write self.learn.{name}."
            )


def _two_schedules(rows: Iterable[tuple[Place, Sequence[Listener]]]) -> Iterator[str]:
    """A sentence for each hyper-parameter that more than one sets in the course of a fit."""
    setters: dict[str, dict[str, list[str]]] = {}
    for place, listeners in rows:
        for listener in listeners if place.event not in ("train_begin", "train_end") else ():
            for name in listener.hypers:
                heard = setters.setdefault(name, {}).setdefault(listener.who, [])
                heard += [] if listener.heard in heard else [listener.heard]
    for name, who in setters.items():
        if len(who) > 1 and not name.startswith("<"):
            said = " and by ".join(f"{one} in {', '.join(heard)}" for one, heard in who.items())
            yield f"opt.{name} is set by {said}; a step is taken with what was set last before it."
