"""The lines of the loop hold every event of v1 and v2, where the loop tells it."""

from __future__ import annotations

from fastloop_v1.events import EVENTS
from fastloop_v1.v2.event_names import EVENT_NAMES
from fastloop_v1.v2.loop_places import PLACES

TRAINING = [place for place in PLACES if not place.in_validation]


def test_every_event_has_its_line():
    assert [place.event for place in TRAINING if place.event] == list(EVENTS)
    assert [event for place in TRAINING for event in place.v2_events] == list(EVENT_NAMES)


def test_a_fit_passes_the_lines_in_this_order(small):
    log = small.Log()
    small.learner(2, bunch=small.data(2), cbs=[log]).fit(1, 0.1)
    told = [event for place in PLACES for event in place.v2_events if not place.is_rare]
    assert log.seen == ["after_create", *told]


def test_what_the_loop_takes_over_stands_with_both_names():
    taken = {place.title: place.taken for place in TRAINING}
    assert taken["on_batch_begin, before_batch"] == "last_input = xb, last_target = yb"
    assert taken["on_step_end, after_step"] == "skip_zero"
    assert taken["before_train"] == taken["fit"] == ""
    (in_validation,) = [place.taken for place in PLACES if place.title == "after_loss"]
    assert in_validation == "last_loss = loss_grad"


def test_points_are_those_of_v2s_events_that_v1_has_not():
    assert all(place.is_point for place in PLACES if place.v2_events and not place.event and place.depth)
    assert not any(place.is_point for place in PLACES if place.event)
