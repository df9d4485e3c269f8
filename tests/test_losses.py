from __future__ import annotations

import copy
import pickle

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastloop_v1.losses import (
    BCEFlat,
    BCEWithLogitsFlat,
    CrossEntropyFlat,
    FlattenedLoss,
    LabelSmoothingCrossEntropy,
    MSELossFlat,
    NoopLoss,
    WassersteinLoss,
)


def logits(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def classes(*shape, k=3):
    return torch.randint(k, shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("shape", "axis", "target_shape"),
    [
        pytest.param((5, 3), -1, (5,), id="classifier"),
        pytest.param((2, 7, 3), -1, (2, 7), id="language model"),
        pytest.param((2, 3, 4, 5), 1, (2, 4, 5), id="segmentation"),
        pytest.param((2, 3, 4, 5), 1, (2, 1, 4, 5), id="segmentation, mask with a channel"),
        pytest.param((2, 3, 4, 4, 4), 1, (2, 4, 4, 4), id="volumes"),
        pytest.param((2, 3, 5), -2, (2, 5), id="axis counted from the end"),
    ],
)
def test_cross_entropy_flat_equals_the_loss_of_each_position(shape, axis, target_shape):
    out, target = logits(*shape), classes(*target_shape)
    classes_second = out.movedim(axis, 1) if len(shape) > 2 else out
    targets = target.reshape(
        F.cross_entropy(classes_second, classes_second.argmax(1), reduction="none").shape
    )
    torch.testing.assert_close(
        CrossEntropyFlat(axis=axis)(out, target), F.cross_entropy(classes_second, targets)
    )


@pytest.mark.parametrize(
    ("flat", "plain", "out"),
    [
        pytest.param(MSELossFlat, F.mse_loss, logits(4, 2), id="MSELossFlat"),
        pytest.param(BCEFlat, F.binary_cross_entropy, logits(4, 2).sigmoid(), id="BCEFlat"),
        pytest.param(
            BCEWithLogitsFlat, F.binary_cross_entropy_with_logits, logits(4, 2), id="BCEWithLogitsFlat"
        ),
    ],
)
def test_flat_loss_of_values_takes_integer_targets_of_another_shape(flat, plain, out):
    target = classes(8, k=2)
    torch.testing.assert_close(flat()(out, target), plain(out.reshape(-1), target.float()))


def test_flattened_loss_refuses_targets_of_another_size():
    loss = FlattenedLoss(nn.HuberLoss, is_2d=False)
    with pytest.warns(UserWarning, match="target size"), pytest.raises(RuntimeError, match="must match"):
        loss(logits(4, 2), logits(4))


@pytest.mark.parametrize("dtype", [torch.int8, torch.int16, torch.int32], ids=str)
def test_cross_entropy_flat_takes_short_integer_classes(dtype):
    out, target = logits(5, 3), classes(5)
    assert CrossEntropyFlat()(out, target.to(dtype)) == CrossEntropyFlat()(out, target)


def test_reduction_is_read_and_set_on_the_wrapped_loss():
    loss = CrossEntropyFlat()
    assert loss.reduction == "mean"
    loss.reduction = "none"
    assert loss.func.reduction == "none"
    assert loss(logits(2, 4, 3), classes(2, 4)).shape == (8,)


def test_weight_is_read_and_set_on_the_wrapped_loss():
    loss = CrossEntropyFlat(weight=torch.ones(3))
    assert loss.weight.tolist() == [1, 1, 1]
    loss.weight = torch.tensor([1.0, 0.0, 0.0])
    assert loss(logits(2, 3), torch.tensor([0, 1])) == F.cross_entropy(logits(2, 3)[:1], torch.tensor([0]))


def test_flattened_loss_gives_the_attributes_of_the_wrapped_loss():
    assert CrossEntropyFlat(ignore_index=7).ignore_index == 7


@pytest.mark.parametrize("name", ["cuda", "no_such_attribute", "__no_such_dunder__"])
def test_flattened_loss_has_no_other_attribute(name):
    assert not hasattr(CrossEntropyFlat(), name)


def test_flattened_loss_without_reduction_says_so():
    assert not hasattr(FlattenedLoss(lambda: F.l1_loss, is_2d=False), "reduction")


def test_flattened_loss_hands_keywords_to_the_wrapped_loss():
    loss = FlattenedLoss(lambda: F.l1_loss, is_2d=False)
    assert loss(logits(2, 2), torch.zeros(4), reduction="none").shape == (4,)


def test_flattened_loss_shows_what_it_wraps():
    assert repr(MSELossFlat()) == "FlattenedLoss of MSELoss()"


@pytest.mark.parametrize(
    "clone", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))], ids=["copy", "pickle"]
)
def test_flattened_loss_survives(clone):
    loss = clone(CrossEntropyFlat(axis=1, reduction="sum"))
    assert (loss.axis, loss.reduction, loss.is_2d, loss.floatify) == (1, "sum", True, False)
    assert isinstance(loss.func, nn.CrossEntropyLoss)


def test_noop_loss_is_the_mean_of_the_output():
    assert NoopLoss()(torch.tensor([1.0, 3.0]), torch.zeros(2), None) == 2


def test_wasserstein_loss_is_mean_real_minus_mean_fake():
    assert WassersteinLoss()(torch.tensor([1.0, 3.0]), torch.tensor([5.0])) == -3


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_label_smoothing_equals_torch_at_the_same_share(reduction):
    out, target = logits(6, 4), classes(6, k=4)
    expected = F.cross_entropy(out, target, reduction=reduction, label_smoothing=0.2)
    torch.testing.assert_close(
        LabelSmoothingCrossEntropy(eps=0.2, reduction=reduction)(out, target), expected
    )


def test_label_smoothing_is_the_formula():
    out, target = torch.tensor([[0.0, 1.0, 3.0]]), torch.tensor([2])
    log_probs = [x - torch.tensor([0.0, 1.0, 3.0]).exp().sum().log().item() for x in (0.0, 1.0, 3.0)]
    expected = 0.9 * -log_probs[2] + 0.1 / 3 * -sum(log_probs)
    assert LabelSmoothingCrossEntropy()(out, target).item() == pytest.approx(expected)
