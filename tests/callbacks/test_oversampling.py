"""Rare classes are drawn as often as the largest one."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.callbacks.oversampling import OverSamplingCallback


def test_epoch_has_as_many_of_each_class_as_the_largest_has():
    torch.manual_seed(0)
    loader = DataLoader(TensorDataset(torch.ones(8, 2), torch.tensor([0] * 6 + [1] * 2)), 4)
    learn = Learner(DataBunch(loader, None, c=2), nn.Linear(2, 2), loss_func=F.cross_entropy, silent=True)
    sampling = OverSamplingCallback(learn)
    learn.fit(2, callbacks=[sampling])
    assert sampling.total_len_oversample == 2 * 6
    assert learn.recorder.nb_batches == [3, 3]
    assert learn.over_sampling_callback is sampling
