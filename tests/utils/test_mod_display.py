from __future__ import annotations

import pytest

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


def test_learner_speaks_again_after_an_error():
    learn = fake_learner()
    before = learn.silent, learn.callback_fns

    def fail_inside():
        with progress_disabled_ctx(learn):
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        fail_inside()
    assert (learn.silent, learn.callback_fns) == before
