"""Shapes of outputs are found by sending noise through a model."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fastloop_v1.callbacks.model_sizes import dummy_batch, dummy_eval, model_sizes, num_features_model


def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Sequential(nn.ReLU(), nn.Conv2d(4, 6, 3, 2))
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_dummy_batch_fits_the_first_layer(dtype):
    batch = dummy_batch(network().to(dtype), (8, 10))
    assert (batch.shape, batch.dtype, batch.requires_grad) == ((1, 3, 8, 10), dtype, False)
    assert batch.abs().max() <= 1
    assert batch.min() < 0 < batch.max()


def test_dummy_eval_leaves_the_model_in_evaluation_mode():
    net = network().train()
    assert dummy_eval(net, (8, 10)).shape == (1, 6, 2, 3)
    assert not net.training
    assert net[1].num_batches_tracked == 0


def test_sizes_are_those_of_the_children():
    net = network()
    assert model_sizes(net, (8, 10)) == [(1, 4, 6, 8), (1, 4, 6, 8), (1, 6, 2, 3)]
    assert not any(layer._forward_hooks for layer in net)


def test_model_need_not_be_a_sequence():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Conv2d(1, 2, 3), nn.Conv2d(2, 3, 3)

        def forward(self, x):
            return self.second(self.first(x))

    assert model_sizes(Net(), (8, 8)) == [(1, 2, 6, 6), (1, 3, 4, 4)]


def test_features_are_the_channels_of_the_last_child():
    assert num_features_model(network()) == 6


def test_features_are_found_with_a_larger_image_if_it_must_be():
    # 64 and 128 pixels are too few for the kernel.
    assert num_features_model(nn.Sequential(nn.Conv2d(1, 5, 130, stride=100))) == 5


def test_model_that_takes_no_image_is_an_error():
    net = nn.Sequential(nn.Conv1d(3, 4, 3))
    with pytest.raises(RuntimeError):
        num_features_model(net)
    assert not net[0]._forward_hooks
