from __future__ import annotations

import pytest
import torch

from fastloop_v1.errors import ArgumentError
from fastloop_v1.utils.fakes import (
    RandomItem,
    RandomItemList,
    RandomLabel,
    RandomLabelList,
    fake_basedata,
    fake_data,
    fake_learner,
)


def test_data_has_the_sizes_asked_for():
    data = fake_data(n_in=3, n_out=2, batch_size=4, train_length=10, valid_length=6)
    x, y = data.one_batch()
    assert (x.shape, y.shape, data.c) == ((4, 3), (4,), 2)
    assert (len(data.train_ds), len(data.valid_ds)) == (10, 6)
    assert set(y.tolist()) <= {0, 1}


@pytest.mark.parametrize("make", [fake_data, fake_basedata], ids=["classes", "numbers"])
def test_data_is_two_batches_and_one_by_default(make):
    data = make(batch_size=3)
    assert (len(data.train_dl), len(data.valid_dl)) == (2, 1)


def test_numbers_are_from_zero_to_one():
    x, y = fake_basedata(n_in=2).one_batch()
    assert (x.shape, y.shape, y.dtype) == ((5, 2), (5,), torch.float32)
    assert 0 <= y.min() <= y.max() <= 1


def test_data_is_the_same_at_every_call_and_leaves_random_numbers_alone():
    before = torch.get_rng_state()
    first, second = (fake_data().train_ds.tensors[0] for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("count", [1, 3])
def test_learner_has_layer_groups_and_trains(count):
    learn = fake_learner(layer_group_count=count)
    learn.silent = True
    before = learn.model[0].weight.detach().clone()
    learn.fit(1, 0.1)
    assert len(learn.layer_groups) == count
    assert not torch.equal(learn.model[0].weight, before)
    assert learn.get_preds()[0].shape == (5, 4)


def test_learner_needs_a_layer_group():
    with pytest.raises(ArgumentError, match="layer_group_count"):
        fake_learner(layer_group_count=0)


def test_random_item_has_the_shape_asked_for():
    item = RandomItem(2, 3)
    assert item.data.shape == (2, 3)
    assert str(item) == str(item.data)


def test_random_label_is_in_its_range():
    assert 3 <= float(RandomLabel((3, 4)).data) <= 4


@pytest.mark.parametrize("kind", [RandomItem, RandomLabel])
def test_item_can_be_made_of_a_value(kind):
    value = torch.ones(2)
    assert kind.from_val(value).data is value


def test_lists_make_items():
    items, labels = RandomItemList(range(3), (2, 2)), RandomLabelList(range(3), (5, 6))
    assert (len(items), len(labels)) == (3, 3)
    assert items[0].data.shape == (2, 2)
    assert 5 <= float(labels[1].data) <= 6
    assert 0 <= float(RandomLabelList(range(3))[0].data) <= 1
    assert items.reconstruct(torch.ones(1)).data == 1
    assert labels.reconstruct(torch.ones(1)).data == 1


def test_lists_write_items_with_labels(capsys):
    items = RandomItemList(range(1))
    items.show_xys(["x"], ["y"])
    items.show_xyzs(["x"], ["y"], ["z"])
    assert capsys.readouterr().out == "x y\nx y z\n"
