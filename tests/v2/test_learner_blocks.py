"""Blocks in which a learner shows less, or its loss is not reduced."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastloop_v1 import progress
from fastloop_v1.losses import MSELossFlat


@pytest.fixture
def learn(small):
    return small.learner(cbs=[small.Log()], silent=False)


def test_in_no_bar_there_are_no_bars_but_the_table(learn, capsys):
    with learn.no_bar() as given:
        assert progress.NO_BAR is True
        learn.fit(1, 0.1)
    assert progress.NO_BAR is False
    assert given is learn
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_in_no_logging_nothing_is_written(learn, capsys):
    with learn.no_logging():
        learn.fit(2, 0.1)
    assert capsys.readouterr().out == ""
    assert learn.recorder.silent is False
    learn.fit(1, 0.1)
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_in_no_logging_within_a_fit_the_table_goes_on(small, capsys):
    def look(cb):
        with cb.learn.no_logging(), cb.learn.no_bar(), cb.learn.no_mbar(), cb.learn.removed_cbs(cb):
            assert len(learn.validate()) == 1

    learn = small.learner(cbs=[small.does("after_epoch", look, order=70)], silent=False)
    learn.fit(1, 0.1)
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_in_no_mbar_create_mbar_is_false(learn):
    with learn.no_mbar():
        assert learn.create_mbar is False
    assert learn.create_mbar is True
    learn.create_mbar = 3
    with pytest.raises(ValueError, match="stop"), learn.no_mbar():
        raise ValueError("stop")
    assert learn.create_mbar == 3


LOSSES = {"a function": lambda: F.mse_loss, "a module": nn.MSELoss, "a flat loss": MSELossFlat}


@pytest.mark.parametrize("make", LOSSES.values(), ids=LOSSES)
def test_in_loss_not_reduced_there_is_one_loss_for_each_item(small, make):
    learn = small.learner(loss_func=make(), cbs=[small.Log()])
    before, pred, target = learn.loss_func, torch.ones(4, 1), torch.zeros(4, 1)
    with learn.loss_not_reduced():
        assert learn.loss_func(pred, target).numel() == 4
    assert learn.loss_func is before
    assert learn.loss_func(pred, target).numel() == 1


@pytest.mark.parametrize("name", ["no_bar", "no_logging", "no_mbar", "loss_not_reduced"])
def test_without_v2_callbacks_there_are_none(small, name):
    assert not hasattr(small.learner(), name)
