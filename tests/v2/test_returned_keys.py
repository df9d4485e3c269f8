"""Keys that a method returns are read from its source."""

from __future__ import annotations

import pytest

from fastloop_v1.basic_train import add_metrics
from fastloop_v1.v2.method_source import parts_of
from fastloop_v1.v2.returned_keys import ReturnedKeys


class Returns:
    def a_dict(self, **state):
        return {"last_loss": 1, "other": 2}

    def a_call(self, **state):
        return dict(skip_step=True, skip_zero=True)  # noqa: C408

    def a_choice(self, good, **state):
        if good:
            return None
        return {"stop_epoch": True} if good else {"stop_training": True}

    def a_name(self, **state):
        found = {"last_input": 1}
        found["last_target"] = 2
        found.update(skip_step=True)
        found.update({"skip_zero": True})
        return found

    def a_name_in_time(self, good, **state):
        found = {}
        if good:
            found = {"last_loss": 2}
        return found or None

    def more_of_a_dict(self, **state):
        found = {"last_input": 1}
        return {**found, "last_target": 1} | {"skip_bwd": True}

    def a_metric(self, last_metrics, **state):
        return add_metrics(last_metrics, [1])

    def through_a_method(self, **state):
        return self.a_dict(**state)

    def in_a_function_of_its_own(self, **state):
        def inner():
            return {"stop_epoch": True}

        inner()

    def from_elsewhere(self, **state):
        return len(state)

    def a_name_from_elsewhere(self, **state):
        return state

    def a_key_from_elsewhere(self, key, **state):
        return {key: 1, "last_loss": 2}

    def more_from_elsewhere(self, more, **state):
        found = {**more}
        found.setdefault("last_loss", 1)
        return found

    def a_flag(self, **state):
        return True


RETURNED = {
    "a dict": ("a_dict", ("last_loss",), False),
    "a call": ("a_call", ("skip_step", "skip_zero"), False),
    "a choice": ("a_choice", ("stop_epoch", "stop_training"), False),
    "a name": ("a_name", ("last_input", "last_target", "skip_step", "skip_zero"), False),
    "a name that is set again": ("a_name_in_time", ("last_loss",), False),
    "a dict with another": ("more_of_a_dict", ("last_input", "last_target", "skip_bwd"), False),
    "a metric": ("a_metric", ("last_metrics",), False),
    "through a method": ("through_a_method", ("last_loss",), False),
    "nothing": ("in_a_function_of_its_own", (), False),
    "from elsewhere": ("from_elsewhere", (), True),
    "a name from elsewhere": ("a_name_from_elsewhere", (), True),
    "a key from elsewhere": ("a_key_from_elsewhere", ("last_loss",), True),
    "more from elsewhere": ("more_from_elsewhere", ("last_loss",), True),
    "a flag alone": ("a_flag", ("stop_epoch",), False),
}


@pytest.mark.parametrize(("name", "keys", "unclear"), RETURNED.values(), ids=RETURNED)
def test_returned_keys_are_found(name, keys, unclear):
    found = ReturnedKeys(parts_of(getattr(Returns(), name))[0], bare=("stop_epoch",))
    assert [key for key in found.keys if key != "other"] == list(keys)
    assert found.is_unclear is unclear
