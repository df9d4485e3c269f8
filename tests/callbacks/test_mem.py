"""The memory of the GPU is measured in each epoch."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.callbacks.mem import NoGpuError, PeakMemMetric

BATCHES = [(torch.ones(2, 3), torch.ones(2, 1))]
HAS_GPU = torch.cuda.is_available()


def learner():
    torch.manual_seed(0)
    return Learner(DataBunch(BATCHES, BATCHES), nn.Linear(3, 1), loss_func=F.mse_loss, silent=True)


@pytest.mark.skipif(HAS_GPU, reason="there is a GPU")
def test_machine_without_gpu_is_refused():
    with pytest.raises(NoGpuError, match="use CpuPeakMemMetric"):
        PeakMemMetric(learner())
    assert issubclass(NoGpuError, AssertionError)


@pytest.mark.skipif(not HAS_GPU, reason="needs a GPU")
def test_memory_taken_for_a_moment_is_the_peak_of_the_gpu(Spy):
    learn = learner()

    def take(state):
        del state
        torch.empty(64 * 2**20, dtype=torch.uint8, device="cuda")

    learn.fit(1, callbacks=[PeakMemMetric(learn), Spy(batch_begin=take)])
    assert learn.recorder.names[3:7] == ["cpu used", "cpu peak", "gpu used", "gpu peak"]
    assert learn.recorder.metrics[0][3] >= 60
