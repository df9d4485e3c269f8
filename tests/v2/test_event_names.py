"""Events are spelled through a namespace that tells typing errors."""

from __future__ import annotations

import pytest

from fastloop_v1.v2 import event
from fastloop_v1.v2.event_names import BATCH_EVENTS, EVENT_NAMES, meant_event


@pytest.mark.parametrize("name", EVENT_NAMES)
def test_event_has_its_own_name_for_value(name):
    assert getattr(event, name) == name


def test_there_are_24_events():
    assert len(EVENT_NAMES) == len(set(EVENT_NAMES)) == len(dir(event)) == 24


@pytest.mark.parametrize(
    ("wrong", "meant"), [("befor_fit", "before_fit"), ("begin_epoch", "before_epoch")], ids=["typo", "book"]
)
def test_unknown_event_says_what_is_close(wrong, meant):
    with pytest.raises(AttributeError, match=meant):
        getattr(event, wrong)


def test_nothing_is_close_to_nonsense():
    assert meant_event("xyz") == ""


def test_flags_decide_on_the_events_of_a_batch_but_one():
    assert len(BATCH_EVENTS) == 10
    assert "after_cancel_step" not in BATCH_EVENTS
