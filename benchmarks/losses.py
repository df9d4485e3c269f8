"""Final losses that have to be equal: the proof that loops did the same work."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isnan

from .loops import LOOPS, reference_of
from .rounds import Record
from .times import timed
from .workloads import WORKLOADS

__all__ = ["TOLERANCE", "differs", "equal"]

TOLERANCE = 1e-4
_LOSSES = ("train_loss", "valid_loss")
_KEY = ("workload", "shuffle", "loop", "variant")


def equal(group: Sequence[Record], records: Sequence[Record]) -> str:
    """Return a table's cell on all runs of a loop: yes, NO with the distance, base, or another order."""
    if _has_other_order(group[0]):
        return "other order"
    found = [difference for record in group if (difference := differs(record, records)) is not None]
    if not found:
        return "base"
    return "yes" if max(found) <= TOLERANCE else f"NO, {max(found):.0e}"


def differs(record: Record, records: Sequence[Record]) -> float | None:
    """Return how far the final losses are from those they have to equal; None where none have to be equal.

    A reference that failed, or a loss that is no number, is infinitely far.
    """
    if _has_other_order(record):
        return None
    reference = reference_of(WORKLOADS[record["workload"]], record["loop"], record["variant"])
    if reference is None:
        return None
    wanted = (record["workload"], record["shuffle"], *reference)
    found = next((other for other in timed(records) if tuple(other[name] for name in _KEY) == wanted), None)
    if found is None:
        return inf
    apart = [abs(record[name] - found[name]) for name in _LOSSES]
    return inf if any(map(isnan, apart)) else float(max(apart))


def _has_other_order(record: Record) -> bool:
    """Whether shuffled samples came in another order than to the hand-written loop."""
    return bool(record["shuffle"]) and not LOOPS[record["loop"]].same_order
