"""Nested batches are walked, detached, moved, cast and collated leaf by leaf."""

from __future__ import annotations

import sys
from collections import OrderedDict
from decimal import Decimal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import default_collate

from fastloop_v1.defaults import defaults
from fastloop_v1.items import Category
from fastloop_v1.nested import (
    batch_to_half,
    data_collate,
    flatten_check,
    grab_idx,
    logit,
    logit_,
    model_type,
    np2model_tensor,
    np_address,
    np_func,
    pca,
    tensor,
    to_cpu,
    to_data,
    to_detach,
    to_device,
    to_float,
    to_half,
    to_np,
    trange_of,
    try_int,
)


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        pytest.param(([1, 2, 3],), torch.tensor([1, 2, 3]), id="list"),
        pytest.param((1.0, 2.0), torch.tensor([1.0, 2.0]), id="several arguments"),
        pytest.param((4,), torch.tensor(4), id="number"),
        pytest.param(([],), torch.tensor(0), id="empty list is 0"),
        pytest.param((np.array([1, 2], np.int32),), torch.tensor([1, 2]), id="int32 becomes int64"),
        pytest.param(([[1.0], [2.0]],), torch.tensor([[1.0], [2.0]]), id="nested"),
        pytest.param((np.array([1.5], np.float64),), torch.tensor([1.5], dtype=torch.float64), id="float64"),
    ],
)
def test_tensor_is_made_of_anything(args, expected):
    made = tensor(*args)
    assert torch.equal(made, expected)
    assert made.dtype is expected.dtype


def test_detached_batch_has_no_graph_and_keeps_other_things():
    x = torch.ones(2, requires_grad=True) * 2
    (first, (second, number)) = to_detach([x, (x, 3)], cpu=False)
    assert not first.requires_grad
    assert not second.requires_grad
    assert number == 3
    assert to_detach({"a": x})["a"].device.type == "cpu"


def test_data_is_what_items_hold():
    assert to_data([Category(1, "dog"), (2, Category(0, "cat"))]) == [1, [2, 0]]
    assert not to_data(torch.ones(1, requires_grad=True)).requires_grad


@pytest.mark.parametrize(
    ("cast", "wanted"), [(to_half, torch.float16), (to_float, torch.float32)], ids=["half", "float"]
)
@pytest.mark.parametrize(
    "dtype", [torch.float64, torch.float32, torch.float16, torch.uint8, torch.bool], ids=str
)
def test_cast_changes_all_but_indices(cast, wanted, dtype):
    batch = cast([torch.ones(1, dtype=dtype), {"i": torch.ones(1, dtype=torch.int64)}, "text"])
    assert batch[0].dtype is wanted
    assert batch[1]["i"].dtype is torch.int64
    assert batch[2] == "text"


def test_batch_to_half_leaves_the_targets():
    inputs, targets = batch_to_half([torch.ones(1), torch.ones(1)])
    assert (inputs.dtype, targets.dtype) == (torch.float16, torch.float32)


def test_batch_moves_to_the_device_asked_for(monkeypatch):
    batch = {"x": [torch.ones(1), "text"]}
    assert to_device(batch, "meta")["x"][0].device.type == "meta"
    monkeypatch.setattr(defaults, "device", torch.device("meta"))
    moved = to_device(batch, None)["x"]
    assert moved[0].device.type == "meta"
    assert moved[1] == "text"
    assert to_cpu(batch)["x"][0].device.type == "cpu"


@pytest.mark.parametrize("kind", [list, tuple])
def test_batch_that_is_there_already_is_a_list_of_its_own_tensors(kind):
    x, y = torch.ones(1), torch.ones(1)
    batch = kind([x, y])
    moved = to_device(batch, torch.device("cpu"))
    assert type(moved) is list
    assert moved is not batch
    assert moved[0] is x
    assert moved[1] is y


def test_samples_are_stacked_by_their_data():
    x, y = data_collate([(torch.zeros(3), Category(1, "a")), (torch.ones(3), Category(0, "b"))])
    assert x.shape == (2, 3)
    assert y.tolist() == [1, 0]


LEAVES = st.sampled_from(
    [1, 2.5, True, "a", b"b", np.float32(1), np.ones(2), torch.ones(2), torch.ones(2, requires_grad=True),
     torch.nn.Parameter(torch.ones(2)), Category(1, "a"), None, OrderedDict(x=1)]
)  # fmt: skip
SAMPLES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(st.sampled_from("xy"), inner, max_size=2),
    ),
    max_leaves=4,
)


