"""Models are flattened, split in layer groups, frozen, and their parameters sorted by decay."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fastloop_v1.errors import ArgumentError
from fastloop_v1.module_class import ParameterModule
from fastloop_v1.modules import (
    apply_leaf,
    bn2float,
    bn_types,
    children,
    children_and_parameters,
    first_layer,
    flatten_model,
    get_model,
    get_param_groups,
    has_params,
    in_channels,
    is_pool_type,
    last_layer,
    model2half,
    num_children,
    one_param,
    range_children,
    remove_module_load,
    requires_grad,
    set_bn_eval,
    split_model,
    split_model_idx,
    split_no_wd_params,
    trainable_params,
)


class Lone(nn.Module):
    """A layer between two parameters of its own."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))
        self.layer = nn.Linear(3, 2)
        self.shift = nn.Parameter(torch.zeros(2))


@pytest.fixture
def model():
    """Five leaves in two levels."""
    torch.manual_seed(0)
    body = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    return nn.Sequential(body, nn.ReLU(), nn.Sequential(nn.Sequential(nn.Linear(4, 4)), nn.Linear(4, 2)))


def _kinds(modules):
    return [type(module).__name__ for module in modules]


def _names(model, parameters):
    names = {id(p): name for name, p in model.named_parameters()}
    return [names[id(p)] for p in parameters]


def test_leaves_come_in_order(model):
    assert _kinds(flatten_model(model)) == ["Linear", "BatchNorm1d", "ReLU", "Linear", "Linear"]
    assert first_layer(model) is model[0][0]
    assert last_layer(model) is model[2][1]


def test_lone_parameters_follow_the_children():
    lone = Lone()
    leaves = flatten_model(lone)
    assert _kinds(leaves) == ["Linear", "ParameterModule", "ParameterModule"]
    assert isinstance(leaves[1], ParameterModule)
    assert leaves[1].val is lone.scale
    assert _kinds(children_and_parameters(lone)) == _kinds(leaves)


def test_leaf_is_its_own_flattening():
    layer = nn.Linear(1, 1)
    assert flatten_model(layer) == [layer]


def test_children_are_counted(model):
    assert _kinds(children(model)) == ["Sequential", "ReLU", "Sequential"]
    assert num_children(model) == 3
    assert list(range_children(model)) == [0, 1, 2]


def test_apply_leaf_visits_parents_before_children(model):
    seen = []
    apply_leaf(model, lambda m: seen.append(type(m).__name__))
    assert seen == _kinds(model.modules())


@pytest.mark.parametrize(
    ("layer", "pools"),
    [(nn.MaxPool2d(2), True), (nn.AdaptiveAvgPool1d(1), True), (nn.Conv2d(1, 1, 1), False)],
    ids=["max", "adaptive", "convolution"],
)
def test_pools_are_known_by_name(layer, pools):
    assert is_pool_type(layer) is pools


def test_parameters_are_found(model):
    assert one_param(model) is model[0][0].weight
    assert has_params(model)
    assert not has_params(nn.ReLU())
    with pytest.raises(StopIteration):
        one_param(nn.ReLU())


def test_requires_grad_tells_and_sets(model):
    assert requires_grad(model) is True
    requires_grad(model, False)
    assert requires_grad(model) is False
    assert trainable_params(model) == []
    assert requires_grad(nn.ReLU()) is None
    assert requires_grad(nn.ReLU(), True) is None


def test_frozen_batch_norm_stays_in_eval_mode():
    frozen, trained, bare = nn.BatchNorm1d(2), nn.BatchNorm1d(2), nn.BatchNorm1d(2, affine=False)
    requires_grad(frozen, False)
    model = nn.Sequential(nn.Sequential(frozen), trained, bare).train()
    set_bn_eval(model)
    assert [layer.training for layer in (frozen, trained, bare)] == [False, True, True]


def test_half_model_keeps_batch_norms_in_float32(model):
    halved = model2half(model)
    for layer in flatten_model(halved):
        for p in layer.parameters():
            assert p.dtype is (torch.float32 if isinstance(layer, bn_types) else torch.float16)
    assert bn2float(nn.BatchNorm1d(1).half()).weight.dtype is torch.float32


