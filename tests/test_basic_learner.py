"""The least learner, and the bare epoch."""

from __future__ import annotations

import torch
from torch import nn

from fastloop_v1.basic_learner import BasicLearner, train_epoch


def test_train_epoch_takes_the_same_steps_as_a_loop_by_hand():
    torch.manual_seed(0)
    batches = [(torch.randn(4, 3), torch.randn(4, 1)) for _ in range(3)]
    model, twin = nn.Linear(3, 1), nn.Linear(3, 1)
    twin.load_state_dict(model.state_dict())
    model.eval()

    train_epoch(model, batches, torch.optim.SGD(model.parameters(), lr=0.1), nn.MSELoss())

    for x, y in batches:
        twin.zero_grad()
        nn.MSELoss()(twin(x), y).backward()
        with torch.no_grad():
            for param in twin.parameters():
                param -= 0.1 * param.grad
    assert model.training
    assert all(torch.allclose(a, b) for a, b in zip(model.parameters(), twin.parameters(), strict=True))


def test_basic_learner_takes_its_four_parts_in_v1s_order():
    learn = BasicLearner("model", "loss", "opt", "data")
    assert (learn.model, learn.loss_func, learn.opt, learn.data) == ("model", "loss", "opt", "data")
