from __future__ import annotations

import pytest

from fastloop_v1.recorder import Recorder
from fastloop_v1.utils.fakes import fake_learner
from fastloop_v1.utils.mod_display import progress_disabled_ctx


def test_learner_is_silent_in_the_block_and_speaks_after_it(capsys):
    learn = fake_learner()
    with progress_disabled_ctx(learn) as same:
        assert same is learn
        learn.fit(1)
        assert capsys.readouterr() == ("", "")
    learn.fit(1)
    assert "train_loss" in capsys.readouterr().out
    assert not learn.recorder.silent


def test_recorder_of_ones_own_is_the_one_that_records():
    class OwnRecorder(Recorder):
        """Another one."""

    learn = fake_learner()
    learn.callback_fns = [OwnRecorder]
    with progress_disabled_ctx(learn):
        learn.fit(1)
    assert len(learn.own_recorder.losses) > 0
    assert not hasattr(learn, "recorder")


def test_learner_without_recorder_gets_none(capsys):
    learn = fake_learner()
    learn.callback_fns = []
    with progress_disabled_ctx(learn):
        learn.fit(1)
    assert not hasattr(learn, "recorder")
    assert capsys.readouterr() == ("", "")


def test_learner_speaks_again_after_an_error():
    learn = fake_learner()
    assert not learn.silent

    def fail_inside():
        with progress_disabled_ctx(learn):
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        fail_inside()
    assert not learn.silent
