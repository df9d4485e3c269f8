from __future__ import annotations

import sys

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastloop_v1 import layers
from fastloop_v1.layers import (
    AdaptiveConcatPool2d,
    BatchNorm1dFlat,
    Debugger,
    Flatten,
    Lambda,
    PartialLayer,
    PoolFlatten,
    ResizeBatch,
    SigmoidRange,
    View,
    bn_drop_lin,
    embedding,
    sigmoid_range,
    simple_cnn,
    trunc_normal_,
)


@pytest.fixture
def images():
    torch.manual_seed(0)
    return torch.randn(2, 3, 4, 4)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        pytest.param(View(6, 16), (6, 16), id="View"),
        pytest.param(View(-1, 8), (12, 8), id="View, one size open"),
        pytest.param(ResizeBatch(16, 3), (2, 16, 3), id="ResizeBatch"),
        pytest.param(ResizeBatch(-1), (2, 48), id="ResizeBatch, one size open"),
        pytest.param(Flatten(), (2, 48), id="Flatten"),
        pytest.param(Flatten(full=True), (96,), id="Flatten, full"),
    ],
)
def test_reshaping_layer_keeps_the_values_in_order(layer, shape, images):
    out = layer(images)
    assert out.shape == shape
    assert torch.equal(out.reshape(-1), images.reshape(-1))


def test_pool_flatten_averages_each_channel(images):
    torch.testing.assert_close(PoolFlatten()(images), images.mean((2, 3)))


def test_adaptive_concat_pool_gives_maxima_then_means(images):
    out = AdaptiveConcatPool2d()(images)
    torch.testing.assert_close(out[..., 0, 0], torch.cat([images.amax((2, 3)), images.mean((2, 3))], 1))


def test_adaptive_concat_pool_has_the_size_asked_for(images):
    assert AdaptiveConcatPool2d(2)(images).shape == (2, 6, 2, 2)
    assert AdaptiveConcatPool2d((2, 1))(images).shape == (2, 6, 2, 1)


def test_lambda_calls_its_function(images):
    assert torch.equal(Lambda(torch.neg)(images), -images)


def test_partial_layer_calls_its_function_with_its_keywords(images):
    layer = PartialLayer(torch.sum, dim=1)
    assert torch.equal(layer(images), images.sum(1))
    assert repr(layer) == f"{torch.sum} ({{'dim': 1}})"


def test_debugger_stops_and_hands_its_input_on(images, monkeypatch):
    stops = []
    monkeypatch.setattr(sys, "breakpointhook", lambda: stops.append("stop"))
    assert Debugger()(images) is images
    assert stops == ["stop"]


def test_sigmoid_range_is_the_formula():
    x = torch.linspace(-3, 3, 7)
    expected = 1 + 4 / (1 + (-x).exp())
    torch.testing.assert_close(sigmoid_range(x, 1, 5), expected)
    torch.testing.assert_close(SigmoidRange(1, 5)(x), expected)


@pytest.mark.parametrize("shape", [(5, 4), (2, 3, 4), (2, 3, 2, 4)], ids=str)
def test_batch_norm_flat_takes_all_axes_but_the_last_as_batch(shape):
    torch.manual_seed(0)
    x = torch.randn(shape)
    dims = tuple(range(x.dim() - 1))
    expected = (x - x.mean(dims)) / (x.var(dims, correction=0) + 1e-5).sqrt()
    torch.testing.assert_close(BatchNorm1dFlat(4)(x), expected)


@pytest.mark.parametrize(
    ("kwargs", "expected"),
    [
        pytest.param({}, ["BatchNorm1d", "Linear"], id="default"),
        pytest.param({"bn": False}, ["Linear"], id="no batch norm"),
        pytest.param({"p": 0.5}, ["BatchNorm1d", "Dropout", "Linear"], id="dropout"),
        pytest.param({"actn": nn.ReLU()}, ["BatchNorm1d", "Linear", "ReLU"], id="activation"),
    ],
)
def test_bn_drop_lin_lists_what_is_asked_for(kwargs, expected):
    found = bn_drop_lin(4, 3, **kwargs)
    assert isinstance(found, list)
    assert [type(layer).__name__ for layer in found] == expected
    assert nn.Sequential(*found)(torch.randn(2, 4)).shape == (2, 3)


def test_trunc_normal_is_the_formula_and_returns_its_argument():
    torch.manual_seed(1)
    z = torch.randn(1000)
    torch.manual_seed(1)
    x = torch.empty(1000)
    assert trunc_normal_(x, mean=3.0, std=0.5) is x
    torch.testing.assert_close(x, 0.5 * torch.fmod(z, 2) + 3)


def test_embedding_starts_within_two_hundredths():
    torch.manual_seed(0)
    weight = embedding(100, 20).weight
    assert weight.shape == (100, 20)
    assert weight.requires_grad
    assert weight.abs().max() <= 0.02
    assert 0.008 < weight.std() < 0.01


@pytest.mark.parametrize(
    ("kwargs", "expected"),
    [
        pytest.param({}, [["Conv2d", "ReLU"]] * 2, id="plain"),
        pytest.param({"bn": True}, [["Conv2d", "ReLU", "BatchNorm2d"], ["Conv2d", "ReLU"]], id="batch norm"),
    ],
)
def test_simple_cnn_has_batch_norm_behind_all_but_the_last(kwargs, expected, images):
    model = simple_cnn((3, 4, 5), **kwargs)
    assert [[type(layer).__name__ for layer in block] for block in model[:2]] == expected
    assert model(images).shape == (2, 5)


def test_simple_cnn_takes_kernel_sizes_and_strides(images):
    model = simple_cnn([3, 4, 5], kernel_szs=[1, 5], strides=[1, 2])
    assert [(block[0].kernel_size, block[0].stride) for block in model[:2]] == [
        ((1, 1), (1, 1)),
        ((5, 5), (2, 2)),
    ]
    torch.testing.assert_close(model(images), F.adaptive_avg_pool2d(model[:2](images), 1).flatten(1))


def test_simple_cnn_refuses_lists_of_unequal_length():
    with pytest.raises(ValueError, match="shorter"):
        simple_cnn([3, 4, 5], kernel_szs=[3])


def test_layers_is_the_home_of_every_name_it_lists():
    assert all(hasattr(layers, name) for name in layers.__all__)
