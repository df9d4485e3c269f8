"""`CheckpointCallback` writes when it should, keeps what it should, and stays out of what is no training."""

from __future__ import annotations

import signal
from datetime import timedelta
from functools import partial

import pytest
import torch
from torch.utils.data import DataLoader, IterableDataset

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.callbacks import CheckpointCallback
from fastloop_v1.errors import ArgumentError
from fastloop_v1.resume.checkpoint_folder import read_checkpoint, read_manifest


def _iterations(learn):
    folder = learn.checkpoint_callback.folder
    return sorted(read_manifest(path).iteration for path in folder.paths())


@pytest.mark.parametrize(
    ("every", "expected"),
    [
        ("epoch", [0, 2, 4, 6]),
        (1, [0, 1, 2, 3, 4, 5, 6, 6]),
        (4, [0, 4, 6]),
        (1000.0, [0, 6]),
        (1e-9, [0, 1, 2, 3, 4, 5, 6, 6]),
        (timedelta(hours=1), [0, 6]),
    ],
    ids=str,
)
def test_checkpoints_are_written_in_the_beginning_when_it_is_time_and_in_the_end(
    line_learner, every, expected
):
    learn = line_learner(callback_fns=[partial(CheckpointCallback, every=every, keep=20)])
    learn.fit(3)
    assert _iterations(learn) == expected


def test_so_many_newest_ones_are_kept(line_learner):
    learn = line_learner(callback_fns=[partial(CheckpointCallback, every=1, keep=2)])
    learn.fit(3)
    assert _iterations(learn) == [6, 6]
    assert not learn.checkpoint_callback.folder.unfinished()


def test_last_one_of_an_earlier_fit_is_kept(line_learner):
    learn = line_learner(callback_fns=[partial(CheckpointCallback, keep=1)])
    learn.fit(3)
    learn.fit(2)
    learn.fit(1)
    assert _iterations(learn) == [2, 4, 6]


def test_run_before_keeps_its_last_one_until_the_next_run(line_learner):
    for epochs in (3, 2, 1):
        line_learner(callback_fns=[partial(CheckpointCallback, keep=1)]).fit(epochs)
    learn = line_learner(callback_fns=[CheckpointCallback])
    learn.fit(0)
    assert _iterations(learn) == [0, 2]


@pytest.mark.parametrize("every", ["batch", 0, -1, 0.0, True, None, timedelta(0)], ids=str)
def test_other_values_of_every_are_refused(line_learner, every):
    with pytest.raises(ArgumentError, match="every is"):
        CheckpointCallback(line_learner(), every)


@pytest.mark.parametrize("keep", [0, -1, 1.5, True], ids=str)
def test_other_values_of_keep_are_refused(line_learner, keep):
    with pytest.raises(ArgumentError, match="keep is"):
        CheckpointCallback(line_learner(), keep=keep)


def test_other_folder_can_be_named(line_learner, tmp_path):
    learn = line_learner()
    learn.fit(1, callbacks=[CheckpointCallback(learn, folder="elsewhere")])
    assert len(list((tmp_path / "models" / "elsewhere").iterdir())) == 2


def test_what_is_no_training_writes_nothing(line_learner, tmp_path):
    learn = line_learner(callback_fns=[CheckpointCallback])
    before = signal.getsignal(signal.SIGTERM)
    learn.lr_find(num_it=4)
    learn.validate()
    learn.get_preds()
    learn.callbacks.append(CheckpointCallback(learn))
    learn.validate()
    assert not (tmp_path / "models").exists()
    assert signal.getsignal(signal.SIGTERM) == before


def test_stream_is_refused_before_training(line_learner, tmp_path):
    class Stream(IterableDataset):
        def __iter__(self):
            return iter([(torch.zeros(2), torch.zeros(1))] * 4)

    learn = line_learner(callback_fns=[CheckpointCallback])
    learn.data = DataBunch(DataLoader(Stream(), 2), None, path=tmp_path, device="cpu", no_check=True)
    with pytest.raises(ArgumentError, match="cannot be resumed"):
        learn.fit(1)
    assert learn.recorder.losses == []


def test_checkpoint_names_what_is_not_kept(line_learner, told_metric):
    learn = line_learner(callback_fns=[CheckpointCallback], metrics=[told_metric(0.5, 0.7)])
    learn.fit(1)
    found = read_checkpoint(learn.checkpoint_callback.folder.paths()[0])
    assert any("left (builtins.tuple_iterator)" in place for place in found.manifest.not_kept)


def test_fit_with_it_gives_the_same_as_without(line_learner):
    results = []
    for fns in ([], [partial(CheckpointCallback, every=1)]):
        learn = line_learner(callback_fns=fns)
        learn.fit_one_cycle(2, 0.1)
        results.append([weight.tolist() for weight in learn.model.parameters()] + learn.recorder.losses)
    assert results[0] == results[1]
