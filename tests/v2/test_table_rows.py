"""Rows of the table go through the learner's `logger`."""

from __future__ import annotations

import pytest
import torch.nn.functional as F

from fastloop_v1.v2 import Callback, CancelEpochException


class Lines(Callback):
    """Writes rows down, in the manner of callbacks for CSV files, and hands them on if it is to."""

    def __init__(self, hands_on=True):
        self.rows, self.hands_on = [], hands_on

    def before_fit(self):
        self.old, self.learn.logger = self.logger, self.line

    def line(self, row):
        self.rows.append(list(row))
        if self.hands_on:
            self.old(row)

    def after_fit(self):
        self.learn.logger = self.old


def fit(small, *cbs, **options):
    learn = small.learner(cbs=list(cbs), metrics=[F.l1_loss], silent=False, **options)
    learn.fit(2, 0.1)
    return learn


def shown(capsys):
    """Lines of the table without the time."""
    return [line.split()[:4] for line in capsys.readouterr().out.splitlines()]


def test_a_logger_gets_epoch_values_and_time(small, capsys):
    lines = Lines(hands_on=False)
    learn = fit(small, lines)
    assert [row[:-1] for row in lines.rows] == [[n, *row] for n, row in enumerate(learn.recorder.values)]
    assert {row[-1] for row in lines.rows} == {"00:00"}
    assert [len(row) for row in lines.rows] == 2 * [len(learn.recorder.metric_names)]
    assert shown(capsys) == [["epoch", "train_loss", "valid_loss", "l1_loss"]]


def test_rows_that_are_handed_on_are_the_table(small, capsys):
    fit(small, Callback())
    alone = shown(capsys)
    fit(small, Lines())
    assert shown(capsys) == alone
    assert len(alone) == 3


def test_a_logger_put_back_in_the_middle_leaves_the_rest_to_the_table(small, capsys):
    lines = Lines(hands_on=False)

    def put_back(cb):
        cb.learn.logger = lines.old

    fit(small, lines, small.does("before_epoch", lambda cb: put_back(cb) if cb.epoch else None))
    assert [row[0] for row in lines.rows] == [0]
    assert [line[0] for line in shown(capsys)] == ["epoch", "1"]


def test_a_cancelled_part_is_left_out_of_the_row(small, capsys):
    lines = Lines()
    fit(small, lines, small.raises(CancelEpochException, "before_validate"))
    assert [len(row) for row in lines.rows] == [3, 3]
    assert len(shown(capsys)) == 3


def test_the_recorder_speaks_again_after_an_error(small):
    learn = small.learner(cbs=[Lines()], silent=False)
    with pytest.raises(ValueError, match="stop"):
        learn.fit(1, 0.1, cbs=[small.raises(ValueError("stop"), "after_pred", lambda cb: not cb.training)])
    assert learn.recorder.silent is False


def test_a_silent_learner_stays_silent(small, capsys):
    lines = Lines()
    small.learner(cbs=[lines], silent=True).fit(1, 0.1)
    assert len(lines.rows) == 1
    assert capsys.readouterr().out == ""


def test_a_callback_by_the_name_of_logger_is_no_logger(small, capsys):
    kind = type("Logger", (Callback,), {})
    learn = fit(small, kind())
    assert type(learn.logger) is kind
    assert len(shown(capsys)) == 3


def test_a_row_of_ones_own_is_written_too(small, capsys):
    fit(small, small.does("after_epoch", lambda cb: cb.logger([7, 1.5, None]), order=55))
    assert [line[:3] for line in shown(capsys)[2::2]] == 2 * [["7", "1.500000", "#na#"]]
