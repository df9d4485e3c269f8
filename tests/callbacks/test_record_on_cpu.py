"""The last batch is kept."""

from __future__ import annotations

import torch
from torch import nn

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.callbacks.record_on_cpu import RecordOnCPU


def test_last_batch_is_kept_detached():
    batches = [(torch.full((2, 1), i, requires_grad=True), torch.full((2, 1), i + 10)) for i in (1.0, 2.0)]
    record = RecordOnCPU()
    Learner(DataBunch(batches, None), nn.Linear(1, 1), loss_func=nn.MSELoss(), silent=True).fit(
        1, callbacks=record
    )
    assert (record.input.tolist(), record.target.tolist()) == ([[2.0], [2.0]], [[12.0], [12.0]])
    assert not record.input.requires_grad


def test_batch_of_several_parts_is_kept_part_by_part():
    record = RecordOnCPU()
    record.on_batch_begin([torch.ones(1), torch.zeros(1)], (torch.ones(2),), train=True)
    assert [part.tolist() for part in record.input] == [[1.0], [0.0]]
    assert [part.tolist() for part in record.target] == [[1.0, 1.0]]