def _collated(collate, batch):
    try:
        return repr(collate(batch))
    except Exception as error:  # noqa: BLE001  (any error is compared)
        return type(error)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(SAMPLES, st.integers(1, 3), st.one_of(st.none(), SAMPLES))
def test_batch_is_the_one_that_their_data_make(sample, size, other):
    batch = [sample] * size + ([] if other is None else [other])
    assert _collated(data_collate, batch) == _collated(lambda batch: default_collate(to_data(batch)), batch)


def test_plain_samples_cost_no_call_of_ours_each():
    def calls(size):
        names = []
        batch = [(torch.zeros(3), {"a": 1, "b": (2.0, True)}) for _ in range(size)]
        sys.setprofile(
            lambda frame, event, _: (
                names.append(frame.f_code.co_name)
                if event == "call" and "fastloop_v1" in frame.f_code.co_filename
                else None
            )
        )
        try:
            data_collate(batch)
        finally:
            sys.setprofile(None)
        return [name for name in names if not name.startswith("<")]

    assert calls(4) == calls(64)


def test_one_sample_is_taken_from_each_tensor():
    x = torch.arange(6).view(2, 3)
    assert grab_idx([x, (torch.tensor([7, 8]),)], 1)[0].tolist() == [3, 4, 5]
    assert grab_idx([x, (torch.tensor([7, 8]),)], 1)[1][0].item() == 8
    assert grab_idx(x, 1, batch_first=False).tolist() == [1, 4]


def test_arrays_share_type_and_values_with_tensors():
    arrays = to_np(
        [torch.tensor([1, 2]), torch.ones(1, requires_grad=True), torch.ones(1, dtype=torch.bfloat16)]
    )
    assert [array.dtype.name for array in arrays] == ["int64", "float32", "float32"]
    assert arrays[0].tolist() == [1, 2]


def test_array_function_works_on_tensors():
    @np_func
    def total(x, y, scale=1):
        """Weighted sum."""
        return (x * y).sum() * scale

    assert total(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0]), scale=2).item() == 22
    assert total.__doc__ == "Weighted sum."


def test_address_is_that_of_the_first_element():
    x = np.arange(4.0)
    assert np_address(x[1:]) - np_address(x) == x.itemsize


@pytest.mark.parametrize(
    ("array", "wanted"),
    [
        (np.array([1.0]), torch.float32),
        (np.array([1], np.int32), torch.int64),
        (np.array([True]), torch.bool),
    ],
    ids=["floats", "integers", "booleans"],
)
def test_array_becomes_what_models_take(array, wanted):
    assert np2model_tensor(array).dtype is wanted
    assert model_type(array.dtype) in (wanted, None)


def test_trange_counts_items():
    assert trange_of("abc").tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("o", "expected"),
    [
        ("3", "3"),
        (2.7, 2),
        (torch.tensor(3.9), 3),
        (np.array(4.2), 4),
        (Decimal("2.5"), 2),
        (None, None),
        (float("nan"), None),
        ([1], [1]),
    ],
    ids=str,
)
def test_try_int_makes_numbers_whole(o, expected):
    made = try_int(o)
    assert made == expected or (expected is None and made is o)


def test_try_int_leaves_vectors():
    x = torch.tensor([3.0])
    assert try_int(x) is x


def test_flatten_check_gives_vectors_of_equal_length():
    out, targ = flatten_check(torch.ones(2, 3).t(), torch.ones(6))
    assert out.shape == targ.shape == (6,)
    with pytest.raises(AssertionError, match="got 6 and 5"):
        flatten_check(torch.ones(2, 3), torch.ones(5))


def test_logit_is_the_inverse_of_the_sigmoid_and_finite():
    x = torch.linspace(-5, 5, 11)
    torch.testing.assert_close(logit(torch.sigmoid(x)), x, rtol=1e-3, atol=1e-4)
    assert torch.isfinite(logit(torch.tensor([0.0, 1.0]))).all()


def test_logit_in_place_changes_its_argument():
    p = torch.tensor([0.25])
    assert logit_(p) is p
    assert p.item() == pytest.approx(np.log(0.25 / 0.75))


def test_pca_finds_the_direction_of_largest_variance():
    line = torch.linspace(-1, 1, 9)[:, None] * torch.tensor([[3.0, 4.0]]) + 7
    projected = pca(line, k=1)
    torch.testing.assert_close(
        projected.abs().squeeze(), torch.linspace(-5, 5, 9).abs(), rtol=1e-4, atol=1e-5
    )
    assert pca(torch.eye(3), k=2, center=False).shape == (3, 2)
