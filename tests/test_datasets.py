"""The digits that come with the package."""

from __future__ import annotations

import random
from importlib.resources import files

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits as sklearn_digits
from torch.utils.data import TensorDataset

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.datasets import digits, load_digits
from fastloop_v1.errors import ArgumentError


def together(data):
    """Return images and targets of both parts of the data, validation first."""
    parts = data.valid_dl.dataset.tensors, data.train_dl.dataset.tensors
    return [torch.cat(each) for each in zip(*parts, strict=True)]


def rows(images, targets):
    """Return each image with its target, as sorted lists."""
    return sorted(torch.cat([images.flatten(1), targets[:, None].float()], 1).tolist())


def test_digits_are_those_of_scikit_learn():
    images, targets = load_digits()
    expected = sklearn_digits()
    assert torch.equal(images, torch.from_numpy(expected.images).float()[:, None] / 16)
    assert torch.equal(targets, torch.from_numpy(expected.target).long())


def test_digits_have_the_shape_type_and_range_promised():
    images, targets = load_digits()
    assert (images.shape, images.dtype) == ((1797, 1, 8, 8), torch.float32)
    assert (targets.shape, targets.dtype) == ((1797,), torch.int64)
    assert (images.min(), images.max()) == (0, 1)
    assert torch.bincount(targets).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_two_readings_share_no_memory():
    images, targets = load_digits()
    images.zero_()
    targets.zero_()
    assert load_digits()[0].sum() > 0
    assert load_digits()[1].sum() > 0


def test_data_is_a_bunch_of_two_tensor_datasets_that_hold_every_digit_once():
    data = digits()
    assert isinstance(data, DataBunch)
    assert all(isinstance(dl.dataset, TensorDataset) for dl in (data.train_dl, data.valid_dl))
    assert (len(data.valid_dl.dataset), len(data.train_dl.dataset)) == (359, 1438)
    assert (data.c, data.classes) == (10, list("0123456789"))
    assert rows(*together(data)) == rows(*load_digits())


def test_batches_have_the_size_asked_for():
    data = digits(bs=32)
    x, y = next(iter(data.train_dl))
    assert (x.shape, x.dtype) == ((32, 1, 8, 8), torch.float32)
    assert (y.shape, y.dtype) == ((32,), torch.int64)
    assert (data.train_dl.num_workers, data.valid_dl.num_workers) == (0, 0)


@pytest.mark.parametrize(("share", "count"), [(0.5, 898), (0.2, 359), (1 / 1797, 1), (0.9999, 1796)])
def test_validation_gets_its_share(share, count):
    assert len(digits(bs=1, valid_pct=share).valid_dl.dataset) == count


def test_split_depends_on_the_seed_alone():
    first, again, other = (together(digits(seed=seed))[1] for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_default_split_is_always_the_same():
    order = np.random.RandomState(42).permutation(1797)
    assert torch.equal(together(digits())[1], load_digits()[1][order])
    assert together(digits())[1][:12].tolist() == [6, 9, 3, 7, 2, 1, 5, 2, 5, 2, 1, 9]


def test_global_random_numbers_are_not_touched():
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()
    digits()
    assert random.getstate() == before[0]
    assert np.random.get_state()[1].tolist() == before[1]
    assert torch.equal(torch.get_rng_state(), before[2])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param({"bs": 0}, r"bs is 0; it must be a whole number of at least 1", id="bs 0"),
        pytest.param({"bs": 1.5}, r"bs is 1\.5", id="bs no whole number"),
        pytest.param(
            {"valid_pct": 0}, r"valid_pct is 0; it must be a share from 1/1797 to below 1", id="none"
        ),
        pytest.param({"valid_pct": 1.0}, r"valid_pct is 1\.0", id="all"),
        pytest.param({"valid_pct": 1e-4}, r"valid_pct is 0\.0001", id="less than one image"),
        pytest.param({"valid_pct": float("nan")}, r"valid_pct is nan", id="no number"),
        pytest.param({"valid_pct": "half"}, r"valid_pct is 'half'", id="a word"),
        pytest.param({"seed": -1}, r"seed is -1; it must be a whole number from 0 to 2\*\*32 - 1", id="seed"),
        pytest.param({"seed": None}, r"seed is None", id="no seed"),
    ],
)
def test_argument_outside_what_is_allowed_is_refused(arguments, message):
    with pytest.raises(ArgumentError, match=message):
        digits(**arguments)


def test_data_comes_with_its_licence_and_is_small():
    folder = files("fastloop_v1").joinpath("data")
    assert len(folder.joinpath("digits.csv.gz").read_bytes()) < 150_000
    text = folder.joinpath("digits_LICENSE.md").read_text(encoding="utf-8")
    for word in ("CC BY 4.0", "10.24432/C50P49", "E. Alpaydin and C. Kaynak", "What was changed"):
        assert word in text
