"""What a fit is resumed from, and what it says of it."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.callbacks import CheckpointCallback
from fastloop_v1.errors import FastloopWarning
from fastloop_v1.resume.resuming import (
    Resumption,
    batches_in,
    checkpoints_below,
    newest_checkpoint,
    resumption,
)
from fastloop_v1.resume.state_return import MismatchError


def _learner(path, rows=8, width=1):
    points = TensorDataset(torch.randn(rows, 2), torch.randn(rows, 1))
    data = DataBunch(DataLoader(points, 4), DataLoader(points, 4), path=path, device="cpu")
    model = nn.Sequential(nn.Linear(2, width), nn.Linear(width, 1))
    return Learner(data, model, loss_func=F.mse_loss, silent=True, callback_fns=[CheckpointCallback])


def test_without_a_checkpoint_training_starts_afresh(tmp_path):
    learn = _learner(tmp_path)
    learn.fit(1, resume=True)
    assert len(learn.recorder.losses) == 2


def test_newest_checkpoint_is_found_below_the_models(tmp_path):
    learn = _learner(tmp_path)
    assert newest_checkpoint(checkpoints_below(learn)) is None
    learn.fit(2)
    assert checkpoints_below(learn).path == tmp_path / "models" / "checkpoints"
    assert newest_checkpoint(checkpoints_below(learn)).manifest.epoch == 2


def test_learner_without_the_callback_can_go_on_too(tmp_path):
    _learner(tmp_path).fit(1)
    learn = _learner(tmp_path)
    learn.callback_fns.pop()
    learn.fit(2, callbacks=[Resumption(True)])
    assert len(learn.recorder.losses) == 4


def test_data_of_another_length_are_refused(tmp_path):
    _learner(tmp_path).fit(1)
    with pytest.raises(MismatchError, match="train_dl has 3 batches and had 2"):
        _learner(tmp_path, rows=12).fit(2, resume=True)


def test_another_split_of_the_data_is_named(tmp_path):
    def split(learn, seed):
        points = learn.data.train_ds
        parts = random_split(points, [6, 2], torch.Generator().manual_seed(seed))
        learn.data = DataBunch(*[DataLoader(part, 2) for part in parts], path=tmp_path, device="cpu")
        return learn

    split(_learner(tmp_path), 1).fit(1)
    split(_learner(tmp_path), 1).fit(2, resume=True)
    with pytest.warns(FastloopWarning, match="choose other samples"):
        split(_learner(tmp_path), 2).fit(3, resume=True)


def test_another_model_is_refused(tmp_path):
    _learner(tmp_path).fit(1)
    with pytest.raises(MismatchError, match=r"model\.0\.weight is \(1, 2\)"):
        _learner(tmp_path, width=2).fit(2, resume=True)


@pytest.mark.parametrize("nothing", [None, False])
def test_nothing_to_resume_needs_no_callback(nothing):
    assert resumption(nothing) == []
    assert [type(cb) for cb in resumption("path")] == [Resumption]


def test_loader_that_does_not_know_its_length_has_none():
    assert batches_in([1, 2]) == 2
    assert batches_in(iter([1, 2])) is None


@pytest.mark.parametrize("name", ["fit", "fit_one_cycle", "fit_fc"])
def test_every_way_to_train_can_be_resumed(tmp_path, name):
    getattr(_learner(tmp_path), name)(2)
    learn = _learner(tmp_path)
    getattr(learn, name)(2, resume=True)
    assert len(learn.recorder.losses) == 4
    assert learn.recorder.nb_batches == [2, 2]
