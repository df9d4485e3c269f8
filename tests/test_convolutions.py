from __future__ import annotations

import gc
import pickle
import weakref

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastloop_v1.convolutions import (
    MergeLayer,
    NormType,
    PixelShuffle_ICNR,
    SequentialEx,
    batchnorm_2d,
    conv2d,
    conv2d_trans,
    conv_layer,
    icnr,
    relu,
    res_block,
)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.mark.parametrize(
    ("kwargs", "expected"),
    [
        pytest.param({}, ["Conv2d", "ReLU", "BatchNorm2d"], id="default"),
        pytest.param({"use_activ": False}, ["Conv2d", "BatchNorm2d"], id="no activation"),
        pytest.param({"norm_type": None}, ["Conv2d", "ReLU"], id="no norm"),
        pytest.param({"norm_type": NormType.Weight}, ["Conv2d", "ReLU"], id="weight norm"),
        pytest.param({"norm_type": NormType.Spectral}, ["Conv2d", "ReLU"], id="spectral norm"),
        pytest.param(
            {"norm_type": NormType.BatchZero}, ["Conv2d", "ReLU", "BatchNorm2d"], id="zero batch norm"
        ),
        pytest.param({"is_1d": True}, ["Conv1d", "ReLU", "BatchNorm1d"], id="1d"),
        pytest.param({"transpose": True}, ["ConvTranspose2d", "ReLU", "BatchNorm2d"], id="transposed"),
        pytest.param({"leaky": 0.1}, ["Conv2d", "LeakyReLU", "BatchNorm2d"], id="leaky"),
        pytest.param(
            {"self_attention": True}, ["Conv2d", "ReLU", "BatchNorm2d", "SelfAttention"], id="attention"
        ),
    ],
)
def test_conv_layer_holds_what_is_asked_for(kwargs, expected):
    assert [type(layer).__name__ for layer in conv_layer(8, 8, **kwargs)] == expected


@pytest.mark.parametrize(
    ("norm_type", "bias", "expected"),
    [
        pytest.param(NormType.Batch, None, False, id="batch norm"),
        pytest.param(None, None, True, id="no norm"),
        pytest.param(NormType.Weight, None, True, id="weight norm"),
        pytest.param(NormType.Batch, True, True, id="asked for"),
        pytest.param(None, False, False, id="refused"),
    ],
)
def test_conv_layer_has_a_bias_only_without_batch_norm(norm_type, bias, expected):
    found = conv_layer(2, 3, norm_type=norm_type, bias=bias)[0].bias
    assert (found is not None) == expected
    assert found is None or found.tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("kwargs", "size"),
    [
        pytest.param({}, 8, id="same size"),
        pytest.param({"ks": 5}, 8, id="same size, larger kernel"),
        pytest.param({"stride": 2}, 4, id="stride"),
        pytest.param({"padding": 0}, 6, id="no padding"),
        pytest.param({"transpose": True, "ks": 2, "stride": 2}, 16, id="transposed"),
    ],
)
def test_conv_layer_pads_so_that_the_size_stays(kwargs, size):
    assert conv_layer(2, 3, **kwargs)(torch.randn(2, 2, 8, 8)).shape == (2, 3, size, size)


def test_conv_layer_sets_the_weight_by_init():
    assert conv_layer(2, 3, init=nn.init.ones_)[0].weight.unique().tolist() == [1]


@pytest.mark.parametrize(
    ("norm_type", "names"),
    [
        pytest.param(NormType.Weight, {"bias", "weight_g", "weight_v"}, id="weight norm"),
        pytest.param(NormType.Spectral, {"bias", "weight_orig", "weight_u", "weight_v"}, id="spectral norm"),
    ],
)
def test_normed_convolution_keeps_v1_names_and_survives_pickling(norm_type, names):
    conv = conv_layer(2, 3, norm_type=norm_type, use_activ=False).eval()
    assert set(conv[0].state_dict()) == names
    x = torch.randn(1, 2, 4, 4)
    expected = conv(x)
    assert torch.equal(pickle.loads(pickle.dumps(conv))(x), expected)


@pytest.mark.parametrize(("norm_type", "weight"), [(NormType.Batch, 1), (NormType.BatchZero, 0)], ids=str)
def test_batchnorm_2d_starts_as_its_norm_type_says(norm_type, weight):
    bn = batchnorm_2d(3, norm_type)
    assert bn.weight.tolist() == [weight] * 3
    assert bn.bias.tolist() == pytest.approx([1e-3] * 3)


def test_conv2d_keeps_the_size_and_has_no_bias():
    conv = conv2d(2, 3, init=nn.init.ones_)
    assert conv(torch.randn(1, 2, 5, 5)).shape == (1, 3, 5, 5)
    assert conv.bias is None
    assert conv.weight.unique().tolist() == [1]


