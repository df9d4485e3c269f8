"""Layer groups have learning rates of their own and can be frozen."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.callback import Callback
from fastloop_v1.defaults import defaults
from fastloop_v1.errors import ArgumentError, LayerGroupError
from fastloop_v1.optim import OptimWrapper

BATCHES = [(torch.ones(4, 3), torch.ones(4, 1))] * 2


def learner(groups=3, **options):
    """Return a learner of up to three layer groups, the second one with a batch norm."""
    torch.manual_seed(0)
    parts = [nn.Linear(3, 4), nn.Sequential(nn.BatchNorm1d(4), nn.Linear(4, 4)), nn.Linear(4, 1)]
    learn = Learner(
        DataBunch(BATCHES, None), nn.Sequential(*parts), loss_func=F.mse_loss, silent=True, **options
    )
    return learn.split(parts[:groups]) if groups > 1 else learn


def trained(learn):
    """Return for each layer with parameters whether they take gradients."""
    layers = [layer for layer in learn.model.modules() if not list(layer.children())]
    return [{p.requires_grad for p in layer.parameters()} == {True} for layer in layers]


# --- learning rates -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("lr", [0.1, [0.1, 0.2], np.array([1.0]), "x", None, (1, 2)], ids=repr)
def test_rate_that_is_no_slice_comes_back_as_it_is(lr):
    assert learner().lr_range(lr) is lr


@pytest.mark.parametrize(
    ("groups", "lr", "expected"),
    [
        (1, slice(0.1), [0.1]),
        (3, slice(0.1), [0.01, 0.01, 0.1]),
        (3, slice(0, 0.1), [0.01, 0.01, 0.1]),
        (2, slice(0.1, 0.4), [0.1, 0.4]),
        (3, slice(0.1, 0.4), [0.1, 0.2, 0.4]),
        (1, slice(0.1, 0.4), [0.4]),
    ],
)
def test_slice_gives_a_rate_to_each_group(groups, lr, expected):
    rates = learner(groups).lr_range(lr)
    assert isinstance(rates, np.ndarray)
    assert rates.tolist() == pytest.approx(expected)


# --- optimizer ----------------------------------------------------------------------------------------------


def test_made_optimizer_is_new_and_has_two_groups_for_each_layer_group():
    learn = learner(wd=0.5, bn_wd=False, opt_func=torch.optim.SGD)
    learn.create_opt([0.1, 0.2, 0.3], 0.4)
    first = learn.opt
    assert isinstance(first, OptimWrapper)
    assert [group["lr"] for group in first.opt.param_groups] == [0.1, 0.1, 0.2, 0.2, 0.3, 0.3]
    assert (first._wd, first.true_wd, first.bn_wd) == ([0.4] * 3, True, False)
    learn.create_opt(0.1)
    assert learn.opt is not first
    assert learn.opt.wd == 0


# --- splitting ----------------------------------------------------------------------------------------------


def layer_names(learn):
    return [[type(layer).__name__ for layer in group] for group in learn.layer_groups]


THREE = [["Linear"], ["BatchNorm1d", "Linear"], ["Linear"]]


def test_all_layers_are_one_group_at_first():
    assert layer_names(learner(1)) == [["Linear", "BatchNorm1d", "Linear", "Linear"]]


@pytest.mark.parametrize(
    ("split_on", "expected"),
    [
        (lambda learn: [learn.model[1], learn.model[2]], THREE),
        (lambda learn: lambda model: (model[1], model[2]), THREE),
        (lambda learn: lambda model: [list(model[0:1]), list(model[1]), list(model[2:])], THREE),
        (lambda learn: learn.model[2], [["Linear", "BatchNorm1d", "Linear"], ["Linear"]]),
        (lambda learn: lambda model: model[2], [["Linear", "BatchNorm1d", "Linear"], ["Linear"]]),
    ],
    ids=["modules", "function of the model", "lists", "one module", "function to one module"],
)
def test_groups_begin_where_told(split_on, expected):
    learn = learner(1)
    assert learn.split(split_on(learn)) is learn
    assert layer_names(learn) == expected


def test_module_of_another_model_cannot_split():
    with pytest.raises(ArgumentError, match="Linear that is not in the model"):
        learner().split([nn.Linear(1, 1)])


# --- freezing -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("freeze", "expected"),
    [
        # Batch norm, the second layer, goes on training.
        (lambda learn: learn.freeze(), [False, True, False, True]),
        (lambda learn: learn.freeze_to(-1), [False, True, False, True]),
        (lambda learn: learn.freeze_to(-2), [False, True, True, True]),
        (lambda learn: learn.freeze_to(1), [False, True, True, True]),
        (lambda learn: learn.freeze_to(0), [True] * 4),
        (lambda learn: learn.freeze_to(3), [False, True, False, False]),
        (lambda learn: (learn.freeze(), learn.unfreeze()), [True] * 4),
        (lambda learn: (learn.freeze(), learn.freeze_to(-2)), [False, True, True, True]),
    ],
    ids=["freeze", "to -1", "to -2", "to 1", "to 0", "to 3", "unfreeze", "thawed step by step"],
)
def test_groups_before_a_number_are_frozen(freeze, expected):
    learn = learner()
    freeze(learn)
    assert trained(learn) == expected


def test_batch_norm_is_frozen_too_if_not_to_be_trained():
    learn = learner(train_bn=False)
    learn.freeze()
    assert trained(learn) == [False, False, False, True]


def test_frozen_weights_stay_in_training():
    learn = learner(train_bn=False)
    learn.freeze()
    before = [p.detach().clone() for p in learn.model.parameters()]
    learn.fit(1, 0.1)
    changed = [not torch.equal(p, old) for p, old in zip(learn.model.parameters(), before, strict=True)]
    assert changed == [False] * 6 + [True] * 2


def test_freezing_makes_a_new_optimizer_with_the_default_rate_as_it_is():
    learn = learner()
    learn.fit(1, 0.1)
    first = learn.opt
    learn.freeze()
    assert learn.opt is not first
    assert (learn.opt.lr, learn.opt.wd, len(learn.opt.opt.state)) == (defaults.lr, 0, 0)
    learn.fit(1, slice(0.1))
    assert learn.opt._lr == pytest.approx([0.01, 0.01, 0.1])
    assert learn.opt.wd == learn.wd


def test_freezing_in_the_middle_of_a_fit_keeps_rates_and_schedule():
    learn, rates = learner(train_bn=False), []

    class Thaw(Callback):
        def on_epoch_begin(self, epoch, **state):
            learn.freeze_to(-1 - epoch)
            rates.append((learn.opt.lr, learn.opt.mom, trained(learn)))

        def on_step_end(self, **state):
            learn.after_step = [group["lr"] for group in learn.opt.opt.param_groups[::2]]

    learn.fit_one_cycle(3, [0.01, 0.02, 0.03], callbacks=Thaw())
    assert rates[0] == (0.03 / 25, 0.95, [False, False, False, True])
    assert rates[2][2] == [True] * 4
    assert [lr for lr, _, _ in rates] == [learn.recorder.lrs[0], *learn.recorder.lrs[2::2]]
    assert learn.after_step[-1] == learn.recorder.lrs[-1]
    assert learn.after_step == pytest.approx(
        [lr / 3 * learn.recorder.lrs[-1] / 0.01 for lr in (0.01, 0.02, 0.03)]
    )


def test_learner_of_one_group_cannot_be_frozen():
    learn = learner(1)
    for kind in (LayerGroupError, AssertionError, ValueError):
        with pytest.raises(kind, match=r"this learner has one\. Use split"):
            learn.freeze()
    learn.unfreeze()
    assert trained(learn) == [True] * 4


def test_initialization_leaves_batch_norm():
    learn = learner()
    learn.init(lambda weight: nn.init.constant_(weight, 5.0))
    weights = {name: set(p.flatten().tolist()) for name, p in learn.model.named_parameters()}
    assert weights["0.weight"] == weights["1.1.weight"] == weights["2.weight"] == {5.0}
    assert (weights["1.0.weight"], weights["0.bias"]) == ({1.0}, {0.0})
