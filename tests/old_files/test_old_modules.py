"""Modules without the attributes that torch added since they were saved run, with the numbers they gave."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastloop_v1.old_files.old_modules import renew


def aged(module, *missing):
    """The module as an older torch would have saved it, then renewed."""
    for name in missing:
        del module.__dict__[name]
    module.__setstate__(dict(module.__dict__))
    renew(module)
    return module.eval()


PADDING = "_reversed_padding_repeated_twice"
IMAGE, ROWS, CLASSES = (
    torch.linspace(-1, 1, 50).view(1, 2, 5, 5),
    torch.linspace(-1, 1, 6).view(2, 3),
    torch.tensor([0, 2]),
)
WORDS = torch.linspace(-1, 1, 24).view(3, 2, 4)
SAME = {
    "cross entropy": (nn.CrossEntropyLoss, ["label_smoothing"], (ROWS, CLASSES)),
    "smooth L1 loss": (nn.SmoothL1Loss, ["beta"], (ROWS, ROWS + 2)),
    "KL divergence": (lambda: nn.KLDivLoss(reduction="sum"), ["log_target"], (ROWS, ROWS.softmax(1))),
    "GELU": (nn.GELU, ["approximate"], (ROWS,)),
    "average pooling": (lambda: nn.AvgPool2d(2), ["divisor_override"], (IMAGE,)),
    "average pooling of volumes": (lambda: nn.AvgPool3d(2), ["divisor_override"], (IMAGE[None],)),
    "convolution": (lambda: nn.Conv2d(2, 1, 3, padding=1), ["padding_mode", PADDING], (IMAGE,)),
    "transposed convolution": (lambda: nn.ConvTranspose2d(2, 1, 3), ["padding_mode"], (IMAGE,)),
    "batch norm": (lambda: nn.BatchNorm2d(2), ["_non_persistent_buffers_set"], (IMAGE,)),
    "upsampling": (lambda: nn.Upsample(scale_factor=2), ["recompute_scale_factor"], (IMAGE,)),
    "upsampling to a size": (lambda: nn.Upsample(size=(7, 7)), ["recompute_scale_factor"], (IMAGE,)),
    "bag of words": (lambda: nn.EmbeddingBag(5, 2), ["include_last_offset", "padding_idx"], (CLASSES[None],)),
    "recurrent network": (lambda: nn.LSTM(4, 2), ["proj_size"], (WORDS,)),
    "attention": (lambda: nn.MultiheadAttention(4, 2), ["batch_first"], (WORDS, WORDS, WORDS)),
    "encoder layer": (
        lambda: nn.TransformerEncoderLayer(4, 2, 8),
        ["norm_first", "activation_relu_or_gelu", "activation"],
        (WORDS,),
    ),
    "decoder layer": (
        lambda: nn.TransformerDecoderLayer(4, 2, 8),
        ["norm_first", "activation"],
        (WORDS, WORDS),
    ),
    "transformer": (lambda: nn.Transformer(4, 2, 1, 1, 8), ["batch_first"], (WORDS, WORDS)),
    "connectionist loss": (
        nn.CTCLoss,
        ["zero_infinity"],
        (WORDS.log_softmax(2), torch.tensor([[1], [2]]), torch.tensor([3, 3]), torch.tensor([1, 1])),
    ),
}


@pytest.mark.filterwarnings("ignore:enable_nested_tensor")
@pytest.mark.parametrize(("make", "missing", "arguments"), SAME.values(), ids=SAME)
def test_module_without_later_attributes_gives_the_same(make, missing, arguments):
    torch.manual_seed(0)
    module = make().eval()
    expected = module(*arguments)
    found = aged(module, *missing)(*arguments)
    firsts = [out[0] if isinstance(out, tuple) else out for out in (found, expected)]
    torch.testing.assert_close(*firsts, rtol=1e-5, atol=1e-6)


def test_attributes_that_are_there_stay():
    loss = nn.CrossEntropyLoss(label_smoothing=0.2)
    assert aged(loss).label_smoothing == 0.2


PADDED = [(0, [0, 0]), (1, [0, 0]), (2, [1, 1]), (3, [2, 1])]


@pytest.mark.parametrize(("padding", "sides"), PADDED, ids=str)
def test_circular_convolution_pads_half_as_before_torch_1_5(padding, sides):
    torch.manual_seed(0)
    module = nn.Conv1d(1, 1, 2, padding=padding, padding_mode="circular")
    x = torch.arange(6.0).view(1, 1, 6)
    expected = F.conv1d(F.pad(x, sides, mode="circular"), module.weight, module.bias)
    assert torch.equal(aged(module, PADDING)(x), expected)


def test_convolution_of_two_sizes_pads_the_last_axis_first():
    module = nn.Conv2d(1, 1, 1, padding=(2, 3), padding_mode="circular")
    assert aged(module, PADDING)(torch.ones(1, 1, 4, 4)).shape[2:] == (6, 7)


def test_other_padding_was_with_zeros_before_torch_1_5():
    torch.manual_seed(0)
    module, x = nn.Conv1d(1, 1, 2, padding=1, padding_mode="reflect"), torch.arange(6.0).view(1, 1, 6)
    expected = F.conv1d(x, module.weight, module.bias, padding=1)
    assert torch.equal(aged(module, PADDING)(x), expected)


def test_convolution_of_torch_1_5_pads_as_it_said():
    module, x = nn.Conv1d(1, 1, 2, padding=1, padding_mode="reflect"), torch.arange(6.0).view(1, 1, 6)
    expected = module(x)
    module._padding_repeated_twice = (1, 1)
    assert torch.equal(aged(module, PADDING)(x), expected)


@pytest.mark.parametrize("padding", [range(10**12), "same", None])
def test_padding_that_is_no_tuple_is_an_error(padding):
    module = nn.Conv1d(1, 1, 2)
    module.padding = padding
    with pytest.raises(TypeError, match="padding of a convolution is no tuple"):
        aged(module, PADDING)