def test_conv2d_with_bias_starts_it_at_zero():
    assert conv2d(2, 3, bias=True).bias.tolist() == [0, 0, 0]


def test_conv2d_trans_doubles_height_and_width():
    assert conv2d_trans(2, 3)(torch.randn(1, 2, 4, 5)).shape == (1, 3, 8, 10)


@pytest.mark.parametrize(("leaky", "expected"), [(None, 0.0), (0.25, -0.5)], ids=["relu", "leaky"])
def test_relu_has_the_slope_asked_for(leaky, expected):
    assert relu(leaky=leaky)(torch.tensor(-2.0)).item() == expected


def test_relu_works_in_place_if_asked():
    x = torch.tensor([-1.0])
    relu(inplace=True)(x)
    assert x.item() == 0


class Double(nn.Module):
    def forward(self, x):
        return 2 * x


@pytest.mark.parametrize("dense", [False, True], ids=["added", "concatenated"])
def test_merge_layer_joins_output_and_input(dense):
    x = torch.randn(2, 3)
    out = SequentialEx(Double(), Double(), MergeLayer(dense))(x)
    assert torch.equal(out, torch.cat([4 * x, x], 1) if dense else 5 * x)


def test_sequential_ex_nested_gives_each_block_its_own_input():
    x = torch.randn(2, 3)
    inner = SequentialEx(Double(), MergeLayer())
    torch.testing.assert_close(SequentialEx(Double(), inner, MergeLayer())(x), 7 * x)


def test_sequential_ex_leaves_no_reference_to_its_input():
    x = torch.randn(2, 3)
    alive = weakref.ref(x)
    out = SequentialEx(Double(), Double())(x)
    del x
    gc.collect()
    assert alive() is None
    assert getattr(out, "orig", None) is None


def test_sequential_ex_grows_like_a_list():
    first, second, third, fourth = (Double() for _ in range(4))
    block = SequentialEx(second)
    block.append(third)
    block.extend([fourth])
    block.insert(0, first)
    assert list(block.layers) == [first, second, third, fourth]
    assert block[1] is second


@pytest.mark.parametrize(("kwargs", "inner"), [({}, 4), ({"bottle": True}, 2)], ids=["plain", "bottleneck"])
def test_res_block_adds_two_convolutions_to_its_input(kwargs, inner):
    block, x = res_block(4, **kwargs).eval(), torch.randn(2, 4, 5, 5)
    assert block[0][0].out_channels == inner
    torch.testing.assert_close(block(x), block[1](block[0](x)) + x)


def test_res_block_dense_doubles_the_channels():
    assert res_block(4, dense=True, norm_type=None, leaky=0.1)(torch.randn(2, 4, 5, 5)).shape == (2, 8, 5, 5)


@pytest.mark.parametrize("scale", [2, 3])
def test_icnr_makes_the_shuffle_repeat_each_value(scale):
    conv = nn.Conv2d(2, 3 * scale**2, 3, padding=1, bias=False)
    icnr(conv.weight, scale)
    x = torch.randn(1, 2, 4, 4)
    small = F.conv2d(x, conv.weight[:: scale**2], padding=1)
    torch.testing.assert_close(F.pixel_shuffle(conv(x), scale), F.interpolate(small, scale_factor=scale))


@pytest.mark.parametrize("norm_type", [None, *NormType], ids=str)
@pytest.mark.parametrize("scale", [2, 4])
def test_pixel_shuffle_begins_without_a_checkerboard(norm_type, scale):
    layer = PixelShuffle_ICNR(3, 2, scale=scale, norm_type=norm_type).eval()
    out = layer(torch.randn(1, 3, 4, 5))
    assert out.shape == (1, 2, 4 * scale, 5 * scale)
    torch.testing.assert_close(out, F.interpolate(out[..., ::scale, ::scale], scale_factor=scale))
    assert out.std() > 0


def test_pixel_shuffle_keeps_the_channels_by_default():
    assert PixelShuffle_ICNR(3)(torch.randn(1, 3, 4, 4)).shape == (1, 3, 8, 8)


def test_pixel_shuffle_blur_averages_each_pixel_with_those_above_and_left():
    layer = PixelShuffle_ICNR(1, blur=True).eval()
    x = torch.randn(1, 1, 2, 2)
    blurred = layer(x)
    layer.do_blur = False
    padded = F.pad(layer(x), (1, 0, 1, 0), mode="replicate")
    expected = (padded[..., 1:, 1:] + padded[..., 1:, :-1] + padded[..., :-1, 1:] + padded[..., :-1, :-1]) / 4
    torch.testing.assert_close(blurred, expected)
