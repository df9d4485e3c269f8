from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from fastloop_v1.callbacks.master_weights import (
    MasterWeights,
    get_master,
    grad_overflow,
    master2model,
    model_g2master_g,
)

FLAT = pytest.mark.parametrize("flat", [False, True], ids=["by parameter", "flat"])


@pytest.fixture
def model():
    """Half precision, batch norm excepted, as `to_fp16` leaves it."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).half()
    model[1].float()
    return model


def _set_grads(model, value):
    for param in model.parameters():
        param.grad = torch.full_like(param, value)


def _values(master_params):
    return torch.cat([master.detach().reshape(-1) for params in master_params for master in params])


def _grads(master_params):
    return torch.cat([master.grad.reshape(-1) for params in master_params for master in params])


class _Reads(TorchDispatchMode):
    """Counts how often a number is read from a device."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func is torch.ops.aten._local_scalar_dense.default
        return func(*args, **(kwargs or {}))


@FLAT
def test_copies_are_float32_with_the_models_values(model, flat):
    model_params, master_params = get_master([model], flat)
    assert all(master.dtype is torch.float32 for params in master_params for master in params)
    assert torch.equal(_values(master_params), _values(model_params).float())


def test_flat_copy_has_one_vector_for_each_list(model):
    assert [[m.shape for m in params] for params in get_master([model], flat_master=True)[1]] == [
        [(3 * 4 + 4 * 2,)],
        [(4 + 4 + 4 + 2,)],
    ]


@FLAT
def test_frozen_parameters_have_no_copy(model, flat):
    for param in model[0].parameters():
        param.requires_grad = False
    assert _values(get_master([model], flat)[1]).numel() == 4 + 4 + 4 * 2 + 2


@FLAT
def test_list_without_parameters_has_no_copy(flat):
    assert get_master([nn.ReLU()], flat)[1] == [[], []]


@FLAT
def test_gradients_go_to_the_copies_and_values_come_back(model, flat):
    model_params, master_params = get_master([model], flat)
    _set_grads(model, 0.5)
    model_g2master_g(model_params, master_params, flat)
    assert torch.equal(_grads(master_params), torch.full((3 * 4 + 4 * 2 + 4 + 4 + 4 + 2,), 0.5))
    with torch.no_grad():
        for params in master_params:
            for master in params:
                master.fill_(0.25)
    master2model(model_params, master_params, flat)
    assert {float(value) for param in model.parameters() for value in param.detach().reshape(-1)} == {0.25}


def test_parameter_without_gradient_leaves_its_copy_without_one(model):
    model_params, master_params = get_master([model])
    model_g2master_g(model_params, master_params)
    assert [master.grad for params in master_params for master in params] == [None] * 6


def test_parameter_without_gradient_counts_as_zeros_in_a_flat_copy(model):
    model_params, master_params = get_master([model], flat_master=True)
    model[0].weight.grad = torch.ones_like(model[0].weight)
    model_g2master_g(model_params, master_params, flat_master=True)
    assert float(_grads(master_params).sum()) == 12


@pytest.mark.parametrize(
    ("value", "expected"),
    [(65504.0, False), (float("inf"), True), (float("-inf"), True), (float("nan"), True)],
    ids=["largest", "inf", "-inf", "nan"],
)
def test_overflow_is_seen_in_a_single_element(model, value, expected):
    _set_grads(model, 65504.0)
    model[2].bias.grad[1] = value
    assert grad_overflow(get_master([model])[0]) is expected


def test_infinities_of_both_signs_are_an_overflow(model):
    _set_grads(model, 0.0)
    model[2].bias.grad[:] = torch.tensor([float("inf"), float("-inf")])
    assert grad_overflow(model.parameters())


def test_no_gradient_is_no_overflow(model):
    assert not grad_overflow(get_master([model])[0])


def test_bug_60_overflow_of_all_parameters_takes_one_read(model):
    _set_grads(model, 1.0)
    params = get_master([model])[0]
    with _Reads() as reads:
        grad_overflow(params)
    assert reads.count <= 1


# --- collecting gradients -----------------------------------------------------------------------------------


@FLAT
def test_gradients_of_several_batches_add_up_each_by_its_scale(model, flat):
    masters = MasterWeights([model], flat=flat)
    for value, scale in ((1.0, 4.0), (1.0, 2.0)):
        _set_grads(model, value)
        masters.add_grads(scale)
    assert set(_grads(masters.master_params).tolist()) == {0.75}


