"""The contract of the ten events as data: when each fires, what it gives, resets and hands to the loop.

`EVENTS` is the only place where event names and state keys are written down. The callback handler runs
from it, strict mode and the printed page derive from it what a callback may read and whether a returned
key can still act.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, TypedDict

__all__ = [
    "EVENTS",
    "INITIAL_STATE",
    "Event",
    "LoopState",
    "can_act",
    "events_page",
    "handed_over",
    "readable_keys",
]

_Hearing = Literal["always", "in validation", "never", "if there is a validation loss"]


class LoopState(TypedDict, total=False):
    """The state dict of a fit; keys appear when first given or reset, and stay."""

    epoch: int
    iteration: int
    num_batch: int
    skip_validate: bool
    n_epochs: int
    pbar: Any
    metrics: list[Any]
    stop_training: bool
    last_input: Any
    last_target: Any
    train: bool
    stop_epoch: bool
    skip_bwd: bool
    skip_step: bool
    skip_zero: bool
    last_output: Any
    last_loss: Any
    smooth_loss: Any
    last_metrics: list[Any]


@dataclass(frozen=True)
class Event:
    """One row of the contract.

    Attributes:
        name: the event without the leading `on_`.
        when: one sentence saying when it fires.
        given: keys the loop puts into the state just before the listeners run.
        reset: keys put back to a fixed value just before the listeners run.
        passed: arguments the listeners get that never enter the state.
        handed: keys whose value the loop takes over when the listeners are through.
        metrics: when metric callbacks hear it; they always come before the other callbacks.
        bare: keys that a bare return value stood for in v1 before 1.0.47.
    """

    name: str
    when: str
    given: tuple[str, ...] = ()
    reset: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    passed: tuple[str, ...] = ()
    handed: tuple[str, ...] = ()
    metrics: _Hearing = "always"
    bare: tuple[str, ...] = ()


INITIAL_STATE: Mapping[str, Any] = MappingProxyType(
    {"epoch": 0, "iteration": 0, "num_batch": 0, "skip_validate": False}
)

_ROWS = (
    Event(
        "train_begin",
        "Once, before the first epoch.",
        given=("n_epochs", "pbar", "metrics"),
        reset=INITIAL_STATE,
        passed=("metrics_names",),
    ),
    Event(
        "epoch_begin",
        "At the start of each epoch, after the model was put in training mode; `skip_validate` said before "
        "the last `on_epoch_end` counts no more.",
        reset=MappingProxyType({"num_batch": 0, "stop_training": False}),
    ),
    Event(
        "batch_begin",
        "Before a batch goes through the model, in training and in validation.",
        given=("last_input", "last_target", "train"),
        reset=MappingProxyType(
            {"stop_epoch": False, "skip_bwd": False, "skip_step": False, "skip_zero": False}
        ),
        handed=("last_input", "last_target"),
        metrics="in validation",
        bare=("last_input", "last_target"),
    ),
    Event(
        "loss_begin",
        "After the forward pass, before the loss is computed.",
        given=("last_output",),
        handed=("last_output",),
        metrics="never",
        bare=("last_output",),
    ),
    Event(
        "backward_begin",
        "After the loss is computed, before the backward pass; in training only.",
        given=("last_loss", "smooth_loss"),
        handed=("last_loss", "skip_bwd"),
        metrics="never",
        bare=("last_loss",),
    ),
    Event(
        "backward_end",
        "After the backward pass, before the optimizer step; in training only.",
        handed=("skip_step",),
        metrics="never",
        bare=("skip_step",),
    ),
    Event(
        "step_end",
        "After the optimizer step, before the gradients are zeroed; in training only.",
        handed=("skip_zero",),
        metrics="never",
        bare=("skip_zero",),
    ),
    Event(
        "batch_end",
        "When a batch is done, in training and in validation; the counters grow after the listeners ran.",
        given=("last_loss",),
        handed=("stop_epoch",),
        metrics="in validation",
        bare=("stop_epoch",),
    ),
    Event(
        "epoch_end",
        "When training and validation of an epoch are done; `epoch` grows after the listeners ran.",
        given=("last_metrics",),
        handed=("stop_training",),
        metrics="if there is a validation loss",
        bare=("stop_training",),
    ),
    Event(
        "train_end",
        "Once, at the end, whatever happened before.",
        passed=("exception",),
    ),
)

EVENTS: Mapping[str, Event] = MappingProxyType({row.name: row for row in _ROWS})
_NAMES = tuple(EVENTS)


def _set_at(event: Event) -> frozenset[str]:
    """Keys that have a fresh value when the event's listeners start."""
    return frozenset(event.given) | frozenset(event.reset)


