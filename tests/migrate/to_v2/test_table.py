"""The table names what is there: events, keys, signals, and attributes of callbacks and learners."""

from __future__ import annotations

import pytest

from fastloop_v1 import callbacks, v2
from fastloop_v1.basic_train import Callback, Learner
from fastloop_v1.events import EVENTS, can_act, readable_keys
from fastloop_v1.migrate.to_v2.table import (
    ASSIGNED,
    BUILT_IN,
    LATE_BUILT_IN,
    NEW_NAMES,
    READINGS,
    SIGNALS,
)
from fastloop_v1.v2.bridge import SHARED
from fastloop_v1.v2.event_names import EVENT_NAMES


def test_every_event_but_the_last_has_a_name_in_v2():
    assert [*NEW_NAMES, "train_end"] == list(EVENTS)
    assert set(NEW_NAMES.values()) <= set(EVENT_NAMES)


@pytest.mark.parametrize("event", READINGS)
def test_keys_are_in_the_state_at_their_event(event):
    assert set(READINGS[event]) <= readable_keys(event)


@pytest.mark.parametrize("event", ASSIGNED)
def test_keys_that_are_assigned_act_at_their_event(event):
    assert all(can_act(key, event) and SHARED[key] == name for key, name in ASSIGNED[event].items())


@pytest.mark.parametrize("event", SIGNALS)
def test_flags_act_at_their_event_and_signals_are_there(event):
    assert all(can_act(flag, event) and hasattr(v2, signal) for flag, signal in SIGNALS[event].items())


def test_built_in_callbacks_are_classes_or_methods_of_the_learner():
    for name in {*BUILT_IN, *LATE_BUILT_IN}:
        assert hasattr(Learner, name) or issubclass(getattr(callbacks, name), Callback)
