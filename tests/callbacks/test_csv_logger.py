"""The table of results is in the file, row by row, and no history is lost."""

from __future__ import annotations

import csv
import gc
import re
import threading

import pytest
import torch

from fastloop_v1.callback import Callback, add_metrics
from fastloop_v1.callbacks.csv_logger import CSVLogger

TIME = re.compile(r"\d\d:\d\d")


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


@pytest.fixture
def logged(line_learner, tmp_path):
    """Makes a learner that logs, and the path of its history."""
    return lambda **kwargs: (line_learner(callback_fns=CSVLogger, **kwargs), tmp_path / "history.csv")


def test_file_holds_the_table(logged, told_metric):
    learn, path = logged(metrics=[told_metric(0.5, 1 / 3)])
    learn.fit(2, 0.1)
    titles, *rows = rows_of(path)
    recorder = learn.recorder
    assert titles == ["epoch", "train_loss", "valid_loss", "score", "time"] == recorder.names
    assert [row[:4] for row in rows] == [
        ["0", f"{recorder.losses[1]:.6f}", f"{recorder.val_losses[0]:.6f}", "0.500000"],
        ["1", f"{recorder.losses[3]:.6f}", f"{recorder.val_losses[1]:.6f}", "0.333333"],
    ]
    assert all(TIME.fullmatch(row[4]) for row in rows)


@pytest.mark.parametrize("add_time", [True, False])
@pytest.mark.parametrize("n_valid", [4, 0])
def test_bug_64_titles_and_rows_agree(logged, told_metric, add_time, n_valid):
    learn, path = logged(metrics=[told_metric(0.5, 0.75)], add_time=add_time, n_valid=n_valid)
    learn.fit(2, 0.1)
    titles, *rows = rows_of(path)
    assert ("time" in titles) == add_time
    assert [len(row) for row in rows] == [len(titles)] * 2
    assert [row[3] for row in rows] == (["0.500000", "0.750000"] if n_valid else ["#na#", "#na#"])


def test_bug_64_values_that_are_no_numbers_are_written_as_text(logged, told_metric):
    odd = ['one, "two"', [1, 2], 7, torch.tensor([1.0, 2.0])]

    class Odd(Callback):
        _order = -5

        def on_epoch_end(self, last_metrics, **kwargs):
            return add_metrics(last_metrics[:1], odd)

    learn, path = logged(metrics=[told_metric(0.0, name=name) for name in "abcd"])
    learn.fit(1, 0.1, callbacks=Odd())
    assert rows_of(path)[1][3:-1] == ['one, "two"', "[1, 2]", "7", "tensor([1., 2.])"]


def test_bug_64_lr_find_leaves_the_history(logged):
    learn, path = logged()
    learn.fit(1, 0.1)
    before = path.read_bytes()
    learn.lr_find(num_it=3)
    assert path.read_bytes() == before


class FailIn(Callback):
    """Raises at the beginning of an epoch."""

    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_begin(self, epoch, **kwargs):
        if epoch == self.epoch:
            raise ValueError("stop")


@pytest.mark.parametrize("failing", [0, 2])
def test_bug_64_rows_of_a_fit_that_fails_are_there_and_no_file_stays_open(logged, failing):
    learn, path = logged()
    learn.fit(1, 0.1)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="stop"):
        learn.fit(3, 0.1, callbacks=FailIn(failing))
    assert len(rows_of(path)) == 1 + (failing or 1)
    assert (path.read_bytes() == before) == (failing == 0)
    # A file left open would warn when it is collected, and a warning fails the test.
    del learn
    gc.collect()


def test_row_is_on_the_disk_when_its_epoch_is_through(logged):
    learn, path = logged()
    lengths = []

    class Look(Callback):
        _order = 10

        def on_epoch_end(self, **kwargs):
            lengths.append(len(rows_of(path)))

    learn.fit(3, 0.1, callbacks=Look())
    assert lengths == [2, 3, 4]


def test_new_history_takes_the_place_of_the_old_one_whole(logged):
    learn, path = logged()
    learn.fit(3, 0.1)
    old, seen, done = path.read_bytes(), set(), threading.Event()

    def read():
        while not done.is_set():
            seen.add(path.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    learn.fit(1, 0.1)
    done.set()
    reader.join()
    assert seen <= {old, path.read_bytes()}


def test_appended_rows_come_below_those_of_an_older_file(line_learner, tmp_path):
    learn = line_learner()
    path = tmp_path / "log.csv"
    for _ in range(2):
        learn.fit(2, 0.1, callbacks=CSVLogger(learn, filename="log", append=True))
    assert [row[0] for row in rows_of(path)] == ["epoch", "0", "1", "0", "1"]


def test_appended_rows_do_not_run_into_a_line_that_was_cut_off(line_learner, tmp_path):
    path = tmp_path / "log.csv"
    path.write_text("epoch,train_loss\n0,0.5")
    learn = line_learner()
    learn.fit(1, 0.1, callbacks=CSVLogger(learn, filename="log", append=True))
    assert [row[0] for row in rows_of(path)] == ["epoch", "0", "0"]


def test_same_callback_starts_a_new_file_at_a_second_fit(line_learner, tmp_path):
    learn = line_learner()
    learn.callbacks = [CSVLogger(learn)]
    learn.fit(2, 0.1)
    learn.fit(1, 0.1)
    assert [row[0] for row in rows_of(tmp_path / "history.csv")] == ["epoch", "0"]


def test_file_is_read_as_a_data_frame(logged):
    learn, _ = logged(add_time=False)
    learn.fit(2, 0.1)
    frame = learn.csv_logger.read_logged_file()
    assert list(frame.columns) == ["epoch", "train_loss", "valid_loss"]
    assert frame["epoch"].tolist() == [0, 1]
    assert frame["valid_loss"].tolist() == pytest.approx(learn.recorder.val_losses, abs=1e-6)


def test_missing_folders_are_made(line_learner, tmp_path):
    learn = line_learner()
    learn.fit(1, 0.1, callbacks=CSVLogger(learn, filename="runs/first"))
    assert len(rows_of(tmp_path / "runs" / "first.csv")) == 2


def test_validation_alone_writes_nothing(line_learner, tmp_path):
    learn = line_learner()
    learn.callbacks = [CSVLogger(learn)]
    learn.validate()
    assert list(tmp_path.iterdir()) == []


def test_processes_other_than_the_first_write_nothing(logged, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    learn, path = logged()
    learn.fit(1, 0.1)
    assert not path.exists()


def test_state_is_what_it_was_made_with(line_learner, tmp_path):
    learn = line_learner()
    learn.fit(1, 0.1, callbacks=CSVLogger(learn))
    state = learn.csv_logger.get_state()
    state.pop("start_epoch")
    assert state == {"filename": "history", "append": False, "path": tmp_path / "history.csv"}
