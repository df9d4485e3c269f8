"""The number of the last finished epoch is kept in a file, and a fit goes on behind it."""

from __future__ import annotations

from functools import partial

import pytest

from fastloop_v1.callback import Callback
from fastloop_v1.callbacks.track_epoch import TrackEpochCallback
from fastloop_v1.errors import FastloopWarning


class Epochs(Callback):
    """Notes the epochs that were trained."""

    def __init__(self):
        self.begun = []

    def on_epoch_begin(self, epoch, **kwargs):
        self.begun.append(epoch)


def epochs_of_fit(learn, n_epochs, callback):
    epochs = Epochs()
    learn.fit(n_epochs, 0.1, callbacks=[epochs, callback])
    return epochs.begun


def test_new_callback_goes_on_behind_the_last_epoch(line_learner, tmp_path):
    learn = line_learner()
    assert epochs_of_fit(learn, 2, TrackEpochCallback(learn)) == [0, 1]
    assert (tmp_path / "models" / "epoch").read_text() == "1"
    assert epochs_of_fit(learn, 4, TrackEpochCallback(learn)) == [2, 3]
    assert epochs_of_fit(learn, 4, TrackEpochCallback(learn)) == []
    assert (tmp_path / "models" / "epoch").read_text() == "3"


def test_file_is_named_as_told(line_learner, tmp_path):
    learn = line_learner()
    epochs_of_fit(learn, 1, TrackEpochCallback(learn, name="sub/counter"))
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["counter"]


@pytest.mark.parametrize("before", [0, 3], ids=["no file", "with a file"])
def test_bug_52_offset_is_where_the_fit_starts(line_learner, before):
    learn = line_learner()
    learn.fit(before, 0.1, callbacks=TrackEpochCallback(learn))
    assert epochs_of_fit(learn, 3, TrackEpochCallback(learn, epoch_offset=1)) == [1, 2]


def test_bug_52_file_is_never_half_written(line_learner, tmp_path, monkeypatch):
    learn = line_learner()
    learn.fit(2, 0.1, callbacks=TrackEpochCallback(learn))

    def no_more(*args):
        raise OSError("the disk is gone")

    monkeypatch.setattr("os.replace", no_more)
    with pytest.raises(OSError, match="disk is gone"):
        learn.fit(3, 0.1, callbacks=TrackEpochCallback(learn))
    monkeypatch.undo()
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["epoch"]
    assert epochs_of_fit(learn, 3, TrackEpochCallback(learn)) == [2]


def test_restart_starts_with_the_first_epoch(line_learner, tmp_path):
    learn = line_learner()
    learn.fit(2, 0.1, callbacks=TrackEpochCallback(learn))
    callback = TrackEpochCallback(learn)
    callback.restart()
    callback.restart()
    assert not (tmp_path / "models" / "epoch").exists()
    assert epochs_of_fit(learn, 2, callback) == [0, 1]


def test_file_without_a_number_warns_and_starts_with_the_first_epoch(line_learner, tmp_path):
    learn = line_learner()
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "epoch").write_text("three")
    with pytest.warns(FastloopWarning, match="epoch holds no number"):
        callback = TrackEpochCallback(learn)
    assert epochs_of_fit(learn, 1, callback) == [0]


def test_fit_of_the_same_callback_starts_where_the_first_one_did(line_learner):
    learn = line_learner()
    callback = TrackEpochCallback(learn)
    assert [epochs_of_fit(learn, 2, callback) for _ in range(2)] == [[0, 1], [0, 1]]


def test_lr_find_and_validation_alone_write_nothing(line_learner, tmp_path):
    learn = line_learner(callback_fns=partial(TrackEpochCallback, name="tried"))
    learn.lr_find(num_it=3)
    learn.callbacks = [TrackEpochCallback(learn)]
    learn.validate()
    assert list(tmp_path.iterdir()) == []


def test_processes_other_than_the_first_write_nothing(line_learner, tmp_path, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    learn = line_learner()
    learn.fit(1, 0.1, callbacks=TrackEpochCallback(learn))
    assert list(tmp_path.iterdir()) == []
