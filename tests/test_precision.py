from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.callback import Callback
from fastloop_v1.errors import ArgumentError
from fastloop_v1.precision import to_amp, to_bf16, to_fp16, to_fp32

RECIPES = {"to_fp16": to_fp16, "to_amp": to_amp, "to_bf16": to_bf16}


@pytest.fixture
def learn():
    torch.manual_seed(0)
    dataset = TensorDataset(torch.randn(8, 3), torch.randn(8, 2))
    data = DataBunch(DataLoader(dataset, 4), DataLoader(dataset, 4))
    model = nn.Sequential(nn.Linear(3, 4, bias=False), nn.BatchNorm1d(4), nn.Linear(4, 2))
    return Learner(data, model, torch.optim.SGD, F.mse_loss, silent=True)


def _types(learn):
    return [p.dtype for p in learn.model.parameters()]


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_recipe_returns_the_learner(learn, recipe):
    assert recipe(learn) is learn


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize("epochs", [0, 1])
def test_float32_undoes(learn, recipe, epochs):
    callback = Callback()
    learn.callbacks.append(callback)
    recipe(learn)
    learn.fit(epochs, 0.1)
    assert to_fp32(learn) is learn
    assert learn.callbacks == [callback]
    assert set(_types(learn)) == {torch.float32}
    assert learn.data.one_batch()[0].dtype is torch.float32
    before = learn.model[2].weight.detach().clone()
    learn.fit(1, 0.1)
    assert not torch.equal(learn.model[2].weight, before)


@pytest.mark.parametrize("first", RECIPES.values(), ids=RECIPES)
@pytest.mark.parametrize("second", RECIPES.values(), ids=RECIPES)
def test_recipe_takes_the_place_of_another(learn, first, second):
    second(first(learn))
    assert len(learn.callbacks) == 2
    learn.fit(1, 0.1)
    assert _types(learn)[0] is (torch.float16 if second is to_fp16 else torch.float32)


def test_half_precision_spares_batch_norm(learn):
    to_fp16(learn)
    assert _types(learn) == [torch.float16, torch.float32, torch.float32, torch.float16, torch.float16]
    assert learn.data.one_batch()[0].dtype is torch.float16


def test_half_precision_is_found_under_v1s_name(learn):
    to_fp16(learn, loss_scale=8.0, clip=0.5)
    assert (learn.mp_cb.loss_scale, learn.mp_cb.clip) == (8.0, 0.5)
    assert learn.mp_cb in learn.callbacks


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_learner_that_never_trained_is_validated(learn, recipe):
    expected = float(learn.validate()[0])
    assert float(recipe(learn).validate()[0]) == pytest.approx(expected, rel=2e-2)


def test_plain_learner_is_left_alone_by_float32(learn):
    before = learn.model.state_dict()
    to_fp32(learn)
    assert all(torch.equal(value, before[name]) for name, value in learn.model.state_dict().items())


def test_type_that_is_refused_changes_nothing(learn):
    to_fp16(learn)
    before = list(learn.callbacks)
    with pytest.raises(ArgumentError):
        to_amp(learn, torch.float64)
    assert learn.callbacks == before


def test_bfloat16_has_no_scaler(learn):
    to_bf16(learn)
    assert (learn.autocast.dtype, learn.autocast.scaler) == (torch.bfloat16, None)


@pytest.mark.parametrize("flat_master", [False, True], ids=["by parameter", "flat"])
def test_learning_rate_can_be_looked_for_at_once(learn, flat_master):
    learn.fit(1, 0.1)
    to_fp16(learn, flat_master=flat_master)
    before = learn.model[2].weight.detach().clone()
    learn.lr_find(num_it=3)
    assert torch.equal(learn.model[2].weight, before)
    learn.fit(1, 0.1)


@pytest.mark.parametrize("flat_master", [False, True], ids=["by parameter", "flat"])
def test_learning_rate_can_be_looked_for_after_freezing(learn, flat_master):
    to_fp16(learn, flat_master=flat_master)
    learn.fit(1, 0.1)
    learn.split([learn.model[2]])
    learn.freeze()
    before = learn.model[2].weight.detach().clone()
    learn.lr_find(num_it=3)
    assert torch.equal(learn.model[2].weight, before)
    learn.fit(1, 0.1)
