"""Initialization fills weights, clears biases, and leaves batch norms and frozen layers."""

from __future__ import annotations

import torch
from torch import nn

from fastloop_v1.modules import requires_grad
from fastloop_v1.weight_init import apply_init, cond_init, init_default


def test_layer_gets_weights_and_zero_bias():
    layer = nn.Linear(2, 3)
    assert init_default(layer, nn.init.ones_) is layer
    assert torch.equal(layer.weight, torch.ones(3, 2))
    assert torch.equal(layer.bias, torch.zeros(3))


def test_without_a_function_nothing_changes():
    layer = nn.Linear(2, 3)
    before = layer.bias.clone()
    init_default(layer, None)
    assert torch.equal(layer.bias, before)


def test_default_is_kaiming():
    torch.manual_seed(0)
    layer = init_default(nn.Linear(2, 3))
    torch.manual_seed(0)
    other = nn.Linear(2, 3)
    nn.init.kaiming_normal_(other.weight)
    assert torch.equal(layer.weight, other.weight)


def test_layer_without_weight_or_bias_is_left():
    init_default(nn.ReLU(), nn.init.ones_)
    init_default(nn.LayerNorm(2, elementwise_affine=False), nn.init.ones_)
    assert torch.equal(init_default(nn.Linear(1, 1, bias=False), nn.init.ones_).weight, torch.ones(1, 1))


def test_model_is_initialized_but_for_norms_and_frozen_layers():
    frozen, trained, norm = nn.Linear(1, 1), nn.Linear(1, 1), nn.BatchNorm1d(1)
    with torch.no_grad():
        frozen.weight.fill_(7)
        norm.weight.fill_(7)
    requires_grad(frozen, False)
    apply_init(nn.Sequential(nn.Sequential(frozen), norm, trained), nn.init.ones_)
    assert [layer.weight.item() for layer in (frozen, norm, trained)] == [7, 7, 1]


def test_cond_init_of_one_layer():
    layer = nn.Linear(1, 1)
    cond_init(layer, nn.init.zeros_)
    assert layer.weight.item() == 0
