"""Items compare by data and show their object."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from fastloop_v1.errors import ArgumentError
from fastloop_v1.items import Category, EmptyLabel, FloatItem, ItemBase, MultiCategory


class _Axis:
    def set_title(self, title):
        self.title = title


@pytest.mark.parametrize(
    ("item", "text", "shown"),
    [
        pytest.param(ItemBase(3), "3", "ItemBase 3", id="base"),
        pytest.param(EmptyLabel(), "", "EmptyLabel ", id="empty"),
        pytest.param(Category(1, "dog"), "dog", "Category dog", id="category"),
        pytest.param(MultiCategory([1, 0, 1], ["a", "c"], [0, 2]), "a;c", "MultiCategory a;c", id="several"),
        pytest.param(FloatItem(2.5), "2.5", "FloatItem 2.5", id="number"),
    ],
)
def test_item_shows_its_object(item, text, shown):
    axis = _Axis()
    item.show(axis)
    assert (str(item), repr(item), axis.title) == (text, shown, text)


def test_items_are_equal_by_their_data():
    assert ItemBase([torch.ones(2), 1]) == ItemBase([torch.ones(2), 1])
    assert ItemBase(torch.ones(2)) != ItemBase(torch.zeros(2))
    assert Category(1, "dog") == Category(1, "hound")


def test_labels_can_be_keys():
    assert {Category(1, "dog"): 5}[Category(1, "dog")] == 5
    assert len({EmptyLabel(), EmptyLabel()}) == 1


def test_category_is_its_index_as_a_number():
    assert int(Category(np.int64(2), "cat")) == 2


def test_float_item_is_float32():
    assert FloatItem([1, 2]).data.dtype == np.float32


def test_item_without_transforms_takes_none():
    item = ItemBase(3)
    assert item.apply_tfms(None) is item
    with pytest.raises(ArgumentError, match="takes no transforms"):
        item.apply_tfms([abs])


def test_empty_label_passes_through_any_transform():
    label = EmptyLabel()
    assert label.apply_tfms([abs]) is label
