"""The memory of the process is measured in each epoch."""

from __future__ import annotations

import gc
import pickle
import threading

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.callback import Callback
from fastloop_v1.callbacks.cpu_mem import CpuPeakMemMetric

BATCHES = [(torch.ones(2, 3), torch.ones(2, 1))]
MIB = 2**20


class Hoard(Callback):
    """Takes memory at one event and gives it back at another."""

    def __init__(self, take, give=None, mib=64):
        self.mib = mib
        setattr(self, f"on_{take}", self.take)
        if give:
            setattr(self, f"on_{give}", self.give)

    def take(self, **kwargs):
        self.hoard = bytearray(b"1") * (self.mib * MIB)

    def give(self, **kwargs):
        self.hoard = None


def learner(valid=BATCHES):
    torch.manual_seed(0)
    return Learner(DataBunch(BATCHES, valid), nn.Linear(3, 1), loss_func=F.mse_loss, silent=True)


def measured(*hoards, epochs=1, learn=None):
    learn = learn or learner()
    learn.fit(1)  # what torch loads with the first batch is not measured
    gc.collect()  # nor is a hoard of the test before
    learn.fit(epochs, callbacks=[CpuPeakMemMetric(learn), *hoards])
    return learn.recorder


def test_columns_are_named():
    recorder = measured(epochs=2)
    assert recorder.names == ["epoch", "train_loss", "valid_loss", "cpu used", "cpu peak", "time"]
    assert [len(row) for row in recorder.metrics] == [2, 2]
    assert all(type(value) is int for row in recorder.metrics for value in row)


def test_memory_that_stays_is_used():
    # Other things come and go around it.
    used, peak = measured(Hoard("batch_begin")).metrics[0]
    assert 48 <= used <= 80
    assert peak <= 16


def test_memory_that_was_taken_for_a_moment_is_the_peak():
    used, peak = measured(Hoard("batch_begin", give="batch_end")).metrics[0]
    assert -16 <= used <= 16
    assert 48 <= peak <= 80


def test_no_thread_is_left_behind():
    before = threading.active_count()
    measured(epochs=2)
    assert threading.active_count() == before


@pytest.mark.parametrize("event", ["epoch_begin", "batch_end", "epoch_end"])
def test_no_thread_is_left_behind_after_an_error(event, Spy):
    before = threading.active_count()
    with pytest.raises(ValueError, match="stop"):
        measured(Spy(**{event: ValueError("stop")}))
    assert threading.active_count() == before


def test_training_without_validation_is_measured():
    assert len(measured(learn=learner(valid=None)).metrics[0]) == 2


def test_predictions_are_not_measured():
    learn = learner()
    learn.callback_fns.append(CpuPeakMemMetric)
    learn.get_preds()
    assert threading.active_count() == 1


def test_callback_can_be_pickled_while_it_looks():
    learn = learner()
    metric = CpuPeakMemMetric(learn)
    metric.peak_monitor_start()
    back = pickle.loads(pickle.dumps(metric))
    metric.peak_monitor_stop()
    assert "_thread" not in vars(back)
    assert metric.get_state() == {}
