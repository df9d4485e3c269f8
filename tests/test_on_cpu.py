"""Model and loss are as before when the block ends, also by an error."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastloop_v1.on_cpu import ModelOnCPU, NoneReduceOnCPU


class _Interruption(Exception):
    """Leaves a block."""


def test_model_is_given_and_stays_on_its_device():
    model = nn.Linear(2, 2)
    with ModelOnCPU(model) as inside:
        assert inside is model
    assert model.weight.device.type == "cpu"


def test_model_without_parameters_is_allowed():
    model = nn.ReLU()
    with ModelOnCPU(model) as inside:
        assert inside is model


@pytest.mark.parametrize("weight", [None, torch.tensor([1.0, 2.0])], ids=["plain", "weighted"])
def test_loss_object_is_unreduced_inside_only(weight):
    loss = nn.CrossEntropyLoss(weight=weight)
    with NoneReduceOnCPU(loss) as inside:
        assert inside is loss
        assert inside(torch.zeros(3, 2), torch.tensor([0, 1, 1])).shape == (3,)
    assert loss.reduction == "mean"
    assert loss.weight is weight


def test_loss_object_is_put_back_after_an_error():
    loss = nn.MSELoss(reduction="sum")

    def fail_inside():
        with NoneReduceOnCPU(loss):
            raise _Interruption

    with pytest.raises(_Interruption):
        fail_inside()
    assert loss.reduction == "sum"


def test_loss_function_is_called_without_reduction():
    with NoneReduceOnCPU(F.mse_loss) as inside:
        assert torch.equal(inside(torch.ones(3), torch.zeros(3)), torch.ones(3))
