"""Frozen batch norms keep their running statistics while the rest trains."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fastloop_v1.callbacks.bn_freeze import BnFreeze


@pytest.fixture
def learn(line_learner):
    model = nn.Sequential(
        nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3)), nn.ReLU(), nn.BatchNorm1d(3), nn.Linear(3, 1)
    )
    learn = line_learner(model=model, train_bn=False)
    learn.split([model[2]])
    learn.freeze()
    return learn


def statistics(layer):
    return {name: value.clone() for name, value in layer.named_buffers()}


def changed(before, layer):
    return not all(torch.equal(before[name], value) for name, value in layer.named_buffers())


@pytest.mark.parametrize("freezes", [True, False])
def test_frozen_statistics_stay_and_others_move(learn, freezes):
    frozen, free = learn.model[0][1], learn.model[2]
    before = [statistics(layer) for layer in (frozen, free)]
    learn.fit(2, 0.1, callbacks=[BnFreeze(learn)] if freezes else [])
    assert changed(before[0], frozen) != freezes
    assert changed(before[1], free)


@pytest.mark.parametrize("n_valid", [4, 0])
def test_all_layers_are_left_in_one_mode(line_learner, n_valid):
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    learn = line_learner(model=model, n_valid=n_valid, train_bn=False, callback_fns=BnFreeze)
    learn.split([model[2]])
    learn.freeze()
    learn.fit(1, 0.1)
    assert {layer.training for layer in model.modules()} == {n_valid == 0}


def test_layers_are_put_back_after_an_error(learn):
    class Fails(nn.Module):
        def forward(self, x):
            raise ValueError("stop")

    learn.model[1] = Fails()
    with pytest.raises(ValueError, match="stop"):
        learn.fit(1, 0.1, callbacks=BnFreeze(learn))
    assert {layer.training for layer in learn.model.modules()} == {True}
