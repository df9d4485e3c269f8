"""v2's names for what our learner and its data call something else."""

from __future__ import annotations

import torch

from fastloop_v1.v2.learner_view import Loaders


def test_loaders_have_v2s_names(small):
    data = small.data()
    loaders = Loaders(data)
    assert (loaders.train, loaders.valid) == (data.train_dl, data.valid_dl)
    assert (loaders[0], loaders[1], len(loaders)) == (data.train_dl, data.valid_dl, 2)
    assert loaders.device == data.device


def test_unshuffled_training_data_are_whole(small):
    loaders = Loaders(small.data(5))
    x = torch.cat([xb for xb, _ in loaders.unshuffled(0)])
    assert torch.equal(x, loaders.train_ds.tensors[0])
    assert loaders.unshuffled(1) is loaders.valid


def test_one_input_and_target_stand_alone(small):
    seen = []
    learn = small.learner(cbs=[small.does("after_pred", lambda cb: seen.append((cb.x, cb.y, cb.dl, cb.lr)))])
    learn.fit(1, 0.1)
    x, y, dl, lr = seen[0]
    assert (x.shape, y.shape, lr) == ((2, 3), (2, 1), 0.1)
    assert dl is learn.data.train_dl
    assert seen[-1][2] is learn.data.valid_dl
    assert learn.dls.train is learn.data.train_dl
    assert callable(learn.dl)


def test_rate_before_there_is_an_optimizer_is_the_default(small):
    assert small.learner(cbs=[small.Log()]).lr == 3e-3