@FLAT
def test_shown_gradients_are_the_collected_ones_in_the_models_types(model, flat):
    masters = MasterWeights([model], flat=flat)
    _set_grads(model, 8.0)
    masters.add_grads(16.0)
    masters.show_grads()
    assert all(param.grad.dtype is param.dtype for param in model.parameters())
    assert {float(g) for param in model.parameters() for g in param.grad.reshape(-1)} == {0.5}


@FLAT
@pytest.mark.parametrize(
    "change",
    [
        lambda param: param.grad.mul_(0.5),
        lambda param: setattr(param, "grad", param.grad * 0.5),
    ],
    ids=["in place", "replaced"],
)
def test_changes_of_shown_gradients_reach_the_copies(model, flat, change):
    masters = MasterWeights([model], flat=flat)
    _set_grads(model, 8.0)
    masters.add_grads(8.0)
    masters.show_grads()
    for param in model.parameters():
        change(param)
    masters.take_changes()
    assert set(_grads(masters.master_params).tolist()) == {0.5}


@FLAT
def test_gradient_taken_away_counts_as_zero(model, flat):
    masters = MasterWeights([model], flat=flat)
    _set_grads(model, 1.0)
    masters.add_grads(1.0)
    masters.show_grads()
    model.zero_grad()
    masters.take_changes()
    assert set(_grads(masters.master_params).tolist()) == {0.0}


@FLAT
def test_gradients_too_small_for_half_precision_outlive_a_change_that_changes_nothing(model, flat):
    masters = MasterWeights([model], flat=flat)
    _set_grads(model, 1.0)
    masters.add_grads(2.0**40)
    masters.show_grads()
    assert not model[0].weight.grad.any()
    for param in model.parameters():
        param.grad.mul_(1.0)
    masters.take_changes()
    assert set(_grads(masters.master_params).tolist()) == {2.0**-40}


def test_sum_too_large_for_half_precision_is_shown_as_its_largest_number(model):
    masters = MasterWeights([model], flat=False)
    for _ in range(2):
        _set_grads(model, 60000.0)
        masters.add_grads(1.0)
    masters.show_grads()
    assert float(model[0].weight.grad[0, 0]) == 65504
    masters.take_changes()
    assert set(_grads(masters.master_params).tolist()) == {120000.0}


def test_hidden_gradients_are_off_the_model_and_kept_by_the_copies(model):
    masters = MasterWeights([model], flat=False)
    _set_grads(model, 1.0)
    masters.add_grads(1.0)
    masters.show_grads()
    masters.hide_grads()
    assert [param.grad for param in model.parameters()] == [None] * 6
    assert masters.has_grads


# --- values -------------------------------------------------------------------------------------------------


def _add_digits(masters):
    with torch.no_grad():
        for params in masters.master_params:
            for master in params:
                master.add_(1e-6)
    masters.write_back()


@FLAT
def test_refresh_takes_loaded_weights_and_keeps_digits_of_the_others(model, flat):
    masters = MasterWeights([model], flat=flat)
    _add_digits(masters)
    with torch.no_grad():
        model[0].weight.fill_(3.0)
    masters.refresh()
    values = {id(param): value for param, value in masters.pairs()}
    assert set(values[id(model[0].weight)].reshape(-1).tolist()) == {3.0}
    assert not torch.equal(values[id(model[2].weight)], model[2].weight.float())


@FLAT
def test_new_copies_of_fewer_layers_keep_the_digits(model, flat):
    masters = MasterWeights([model], flat=flat)
    _add_digits(masters)
    part = MasterWeights([model[2]], flat=flat, earlier=masters)
    before = {id(param): value for param, value in masters.pairs()}
    assert all(torch.equal(value, before[id(param)]) for param, value in part.pairs())


@FLAT
def test_float_model_gets_the_digits(model, flat):
    masters = MasterWeights([model], flat=flat)
    _add_digits(masters)
    model.float()
    masters.give_digits()
    assert all(torch.equal(param, value) for param, value in masters.pairs())


def test_copies_belong_to_layer_groups_until_one_is_frozen(model):
    masters = MasterWeights([model], flat=False)
    assert masters.belongs_to([model])
    model[0].weight.requires_grad = False
    assert not masters.belongs_to([model])
