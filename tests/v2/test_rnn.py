"""Recurrent models: outputs in three parts, penalties on them, and a memory that is cleared."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fastloop_v1.v2 import ModelResetter, RNNCallback, RNNRegularizer, rnn_cbs


class Sequences(nn.Module):
    """Predictions and outputs of shape (batch, time, size)."""

    def __init__(self):
        super().__init__()
        self.line, self.resets = nn.Linear(3, 1), 0

    def reset(self):
        self.resets += 1

    def forward(self, x):
        raw = torch.stack([x, 2 * x], 1)
        return self.line(x), [raw], [raw * 0.5]


def test_the_loss_is_that_of_the_predictions_and_reported_without_penalty(small):
    losses = []
    look = small.does("after_loss", lambda cb: losses.append((cb.loss.item(), cb.loss_grad.item())), order=5)
    learn = small.learner(
        2, model=Sequences(), cbs=[RNNCallback(), RNNRegularizer(alpha=2.0, beta=3.0), look]
    )
    x, y = learn.data.train_ds.tensors
    plain = ((learn.model.line(x) - y) ** 2).mean().item()
    learn.fit(1, 0.1)
    out = torch.stack([x, 2 * x], 1) * 0.5
    penalty = 2.0 * out.pow(2).mean() + 3.0 * x.pow(2).mean()
    assert losses[0] == (pytest.approx(plain), pytest.approx(plain + penalty.item()))
    assert losses[1][0] == losses[1][1]


def test_the_memory_is_cleared_around_training_and_validation(small):
    learn = small.learner(model=Sequences(), cbs=[ModelResetter(), RNNCallback()])
    learn.fit(2, 0.1)
    assert learn.model.resets == 1 + 2 * 2 + 1


@pytest.mark.parametrize(("alpha", "count"), [(0.0, 2), (1.0, 3)])
def test_the_regulariser_is_there_if_it_has_something_to_do(alpha, count):
    assert len(rnn_cbs(alpha=alpha)) == count