def readable_keys(name: str) -> frozenset[str]:
    """Keys a listener of this event may take as arguments: given or reset so far, and what is passed.

    So far means in the order of the table, the first batch of a fit being a training batch. In validation
    the backward events do not happen, so `smooth_loss` is there only after training.
    """
    so_far = _NAMES[: _NAMES.index(name) + 1]
    return frozenset(EVENTS[name].passed).union(*(_set_at(EVENTS[other]) for other in so_far))


def handed_over(key: str) -> tuple[str, ...]:
    """Events at which the loop takes this key over, in order; empty for a key that only informs."""
    return tuple(name for name in _NAMES if key in EVENTS[name].handed)


def can_act(key: str, name: str) -> bool:
    """Whether the loop will still take over `key` when a listener returns it at event `name`.

    True for keys that only inform. A later set or reset of the key before it is handed over undoes it.
    """
    targets = handed_over(key)
    if not targets:
        return True
    start = _NAMES.index(name)
    for target in targets:
        stop = _NAMES.index(target)
        between = _NAMES[start + 1 : stop + 1]
        if start <= stop and not any(key in _set_at(EVENTS[other]) for other in between):
            return True
    return False


def _listed(keys: tuple[str, ...] | list[str]) -> str:
    return ", ".join(f"`{key}`" for key in keys)


def _page_row(event: Event) -> str:
    reset = _listed([f"{key}={value!r}" for key, value in event.reset.items()])
    cells = [f"`on_{event.name}`", _listed(event.given), reset, _listed(event.passed), _listed(event.handed)]
    return "| " + " | ".join([*cells, event.metrics]) + " |"


def events_page() -> str:
    """The page `docs/events.md`, printed from the table."""
    head = ["event", "given by the loop", "put back to", "passed, not kept", "handed to the loop"]
    lines = [
        "# The events",
        "",
        "Printed from `fastloop_v1/events.py`; `python -m fastloop_v1.events > docs/events.md` renews it.",
        "",
        "A listener is called as `on_<event>(**state)`; it returns `None` or a dict of keys of the state.",
        "",
        "| " + " | ".join([*head, "metrics hear it"]) + " |",
        "|" + " --- |" * (len(head) + 1),
        *(_page_row(event) for event in _ROWS),
        "",
        "## When, what can be read, and which returned keys act",
        "",
    ]
    for event in _ROWS:
        acting = [key for key in _flow_keys() if key in _known_at(event.name) and can_act(key, event.name)]
        lines += [
            f"### `on_{event.name}`",
            "",
            event.when,
            "",
            f"- Reads: {_listed(sorted(readable_keys(event.name)))}.",
            f"- Returned keys that act: {_listed(acting) or 'none'}.",
        ]
        if event.bare:
            lines.append(f"- A bare value (before v1.0.47) means: {_listed(event.bare)}.")
        lines.append("")
    return "\n".join(lines)


def _flow_keys() -> list[str]:
    """Keys the loop takes over somewhere, in the order of the table."""
    return list(dict.fromkeys(key for event in _ROWS for key in event.handed))


def _known_at(name: str) -> frozenset[str]:
    """Keys that may be in the state at this event, in a later epoch too."""
    if name == "train_begin":
        return _set_at(EVENTS[name])
    return frozenset().union(*(_set_at(event) for event in _ROWS))


if __name__ == "__main__":
    print(events_page(), end="")  # noqa: T201  (this module's whole purpose as a script)
