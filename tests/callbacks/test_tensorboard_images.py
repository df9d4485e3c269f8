"""Images of a batch come to the files of TensorBoard."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastloop_v1.basic_data import DataBunch, DatasetType
from fastloop_v1.basic_train import Learner
from fastloop_v1.callbacks.tensorboard_images import ImageTBRequest, ImageTBWriter, ModelImageSet
from fastloop_v1.errors import NotOfferedError


class Written:
    """Notes what a writer is asked to write."""

    def __init__(self):
        self.images = {}

    def add_images(self, tag, img_tensor, global_step):
        self.images[tag] = (global_step, img_tensor)

    def flush(self):
        """Nothing waits."""


def learner(x=None, y=None):
    torch.manual_seed(0)
    x = torch.rand(2, 3, 4, 4) if x is None else x
    batches = [(x, torch.rand(2, 3, 4, 4) if y is None else y)]
    model = nn.Sequential(nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3), nn.Dropout())
    return Learner(DataBunch(batches, batches), model, loss_func=F.mse_loss, silent=True)


def batch(learn):
    return next(iter(learn.data.train_dl))


def test_samples_hold_input_target_and_prediction():
    learn = learner()
    x, y = batch(learn)
    sets = ModelImageSet.get_list_from_model(learn, DatasetType.Train, (x, y))
    with torch.no_grad():
        preds = learn.model.eval()(x)
    assert [each.orig.equal(x[i]) and each.real.equal(y[i]) for i, each in enumerate(sets)] == [True, True]
    torch.testing.assert_close(torch.stack([each.gen for each in sets]), preds)


def test_predicting_leaves_modes_and_random_numbers_alone():
    learn = learner()
    learn.model.train()
    learn.model[1].eval()
    state = torch.get_rng_state()
    ModelImageSet.get_list_from_model(learn, DatasetType.Train, batch(learn))
    assert [layer.training for layer in learn.model] == [True, False, True]
    assert learn.model.training
    assert torch.get_rng_state().equal(state)


def test_modes_are_put_back_after_an_error():
    learn = learner()
    learn.model.train()
    with pytest.raises(RuntimeError):
        ModelImageSet.get_list_from_model(learn, DatasetType.Train, (torch.ones(2, 5, 4, 4), None))
    assert learn.model.training


def test_grids_are_stretched_from_dark_to_bright():
    learn, written = learner(), Written()
    x, y = batch(learn)
    ImageTBRequest(learn, (x * 3 - 2, y), 4, written, DatasetType.Valid).write()
    assert list(written.images) == ["Valid Original", "Valid Generated", "Valid Real"]
    step, images = written.images["Valid Original"]
    assert step == 4
    torch.testing.assert_close(images, (x - x.min()) / (x.max() - x.min()))


def test_both_kinds_of_batches_are_written():
    learn, written = learner(), Written()
    ImageTBWriter().write(learn, batch(learn), batch(learn), 0, written)
    assert sorted({tag.split()[0] for tag in written.images}) == ["Train", "Valid"]


def test_targets_that_are_no_images_are_refused():
    learn = learner(y=torch.ones(2, 3))
    with pytest.raises(NotOfferedError, match=r"targets have shape \(2, 3\) and are no images"):
        ModelImageSet.get_list_from_model(learn, DatasetType.Train, batch(learn))
