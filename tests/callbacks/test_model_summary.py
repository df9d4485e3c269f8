"""A model's layers are listed with their shapes and parameters."""

from __future__ import annotations

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.callbacks.mixup import MixUpCallback
from fastloop_v1.callbacks.model_summary import (
    get_layer_name,
    hook_params,
    layers_info,
    model_summary,
    params_size,
    total_params,
)
from fastloop_v1.errors import ArgumentError


class Recurrent(nn.Module):
    """Has a layer with several outputs, a lone parameter and a layer that is not used."""

    def __init__(self):
        super().__init__()
        self.emb, self.lstm, self.unused = nn.Embedding(7, 3), nn.LSTM(3, 2), nn.Linear(2, 2)
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return self.lstm(self.emb(x))[0][:, -1] * self.scale


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6, bias=False), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 3))


def learner(model=None, x=None, **options):
    x = torch.zeros(8, 4) if x is None else x
    loader = DataLoader(TensorDataset(x, torch.zeros(8, dtype=torch.int64)), 4, shuffle=True)
    options = {"loss_func": F.cross_entropy, "silent": True, **options}
    return Learner(DataBunch(loader, loader), model or network(), **options)


@pytest.mark.parametrize(
    ("layer", "count"),
    [
        pytest.param(nn.Linear(4, 3), 15, id="linear"),
        pytest.param(nn.ReLU(), 0, id="none"),
        pytest.param(nn.LSTM(3, 2), 4 * 2 * (3 + 2 + 2), id="lstm"),
    ],
)
def test_total_params_counts_all_parameters(layer, count):
    assert total_params(layer) == (count, count > 0)


def test_frozen_layer_is_not_trained():
    layer = nn.Linear(4, 3)
    layer.weight.requires_grad = False
    assert total_params(layer) == (15, True)
    layer.bias.requires_grad = False
    assert total_params(layer) == (15, False)


def test_params_can_be_hooked():
    net = network()
    with hook_params(net) as hooks:
        net(torch.zeros(2, 4))
    assert hooks.stored == [(24, True), (12, True), (0, False), (21, True)]


def test_sizes_of_a_model_are_without_the_batch():
    assert params_size(network(), (4,)) == (
        [(6,), (6,), (6,), (3,)],
        [24, 12, 0, 21],
        [True, True, False, True],
    )


def test_layers_of_a_learner_are_those_of_its_data():
    learn = learner()
    learn.model.train()
    infos = layers_info(learn)
    assert infos[1] == ("BatchNorm1d", (6,), 12, True)
    assert infos[0]._fields == ("Layer", "OutputSize", "Params", "Trainable")
    assert [info.Layer for info in infos] == [get_layer_name(layer) for layer in learn.model]
    assert not learn.model.training
    assert learn.model[1].num_batches_tracked == 0


def test_layers_with_several_outputs_or_none_are_listed():
    infos = layers_info(learner(Recurrent(), torch.zeros(8, 5, dtype=torch.int64)))
    assert infos == [
        ("Embedding", (5, 3), 21, True),
        ("LSTM", [(5, 2), [(5, 2), (5, 2)]], 56, True),
        ("Linear", None, 6, True),
        ("ParameterModule", None, 1, True),
    ]


def test_summary_of_a_learner_tells_what_it_trains_with():
    learn = learner(callback_fns=[partial(MixUpCallback, alpha=0.2)])
    learn.model[0].weight.requires_grad = False
    assert str(model_summary(learn, n=20)).splitlines() == [
        "Sequential",
        "====================",
        "Layer (type)         Output Shape         Param #    Trainable ",
        "====================",
        "Linear               [6]                  24         False     ",
        "____________________",
        "BatchNorm1d          [6]                  12         True      ",
        "____________________",
        "ReLU                 [6]                  0          False     ",
        "____________________",
        "Linear               [3]                  21         True      ",
        "____________________",
        "",
        "Total params: 57",
        "Total trainable params: 33",
        "Total non-trainable params: 24",
        "Optimized with 'torch.optim.adam.Adam', betas=(0.9, 0.99)",
        "Using true weight decay (Loshchilov and Hutter, arXiv:1711.05101)",
        "Weight decay: 0.01",
        "Loss function : function",
        "====================",
        "Callbacks functions applied",
        "    Recorder",
        "    MixUpCallback",
    ]


def test_summary_shows_itself_without_quotes():
    text = model_summary(learner(Recurrent(), torch.zeros(8, 5, dtype=torch.int64)))
    assert repr(text) == str(text)
    assert "\nLSTM                 [[5, 2], [[5, 2], [5, 2]]] 56" in text


def test_large_numbers_have_commas():
    text = model_summary(nn.Sequential(nn.Conv2d(3, 400, 3, bias=False), nn.Flatten()))
    assert "Conv2d               [400, 62, 62]        10,800     True" in text
    assert text.endswith(
        "Total params: 10,800\nTotal trainable params: 10,800\nTotal non-trainable params: 0\n"
    )


def test_summary_does_not_move_random_numbers():
    learn = learner()
    before = torch.get_rng_state()
    model_summary(learn)
    assert torch.get_rng_state().equal(before)


def test_learner_without_data_is_refused():
    learn = learner()
    learn.data = DataBunch([], [])
    with pytest.raises(ArgumentError, match="data is empty"):
        layers_info(learn)
