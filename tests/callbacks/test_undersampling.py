"""Frequent classes are drawn as seldom as the smallest one."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.callbacks.undersampling import UnderSamplingCallback


def test_epoch_has_as_many_of_each_class_as_the_smallest_has():
    torch.manual_seed(0)
    loader = DataLoader(TensorDataset(torch.ones(12, 2), torch.tensor([0] * 8 + [1] * 4)), 4)
    learn = Learner(DataBunch(loader, None, c=2), nn.Linear(2, 2), loss_func=F.cross_entropy, silent=True)
    sampling = UnderSamplingCallback(learn)
    learn.fit(2, callbacks=[sampling])
    assert sampling.total_len_undersample == 2 * 4
    assert learn.recorder.nb_batches == [2, 2]
    assert learn.under_sampling_callback is sampling
