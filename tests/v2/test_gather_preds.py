"""Predictions of a validation are kept or written, batch by batch."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from fastloop_v1.v2 import GatherPredsCallback


def gathered(small, parts=2, **options):
    gather = GatherPredsCallback(**options)
    learn = small.learner(bunch=small.data(5, bs=2, n_valid=5))
    learn.fit(1, 0.1, cbs=gather)
    return learn, gather


def test_predictions_and_targets_are_those_of_the_last_validation(small):
    learn, gather = gathered(small, with_input=True)
    x, y = learn.data.valid_ds.tensors
    inputs, preds, targets = gather.all_tensors()
    with torch.no_grad():
        assert torch.allclose(preds, learn.model(x))
    assert torch.equal(inputs, x)
    assert torch.equal(targets, y)


def test_what_is_left_out_is_none(small):
    assert gathered(small, with_preds=False, with_targs=False)[1].all_tensors() == [None, None]


def test_batches_stay_apart_without_a_dimension_to_join(small):
    preds, _ = gathered(small, concat_dim=None)[1].all_tensors()
    assert [len(batch) for batch in preds] == [2, 2, 1]


def test_batches_are_written_to_folders(small, tmp_path):
    for name in ("p", "t"):
        (tmp_path / name).mkdir()
    learn, gather = gathered(small, save_preds=tmp_path / "p", save_targs=tmp_path / "t", with_preds=False)
    assert sorted(file.name for file in (tmp_path / "p").iterdir()) == ["0", "1", "2"]
    targets = torch.cat([torch.load(file, weights_only=True) for file in sorted((tmp_path / "t").iterdir())])
    assert torch.equal(targets, gather.all_tensors()[1])


SHAPES = {"one number each": ((2, 1), (2, 1)), "two numbers each": ((2, 2), (2,))}


@pytest.mark.parametrize(("shape", "kept"), SHAPES.values(), ids=SHAPES)
def test_losses_are_one_for_each_sample(shape, kept):
    gather = GatherPredsCallback(with_loss=True)
    target = torch.ones(shape)
    gather.training, gather.yb, gather.xb, gather.pred = False, (target,), (target,), torch.zeros(shape)
    gather.loss = F.mse_loss(gather.pred, target, reduction="none")
    gather("before_validate")
    gather("after_batch")
    gather("after_validate")
    assert gather.losses.shape == kept
    assert (gather.losses == 1).all()
