"""v2's recorder: rows of losses and metrics, also where a part of an epoch was cancelled."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from fastloop_v1.v2 import (
    CancelEpochException,
    CancelFitException,
    CancelTrainException,
    CancelValidException,
)


def rows(small, cb=None, epochs=2, **options):
    learn = small.learner(cbs=[small.Log(), *([] if cb is None else [cb])], metrics=[F.l1_loss], **options)
    learn.fit(epochs, 0.1)
    return learn.recorder.values


def test_rows_are_those_of_v1s_recorder(small):
    learn = small.learner(cbs=[small.Log()], metrics=[F.l1_loss])
    learn.fit(2, 0.1)
    recorder = learn.recorder
    assert recorder.metric_names == ["epoch", "train_loss", "valid_loss", "l1_loss", "time"]
    assert [row[1] for row in recorder.values] == pytest.approx([float(loss) for loss in recorder.val_losses])
    assert [row[2:] for row in recorder.values] == [
        [float(value) for value in row] for row in recorder.metrics
    ]
    assert recorder.values[-1][0] == pytest.approx(float(recorder.losses[-1]))
    assert recorder.iters == [2, 4]
    assert recorder.log == [1, *recorder.values[-1], "00:00"]
    assert learn.final_record == recorder.values[-1]


CANCELLED = {
    "training": (CancelTrainException, "after_pred", 2),
    "validation": (CancelValidException, "before_validate", 1),
    "the epoch": (CancelEpochException, "before_train", 0),
    "the epoch at its begin": (CancelEpochException, "before_epoch", 0),
    "the epoch after training": (CancelEpochException, "before_validate", 1),
}


@pytest.mark.parametrize(("signal", "event", "length"), CANCELLED.values(), ids=CANCELLED)
def test_a_cancelled_part_is_left_out(small, signal, event, length):
    cb = small.raises(signal, event, lambda cb: cb.epoch == 0 and (event != "after_pred" or cb.training))
    assert [len(row) for row in rows(small, cb)] == [length, 3]


def test_a_cancelled_fit_has_no_row(small):
    assert rows(small, small.raises(CancelFitException, "after_validate")) == []


def test_without_validation_its_values_are_none(small):
    assert [row[1:] for row in rows(small, bunch=small.data(4, n_valid=0))] == [[None, None]] * 2


def test_losses_are_smoothed_and_known_after_its_turn(small):
    seen = []
    early = small.does(
        "after_batch", lambda cb: seen.append(len(cb.recorder.losses)), order=45, run_valid=False
    )
    late = small.does(
        "after_batch", lambda cb: seen.append(len(cb.recorder.losses)), order=55, run_valid=False
    )
    raw = []
    take = small.does("after_batch", lambda cb: raw.append(cb.loss.detach()), run_valid=False)
    learn = small.learner(cbs=[early, late, take])
    learn.fit(1, 0.1)
    assert seen == [0, 1, 1, 2]
    average = (0.98 * 0.02 * raw[0] + 0.02 * raw[1]) / (1 - 0.98**2)
    assert learn.recorder.losses[-1] == pytest.approx(float(average), rel=1e-5)
    assert float(learn.smooth_loss) == pytest.approx(float(average), rel=1e-5)


@pytest.mark.parametrize(("order", "length"), [(49, 2), (51, 5)], ids=["before it", "after it"])
def test_the_row_has_its_time_for_those_after_the_recorder(small, order, length):
    seen = []
    look = small.does("after_epoch", lambda cb: seen.append(list(cb.recorder.log)), order=order)
    rows(small, look, epochs=1)
    ((epoch, _, *rest),) = seen
    assert (epoch, len(rest)) == (0, length - 2)
    assert (rest[-1:] == ["00:00"]) is (order > 50)


def test_rates_are_those_of_the_last_group(small):
    model = torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.Linear(3, 1))
    learn = small.learner(model=model, cbs=[small.Log()])
    learn.split(lambda model: [model[1]])
    learn.fit(1, slice(0.01, 0.1))
    assert learn.v2_view.recorder.lrs == pytest.approx([0.1, 0.1])
