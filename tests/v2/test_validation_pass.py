"""A pass over a loader is a fit of one epoch that only validates, and leaves the learner as it was."""

from __future__ import annotations

import pytest

from fastloop_v1.v2.validation_pass import ValidationPass

BATCH = ["before_batch", "after_pred", "after_loss", "after_batch"]
PASS = [
    "before_fit",
    "before_epoch",
    "before_validate",
    *BATCH,
    *BATCH,
    "after_validate",
    "after_epoch",
    "after_fit",
]


def test_validate_tells_a_fit_that_only_validates(small):
    log = small.Log()
    learn = small.learner(cbs=[log])
    log.seen.clear()
    learn.validate()
    assert log.seen == PASS


def test_without_a_batch_nothing_is_told(small):
    log = small.Log()
    learn = small.learner(cbs=[log])
    log.seen.clear()
    with ValidationPass(learn, learn.data.valid_dl):
        """Nothing to do."""
    assert log.seen == []


@pytest.mark.parametrize("error", [False, True], ids=["a pass", "a pass with an error"])
def test_the_learner_is_as_before(small, error):
    learn = small.learner(cbs=[small.Log()])
    learn.fit(1, 0.1)
    if error:
        learn.add_cb(small.raises(ValueError("stop"), "after_pred"))
    before, rows = dict(vars(learn)), list(learn.recorder.values)
    if error:
        with pytest.raises(ValueError, match="stop"):
            learn.validate()
    else:
        learn.validate()
    assert vars(learn) == before
    assert learn.recorder.values == rows
    assert learn.data.valid_dl.tfms == []
