"""Gradients are scaled down to a norm, all together."""

from __future__ import annotations

import pytest
import torch

from fastloop_v1.callback import Callback
from fastloop_v1.callbacks.gradient_clipping import GradientClipping, clip_grad


class Gradients(Callback):
    """Keeps the gradient that each step is made with, as one vector."""

    def __init__(self, learn, order):
        self.learn, self._order, self.seen = learn, order, []

    def on_backward_end(self, **kwargs):
        parts = [param.grad.reshape(-1).clone() for param in self.learn.model.parameters()]
        self.seen.append(torch.cat(parts))


@pytest.mark.parametrize("clip", [0.125, 1.0, 100.0, 0.0])
def test_gradient_above_the_norm_is_scaled_down_to_it(line_learner, clip):
    learn = line_learner()
    before, after = Gradients(learn, -1), Gradients(learn, 1)
    learn.fit(2, 0.1, callbacks=[before, GradientClipping(learn, clip), after])
    assert len(after.seen) == 4
    for raw, clipped in zip(before.seen, after.seen, strict=True):
        factor = min(1.0, clip / raw.norm().item()) if clip else 1.0
        assert torch.allclose(clipped, raw * factor, rtol=1e-4)


def test_parameters_without_gradient_are_let_be(line_learner):
    learn = line_learner()
    learn.model.bias.requires_grad_(False)
    learn.fit(1, 0.1, callbacks=GradientClipping(learn, 0.1))
    assert learn.model.bias.grad is None


def test_recipe_clips_in_every_fit_and_returns_the_learner(line_learner):
    learn = line_learner()
    assert clip_grad(learn, clip=0.25) is learn
    for _ in range(2):
        after = Gradients(learn, 1)
        learn.fit(1, 0.1, callbacks=after)
        assert all(gradient.norm() < 0.2501 for gradient in after.seen)
    assert learn.gradient_clipping.clip == 0.25


def test_recipe_clips_to_a_tenth_by_default(line_learner):
    learn = clip_grad(line_learner())
    learn.fit(1, 0.1)
    assert learn.gradient_clipping.clip == 0.1
