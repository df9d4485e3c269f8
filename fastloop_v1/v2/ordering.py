"""The order of v2 callbacks: by `order`, unless `run_before` and `run_after` say otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Any

from ..errors import ArgumentError
from ..listeners import as_list

__all__ = ["conflicts", "in_order"]


def in_order(callbacks: Iterable[Any]) -> list[Any]:
    """Return the callbacks in the order they run.

    Lower `order` runs first, and equal ones run as they were added. Who names others in `run_after` or
    `run_before`, by class or by name, runs after or before them whatever the orders are; this moves as
    little as it can.

    Raises:
        ArgumentError: the wishes go round in a circle, which is named.
    """
    by_order = sorted(callbacks, key=attrgetter("order"))
    if not any(cb.run_after or cb.run_before for cb in by_order):
        return by_order
    return _with_wishes(by_order)


def conflicts(callbacks: Iterable[Any]) -> list[str]:
    """One sentence for each wish in `run_before` and `run_after` that `order` alone would not grant."""
    by_order = sorted(callbacks, key=attrgetter("order"))
    return [
        f"{_name(first)} (order {first.order}) runs before {_name(second)} (order {second.order}), "
        "as run_before or run_after asks; by order it would run after it."
        for first, second in _wishes(by_order)
        if by_order.index(first) > by_order.index(second)
    ]


def _wishes(callbacks: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Pairs (runs first, runs second) that the callbacks ask for."""
    pairs = [(other, cb) for cb in callbacks for other in callbacks if _is_among(other, cb.run_after, cb)]
    return pairs + [
        (cb, other) for cb in callbacks for other in callbacks if _is_among(other, cb.run_before, cb)
    ]


def _is_among(other: Any, wanted: Any, cb: Any) -> bool:
    """Whether another callback is one of those named by class, by class name or by callback name."""
    if other is cb:
        return False
    return any(
        isinstance(other, want) if isinstance(want, type) else want in (other.name, type(other).__name__)
        for want in as_list(wanted)
    )


def _with_wishes(callbacks: Sequence[Any]) -> list[Any]:
    """A topological order that takes the first of those that may run next."""
    place = {id(cb): at for at, cb in enumerate(callbacks)}
    before: dict[int, set[int]] = {at: set() for at in place.values()}
    for first, second in _wishes(callbacks):
        before[place[id(second)]].add(place[id(first)])
    found: list[int] = []
    while before:
        at = next((at for at, others in before.items() if not others & before.keys()), None)
        if at is None:
            circle = " before ".join(_name(callbacks[at]) for at in _circle(before))
            raise ArgumentError(f"run_before and run_after go round in a circle: {circle}.")
        found.append(at)
        del before[at]
    return [callbacks[at] for at in found]


def _circle(before: dict[int, set[int]]) -> list[int]:
    """A closed walk among places of which each has another one before it."""
    walk = [min(before)]
    while walk.count(walk[-1]) < 2:
        walk.append(min(before[walk[-1]] & before.keys()))
    return walk[walk.index(walk[-1]) :][::-1]


def _name(cb: Any) -> str:
    return type(cb).__name__