@pytest.mark.parametrize(
    ("layer", "channels"),
    [
        pytest.param(nn.Linear(3, 4), 3, id="linear"),
        pytest.param(nn.Conv2d(4, 6, 1, groups=2), 4, id="grouped convolution"),
        pytest.param(nn.ConvTranspose1d(5, 2, 1), 5, id="transposed convolution"),
        pytest.param(nn.Sequential(nn.BatchNorm1d(7), nn.Linear(7, 1)), 7, id="norm first"),
        pytest.param(
            nn.Sequential(nn.LayerNorm(7, elementwise_affine=False), nn.Linear(7, 1)), 7, id="no weight"
        ),
    ],
)
def test_in_channels_are_those_of_the_first_weight(layer, channels):
    assert in_channels(layer) == channels


def test_in_channels_of_a_model_without_weights_is_an_error():
    with pytest.raises(ArgumentError, match="^No weight layer$"):
        in_channels(nn.Sequential(nn.ReLU()))


def test_model_is_unwrapped_from_data_parallel(model):
    assert get_model(nn.DataParallel(model)) is model
    assert get_model(model) is model


def test_weights_lose_the_prefix_of_a_wrapper_and_no_other_letters():
    assert remove_module_load({"module.a": 1, "module.b.module.c": 2, "layers.w": 3}) == {
        "a": 1,
        "b.module.c": 2,
        "layers.w": 3,
    }


@pytest.mark.parametrize(
    ("idxs", "sizes"),
    [([2], [2, 3]), ([0, 3], [3, 2]), ((1, 4), [1, 3, 1]), ([0, 2, 5], [2, 3]), ([], [5])],
    ids=str,
)
def test_split_by_index_begins_groups_there(model, idxs, sizes):
    before = list(idxs)
    assert [len(group) for group in split_model_idx(model, idxs)] == sizes
    assert list(idxs) == before


def test_split_at_modules_begins_groups_with_their_first_leaf(model):
    for splits in ([model[0], model[2]], (model[2],), [model[2][0]]):
        groups = split_model(model, splits)
        assert [_kinds(group) for group in groups] == [
            ["Linear", "BatchNorm1d", "ReLU"],
            ["Linear", "Linear"],
        ]


def test_split_at_a_container_begins_groups_with_each_of_its_modules(model):
    groups = split_model(model, nn.ModuleList([model[1], model[2][1]]))
    assert [_kinds(group) for group in groups] == [["Linear", "BatchNorm1d"], ["ReLU", "Linear"], ["Linear"]]


def test_split_by_lists_takes_them_as_groups(model):
    groups = split_model(splits=[[model[0], model[1]], [model[2]]])
    assert [_kinds(group) for group in groups] == [["Sequential", "ReLU"], ["Sequential"]]


@pytest.mark.parametrize(
    ("with_model", "splits", "message"),
    [
        (True, None, "splits is empty"),
        (False, [nn.ReLU()], "model=None"),
        (True, [nn.Tanh()], "Tanh that is not in the model"),
    ],
    ids=["nothing", "no model", "stranger"],
)
def test_split_names_what_is_wrong(model, with_model, splits, message):
    with pytest.raises(ArgumentError, match=message):
        split_model(model if with_model else None, splits)


def test_groups_hold_the_trainable_parameters(model):
    requires_grad(model[0][0], False)
    first, second = get_param_groups(split_model(model, [model[2]]))
    assert _names(model, first) == ["0.1.weight", "0.1.bias"]
    assert len(second) == 4


def test_norms_and_biases_do_not_decay():
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3),
        nn.GroupNorm(1, 2),
        nn.Linear(2, 2, bias=False),
        nn.LayerNorm(2),
        nn.Embedding(2, 2),
    )
    decay, no_decay = split_no_wd_params([model])
    assert _names(model, decay) == ["0.weight", "1.weight", "1.bias", "2.weight", "4.weight"]
    assert _names(model, no_decay) == ["0.bias", "3.weight", "3.bias"]


def test_frozen_bias_stays_in_its_list():
    model = nn.Sequential(nn.Linear(2, 2))
    requires_grad(model, False)
    decay, no_decay = split_no_wd_params([model])
    assert decay == []
    assert _names(model, no_decay) == ["0.bias"]


def test_tied_weight_stands_once():
    model = nn.Sequential(nn.Embedding(3, 2), nn.Linear(2, 3))
    model[1].weight = model[0].weight
    decay, _ = split_no_wd_params([model])
    assert _names(model, decay) == ["0.weight"]


@pytest.mark.parametrize("group", [nn.Linear(2, 2), Lone()], ids=["leaf", "lone parameters"])
def test_no_parameter_of_a_group_is_lost(group):
    parameters = {id(p) for p in group.parameters()}
    assert {id(p) for p in get_param_groups([group])[0]} == parameters
    assert {id(p) for params in split_no_wd_params([group]) for p in params} == parameters
