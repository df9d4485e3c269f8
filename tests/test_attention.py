from __future__ import annotations

import pickle

import pytest
import torch
from torch import nn

from fastloop_v1.attention import PooledSelfAttention2d, SelfAttention, conv1d


@pytest.fixture
def x():
    torch.manual_seed(0)
    return torch.randn(2, 16, 4, 6)


def trained(layer):
    nn.init.constant_(layer.gamma, 0.5)
    return layer.eval()


def through(conv, column):
    return conv.weight.flatten(1) @ column


@pytest.mark.parametrize("layer_class", [SelfAttention, PooledSelfAttention2d])
def test_attention_begins_as_the_identity(layer_class, x):
    assert torch.equal(layer_class(16)(x), x)


def test_self_attention_is_the_formula(x):
    layer = trained(SelfAttention(16))
    out = layer(x)
    for item, attended in zip(x.flatten(2), out.flatten(2), strict=True):
        columns = item.unbind(1)
        f, g, h = ([through(conv, c) for c in columns] for conv in (layer.query, layer.key, layer.value))
        for j, column in enumerate(columns):
            weights = torch.stack([f_i @ g[j] for f_i in f]).softmax(0)
            expected = 0.5 * sum(w * h_i for w, h_i in zip(weights, h, strict=True)) + column
            torch.testing.assert_close(attended[:, j], expected, rtol=1e-4, atol=1e-5)


def test_self_attention_takes_sequences(x):
    assert trained(SelfAttention(16))(x[..., 0]).shape == (2, 16, 4)


def test_pooled_self_attention_is_the_formula(x):
    layer = trained(PooledSelfAttention2d(16))
    out = layer(x)
    pooled = [
        conv(x).unfold(2, 2, 2).unfold(3, 2, 2).amax((-1, -2)).flatten(2) for conv in (layer.phi, layer.g)
    ]
    for n, (item, attended) in enumerate(zip(x.flatten(2), out.flatten(2), strict=True)):
        keys, values = (p[n].unbind(1) for p in pooled)
        for j, column in enumerate(item.unbind(1)):
            query = through(layer.theta, column)
            weights = torch.stack([query @ key for key in keys]).softmax(0)
            mixed = sum(w * value for w, value in zip(weights, values, strict=True))
            expected = 0.5 * through(layer.o, mixed) + column
            torch.testing.assert_close(attended[:, j], expected, rtol=1e-4, atol=1e-5)


def test_pooled_self_attention_takes_odd_sizes(x):
    assert trained(PooledSelfAttention2d(16))(x[..., :3, :5]).shape == (2, 16, 3, 5)


def test_self_attention_keeps_v1_names_in_its_state():
    names = set(SelfAttention(16).state_dict())
    parts = {f"{conv}.weight_{kind}" for conv in ("query", "key", "value") for kind in ("orig", "u", "v")}
    assert names == parts | {"gamma"}


def test_self_attention_survives_pickling_after_use(x):
    layer = trained(SelfAttention(16))
    expected = layer(x)
    assert torch.equal(pickle.loads(pickle.dumps(layer))(x), expected)


def test_conv1d_has_a_largest_singular_value_of_one():
    torch.manual_seed(0)
    conv = conv1d(6, 4)
    for _ in range(100):
        conv(torch.zeros(1, 6, 1))
    assert torch.linalg.matrix_norm(conv.weight.flatten(1), 2).item() == pytest.approx(1, rel=1e-4)


def test_conv1d_has_a_zero_bias_if_asked():
    assert conv1d(6, 4).bias is None
    assert conv1d(6, 4, bias=True).bias.tolist() == [0, 0, 0, 0]
