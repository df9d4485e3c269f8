"""What v1 set on other packages is there while the alias is on, and gone without a trace afterwards."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from fastloop_v1.defaults import defaults
from fastloop_v1.migrate import as_fastai
from fastloop_v1.migrate.patches import Patch, patches


class Resettable(nn.Linear):
    """A layer with a state to reset."""

    count = 0

    def reset(self):
        self.count += 1


def _owned():
    """What the owners of the patched attributes have."""
    return [dict(vars(patch.owner)) for patch in patches()]


@pytest.mark.usefixtures("fastai")
def test_path_lists_a_folder(tmp_path):
    (tmp_path / "a").touch()
    assert tmp_path.ls() == [tmp_path / "a"]


@pytest.mark.usefixtures("fastai")
def test_tensor_is_projected_on_its_directions_of_most_variance():
    x = torch.tensor(np.random.RandomState(0).random_sample((7, 3)))
    centred = x - x.mean(0)
    _, vectors = torch.linalg.eigh(centred.T @ centred)
    expected = centred @ vectors.flip(1)[:, :2]
    torch.testing.assert_close(x.pca(2).abs(), expected.abs())


@pytest.mark.usefixtures("fastai")
def test_parallel_wrapper_resets_its_model():
    model = Resettable(1, 1)
    nn.DataParallel(model).reset()
    assert model.count == 1
    nn.DataParallel(nn.Linear(1, 1)).reset()


@pytest.mark.usefixtures("fastai")
def test_loader_answers_for_its_data_set():
    dl = DataLoader(TensorDataset(torch.zeros(6, 2)), batch_size=3, shuffle=True)
    assert dl.tensors[0].shape == (6, 2)
    assert (dl.init_kwargs["batch_size"], dl.init_kwargs["shuffle"]) == (3, True)
    assert len(DataLoader(dl.dataset, **dl.init_kwargs)) == 2
    with pytest.raises(AttributeError, match="vocab"):
        dl.vocab  # noqa: B018  (reading is the test)
    with pytest.raises(AttributeError, match="dataset"):
        DataLoader.__new__(DataLoader).anything  # noqa: B018


@pytest.mark.usefixtures("fastai")
def test_choosing_no_gpu_leaves_the_default_device():
    before = defaults.device
    torch.cuda.set_device(-1)
    assert defaults.device == before


def test_everything_is_taken_back():
    before = _owned()
    with as_fastai():
        assert _owned() != before
    assert _owned() == before
    assert not hasattr(Path, "ls")


def test_what_the_user_put_since_is_left():
    class Owner:
        """Something to patch."""

        old = 1

    both = [Patch(Owner, "old", 2), Patch(Owner, "new", 2)]
    for patch in both:
        patch.put()
    Owner.new = 3
    for patch in both:
        patch.take_back()
    assert (Owner.old, Owner.new) == (1, 3)


def test_numpy_prints_as_before(fastai):
    assert np.get_printoptions()["linewidth"] == 75
