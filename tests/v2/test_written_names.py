"""What a method writes is read from its source."""

from __future__ import annotations

import pytest

from fastloop_v1.v2.written_names import learner_names_written, state_keys_returned


class Some:
    def a_dict(self, **state):
        return {"last_loss": 1, "other": 2}

    def a_call(self, **state):
        return dict(skip_step=True, skip_zero=True)  # noqa: C408

    def a_choice(self, good, **state):
        if good:
            return None
        return {"stop_epoch": True} if good else {"stop_training": True}

    def assigns(self):
        self.learn.xb, self.learn.yb = 1, 2
        self.learn.loss_grad *= 2
        self.mine = 3

    def by_another_name(self):
        learn = self.learn
        learn.pred: int = 3
        other = 2
        other.x = 1


RETURNED = {
    "a dict": (Some.a_dict, ("last_loss",)),
    "a call": (Some.a_call, ("skip_step", "skip_zero")),
    "a choice": (Some.a_choice, ("stop_epoch", "stop_training")),
    "nothing": (Some.assigns, ()),
    "no source": (len, ()),
}
WRITTEN = {
    "on self.learn": (Some.assigns, ("xb", "yb", "loss_grad")),
    "by another name": (Some.by_another_name, ("pred",)),
    "no source": (len, ()),
}


@pytest.mark.parametrize(("method", "keys"), RETURNED.values(), ids=RETURNED)
def test_returned_keys_are_found(method, keys):
    assert state_keys_returned(method) == keys


@pytest.mark.parametrize(("method", "names"), WRITTEN.values(), ids=WRITTEN)
def test_attributes_set_are_found(method, names):
    assert learner_names_written(method) == names
