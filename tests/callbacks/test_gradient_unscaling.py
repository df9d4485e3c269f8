from __future__ import annotations

from types import SimpleNamespace

import pytest

from fastloop_v1.callback import CallbackHandler
from fastloop_v1.callbacks.gradient_unscaling import GradientUnscaling, LossScaling


class Scaling(LossScaling):
    """Notes what it is asked for."""

    _order = 999

    def __init__(self, learn, answer=None):
        super().__init__(learn)
        self.answer, self.asked = answer, []

    def prepare(self):
        self.asked.append("prepare")

    def unscale(self):
        self.asked.append("unscale")
        return self.answer


class Learn(SimpleNamespace):
    """Something that callbacks can belong to."""


def _handler(answer=None):
    learn = Learn(callbacks=[])
    learn.callbacks += [GradientUnscaling(learn), Scaling(learn, answer)]
    handler = CallbackHandler(learn.callbacks)
    handler.state_dict.update(skip_step=False)
    return learn, handler


def test_scaling_is_asked_to_prepare_and_to_unscale():
    learn, handler = _handler()
    handler("train_begin")
    handler("backward_end")
    assert learn.callbacks[1].asked == ["prepare", "unscale"]


@pytest.mark.parametrize("skip", [True, False])
def test_step_is_skipped_if_the_scaling_says_so(skip):
    _, handler = _handler({"skip_step": True} if skip else None)
    assert handler.on_backward_end() is skip


def test_unscaling_comes_first_of_all():
    learn, handler = _handler()
    assert handler.callbacks[0] is learn.gradient_unscaling
    assert GradientUnscaling._order < -100


def test_base_scales_nothing():
    scaling = LossScaling(Learn())
    assert [scaling.prepare(), scaling.unscale(), scaling.hand_back()] == [None, None, None]
