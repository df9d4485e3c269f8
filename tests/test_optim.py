from __future__ import annotations

import copy
import pickle
import re
from functools import partial

import pytest
import torch
from torch import nn
from torch.optim import SGD, Adagrad, Adam, Optimizer, RMSprop, Rprop

from fastloop_v1.errors import HyperParameterError
from fastloop_v1.optim import AdamW, FakeOptimizer, OptimWrapper

# LBFGS takes no parameter groups.
CLASSES = {
    name: cls
    for name, cls in vars(torch.optim).items()
    if isinstance(cls, type) and issubclass(cls, Optimizer) and name not in ("Optimizer", "LBFGS")
}
LRS, STEPS = [0.1, 0.01], 6


def layers():
    """Two layer groups, and their parameters in pairs: those that decay, those that do not."""
    torch.manual_seed(0)
    first, norm, last = nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)
    pairs = [[[first.weight], [first.bias]], [[last.weight], [norm.weight, norm.bias, last.bias]]]
    return [nn.Sequential(first), nn.Sequential(norm, nn.ReLU(), last)], pairs


def made_for(name):
    """Layer groups that an optimizer can train: matrices only, sparse gradients only, or anything."""
    if name not in ("Muon", "SparseAdam"):
        return layers()
    torch.manual_seed(0)
    sparse = [nn.Embedding(5, 3, sparse=True), nn.Embedding(4, 3, sparse=True)]
    dense = [nn.Linear(3, 4, bias=False), nn.Linear(4, 2, bias=False)]
    parts = sparse if name == "SparseAdam" else dense
    return [nn.Sequential(part) for part in parts], [[[part.weight], []] for part in parts]


def set_gradients(groups, seed):
    """Put the gradients of one batch on the parameters."""
    generator = torch.Generator().manual_seed(seed)
    if isinstance(groups[0][0], nn.Embedding):
        loss = sum(group(torch.randint(4, (3,), generator=generator)).pow(2).sum() for group in groups)
    else:
        loss = nn.Sequential(*groups)(torch.randn(5, 3, generator=generator)).pow(2).mean()
    loss.backward()


def weights_of(groups):
    return [param.detach() for group in groups for param in group.parameters()]


def continued(opt, groups, seeds):
    """Weights after more steps."""
    for seed in seeds:
        opt.zero_grad()
        set_gradients(groups, seed)
        opt.step()
    return weights_of(groups)


def assert_same(one, other):
    assert len(one) == len(other)
    assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


# --- the same numbers as a loop written out ---------------------------------------------------------------


def write_hypers(opt, lrs, wd, *, true_wd, bn_wd):
    """Put learning rates and weight decay into the parameter groups of a torch optimizer."""
    for place, group in enumerate(opt.param_groups):
        group["lr"] = lrs[place // 2]
        if "weight_decay" in group and true_wd:
            group["weight_decay"] = 0
        elif "weight_decay" in group and (bn_wd or place % 2 == 0):
            group["weight_decay"] = wd


def train_by_hand(name, wd, *, true_wd, bn_wd):
    """Weights after some steps of a torch optimizer, the decay written out."""
    groups, pairs = made_for(name)
    opt = CLASSES[name]([{"params": params} for pair in pairs for params in pair])
    write_hypers(opt, LRS, wd, true_wd=true_wd, bn_wd=bn_wd)
    decaying = pairs if "weight_decay" in opt.param_groups[0] else pairs[:1]
    for seed in range(STEPS):
        opt.zero_grad()
        set_gradients(groups, seed)
        for lr, (weights, others) in zip(LRS, decaying if true_wd else [], strict=False):
            for param in [*weights, *(others if bn_wd else [])]:
                param.data.mul_(1 - wd * lr)
        opt.step()
    return weights_of(groups)


@pytest.mark.parametrize("bn_wd", [True, False], ids=["all decay", "norms and biases spared"])
@pytest.mark.parametrize("true_wd", [True, False], ids=["true decay", "decay in the gradient"])
@pytest.mark.parametrize("name", CLASSES)
def test_training_equals_a_loop_written_out(name, true_wd, bn_wd):
    groups, _ = made_for(name)
    opt = OptimWrapper.create(CLASSES[name], LRS, groups, wd=0.3, true_wd=true_wd, bn_wd=bn_wd)
    trained = continued(opt, groups, range(STEPS))
    assert_same(trained, train_by_hand(name, 0.3, true_wd=true_wd, bn_wd=bn_wd))


@pytest.mark.parametrize("name", CLASSES)
def test_training_with_changing_values_equals_a_loop_written_out(name):
    (groups, _), (others, pairs) = made_for(name), made_for(name)
    opt = OptimWrapper.create(CLASSES[name], 1.0, groups)
    by_hand = CLASSES[name]([{"params": params} for pair in pairs for params in pair])
    for seed in range(STEPS):
        lr, mom, beta = 0.1 / (seed + 1), 0.5 + seed / 20, 0.9 + seed / 100
        opt.lr, opt.mom, opt.beta = [lr, lr / 10], mom, beta
        for place, group in enumerate(by_hand.param_groups):
            changed = {"lr": lr / 10 ** (place // 2), "momentum": mom, "betas": (mom, beta), "alpha": beta}
            group.update({key: value for key, value in changed.items() if key in group})
            if "weight_decay" in group:
                group["weight_decay"] = 0.0
        set_gradients(groups, seed)
        set_gradients(others, seed)
        opt.step()
        by_hand.step()
        opt.zero_grad()
        by_hand.zero_grad()
    assert_same(weights_of(groups), weights_of(others))


# --- true weight decay ------------------------------------------------------------------------------------


def test_true_decay_is_a_factor_a_step():
    groups, _ = layers()
    before = [param.clone() for param in weights_of(groups)]
    opt = OptimWrapper.create(SGD, LRS, groups, wd=[0.5, 0.2], true_wd=True)
    for _ in range(3):
        for param in opt.params:
            param.grad = torch.zeros_like(param)
        opt.step()
    factors = [(1 - 0.1 * 0.5) ** 3] * 2 + [(1 - 0.01 * 0.2) ** 3] * 4
    for param, start, factor in zip(weights_of(groups), before, factors, strict=True):
        torch.testing.assert_close(param, start * factor)


def test_true_decay_spares_parameters_without_a_gradient():
    groups, ((weights, _), _) = layers()
    before = weights[0].detach().clone()
    opt = OptimWrapper.create(SGD, LRS, groups, wd=0.5, true_wd=True)
    opt.step()
    assert torch.equal(weights[0], before)


def test_inner_decay_is_switched_off_at_the_first_step():
    opt = OptimWrapper.create(torch.optim.AdamW, 0.1, layers()[0], wd=0.3, true_wd=True)
    assert [group["weight_decay"] for group in opt.opt.param_groups] == [0.01] * 4
    opt.step()
    assert [group["weight_decay"] for group in opt.opt.param_groups] == [0] * 4
    assert opt.wd == 0.3


@pytest.mark.parametrize(("bn_wd", "others"), [(True, 0.3), (False, 0.01)], ids=["all decay", "norms spared"])
def test_inner_decay_is_written_into_the_groups(bn_wd, others):
    opt = OptimWrapper.create(torch.optim.AdamW, 0.1, layers()[0], wd=0.3, bn_wd=bn_wd)
    assert [group["weight_decay"] for group in opt.opt.param_groups] == [0.3, others] * 2


# --- hyper-parameters -------------------------------------------------------------------------------------


def read(opt, key):
    """The values of a key in all inner groups."""
    return [group[key] for group in opt.opt.param_groups]


def test_layer_groups_become_pairs_of_groups():
    groups, pairs = layers()
    opt = OptimWrapper.create(SGD, LRS, groups)
    found = [group["params"] for group in opt.opt.param_groups]
    expected = [params for pair in pairs for params in pair]
    assert [list(map(id, params)) for params in found] == [list(map(id, params)) for params in expected]
    assert opt.n_params == 6
    assert [id(param) for param in opt.params] == [id(param) for params in found for param in params]


@pytest.mark.parametrize("name", CLASSES)
def test_values_of_every_optimizer_are_read_and_set(name):
    opt = OptimWrapper.create(CLASSES[name], LRS, made_for(name)[0])
    keys = opt.opt_keys
    assert (opt.lr, read(opt, "lr")) == (0.01, [0.1, 0.1, 0.01, 0.01])
    opt.lr, opt.wd = 0.5, [0.1] if "weight_decay" not in keys else [0.1, 0.2]
    assert (opt.lr, opt.get_stat("lr"), read(opt, "lr")) == (0.5, 0.5, [0.5] * 4)
    if "weight_decay" in keys:
        assert (opt.wd, read(opt, "weight_decay")) == (0.2, [0.1, 0.1, 0.2, 0.2])
    if "momentum" in keys:
        opt.set_stat("mom", [0.7, 0.8])
        assert (opt.mom, read(opt, "momentum")) == (0.8, [0.7, 0.7, 0.8, 0.8])
    if "betas" in keys:
        opt.mom, opt.beta = 0.8, [0.95, 0.98]
        assert (opt.mom, opt.beta, read(opt, "betas")[1:3]) == (0.8, 0.98, [(0.8, 0.95), (0.8, 0.98)])
    elif "alpha" in keys:
        opt.beta = 0.95
        assert (opt.beta, read(opt, "alpha")) == (0.95, [0.95] * 4)
    else:
        assert opt.beta is None


@pytest.mark.parametrize(
    ("make", "mom", "beta"),
    [
        (SGD, 0, None),
        (partial(SGD, momentum=0.9), 0.9, None),
        (Adam, 0.9, 0.999),
        (AdamW, 0.9, 0.99),
        (RMSprop, 0, 0.99),
        (Adagrad, None, None),
    ],
    ids=["SGD", "SGD with momentum", "Adam", "default", "RMSprop", "Adagrad"],
)
def test_momentum_and_beta_are_read_and_none_leaves_them(make, mom, beta):
    opt = OptimWrapper.create(make, 0.1, layers()[0])
    assert (opt.mom, opt.beta) == (mom, beta)
    opt.mom = opt.beta = None
    assert (opt.mom, opt.beta) == (mom, beta)


@pytest.mark.parametrize("name", ["lr", "mom", "beta", "wd"])
def test_list_of_another_length_is_refused(name):
    opt = OptimWrapper.create(Adam, LRS, layers()[0])
    before = [dict(group) for group in opt.opt.param_groups]
    with pytest.raises(AssertionError, match="List len mismatch \\(3 vs 2\\)"):
        setattr(opt, name, [1, 2, 3])
    assert [dict(group) for group in opt.opt.param_groups] == before


def test_bug_26_momentum_of_an_optimizer_without_one_is_remembered_without_effect():
    opt = OptimWrapper.create(Adagrad, LRS, layers()[0])
    before = [{**group} for group in opt.opt.param_groups]
    opt.mom, opt.beta = 0.5, 0.6
    assert (opt.mom, opt.beta) == (0.5, 0.6)
    assert opt.opt.param_groups == before


# --- any hyper-parameter by name --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "last", "inner"),
    [
        ("eps", 1e-3, 1e-3, [1e-3] * 4),
        ("eps", [1e-3, 1e-4], 1e-4, [1e-3, 1e-3, 1e-4, 1e-4]),
        ("eps", (1e-3, 1e-4), 1e-4, [1e-3, 1e-3, 1e-4, 1e-4]),
        ("amsgrad", True, True, [True] * 4),
        ("betas", (0.5, 0.6), (0.5, 0.6), [(0.5, 0.6)] * 4),
    ],
    ids=["one value", "list", "tuple", "flag", "pair"],
)
def test_bug_31_any_value_is_set_by_name_in_every_group(name, value, last, inner):
    opt = OptimWrapper.create(Adam, LRS, layers()[0])
    opt.set_stat(name, value)
    assert opt.get_stat(name) == last
    assert read(opt, name) == inner


def test_value_that_is_a_pair_is_one_value():
    opt = OptimWrapper.create(Rprop, LRS, layers()[0])
    assert opt.get_stat("etas") == (0.5, 1.2)
    opt.set_stat("etas", (0.4, 1.3))
    assert read(opt, "etas") == [(0.4, 1.3)] * 4
    opt.set_stat("etas", [(0.4, 1.3), (0.3, 1.4)])
    assert opt.get_stat("etas") == (0.3, 1.4)


def test_list_by_name_of_another_length_is_refused():
    with pytest.raises(AssertionError, match="List len mismatch"):
        OptimWrapper.create(Adam, LRS, layers()[0]).set_stat("eps", [1, 2, 3])


@pytest.mark.parametrize(
    "ask",
    [
        lambda opt: opt.get_stat("moom"),
        lambda opt: opt.set_stat("moom", 1),
        lambda opt: opt.set_val("moom", [1]),
        lambda opt: opt.read_val("moom"),
    ],
    ids=["get_stat", "set_stat", "set_val", "read_val"],
)
def test_unknown_name_is_refused_with_those_there_are(ask):
    opt = OptimWrapper.create(Adagrad, LRS, layers()[0])
    with pytest.raises(HyperParameterError, match="moom") as caught:
        ask(opt)
    text = str(caught.value)
    assert text.startswith("Adagrad has no hyper-parameter 'moom'; it has: beta, differentiable, eps,")
    assert isinstance(caught.value, KeyError)


def test_raw_values_are_read_and_written_in_pairs():
    opt = OptimWrapper.create(Adam, LRS, layers()[0])
    assert opt.read_val("betas") == ([0.9, 0.9], [0.999, 0.999])
    assert opt.set_val("eps", [1, 2], bn_groups=False) == [1, 2]
    assert read(opt, "eps") == [1, 1e-8, 2, 1e-8]


# --- the inner optimizer's attributes ---------------------------------------------------------------------


def test_attributes_of_the_inner_optimizer_pass_through():
    opt = OptimWrapper.create(SGD, LRS, layers()[0])
    assert opt.param_groups is opt.opt.param_groups
    assert opt.state is opt.opt.state


def test_unknown_attribute_is_none():
    opt = OptimWrapper.create(SGD, LRS, layers()[0])
    assert opt.no_such_attribute is None
    with pytest.raises(AttributeError, match="'OptimWrapper' object has no attribute '__no_such__'"):
        _ = opt.__no_such__


def test_wrapper_is_not_wrapped_again():
    opt = OptimWrapper.create(SGD, LRS, layers()[0])
    with pytest.raises(AssertionError, match=re.escape("opt is an OptimWrapper; wrap its inner optimizer")):
        OptimWrapper(opt)


def test_wrapper_is_made_around_a_torch_optimizer():
    _, pairs = layers()
    inner = SGD([{"params": params} for pair in pairs for params in pair], lr=0.3, momentum=0.9)
    opt = OptimWrapper(inner, wd=0.1)
    assert (opt.lr, opt.mom, opt.wd, read(opt, "weight_decay")) == (0.3, 0.9, 0.1, [0.1] * 4)


def test_repr_shows_the_inner_optimizer():
    opt = OptimWrapper.create(SGD, LRS, layers()[0], true_wd=True)
    assert repr(opt) == f"OptimWrapper over {opt.opt!r}.\nTrue weight decay: True"


# --- steps ------------------------------------------------------------------------------------------------


def test_closure_goes_to_the_inner_optimizer():
    (groups, _), (others, pairs) = layers(), layers()
    opt = OptimWrapper.create(SGD, 0.1, groups)
    by_hand = SGD([param for pair in pairs for params in pair for param in params], lr=0.1)

    def closure(trained):
        set_gradients(trained, 0)
        return "loss"

    assert opt.step(partial(closure, groups)) == by_hand.step(partial(closure, others)) == "loss"
    assert_same(weights_of(groups), weights_of(others))


def test_gradients_are_cleared():
    groups, _ = layers()
    opt = OptimWrapper.create(SGD, LRS, groups)
    set_gradients(groups, 0)
    opt.zero_grad(set_to_none=False)
    assert not any(param.grad.any() for param in opt.params)
    opt.zero_grad()
    assert all(param.grad is None for param in opt.params)


def test_clear_forgets_the_state_and_keeps_the_values():
    groups, _ = layers()
    opt = OptimWrapper.create(Adam, LRS, groups)
    continued(opt, groups, range(1))
    assert opt.opt.state
    opt.lr, opt.mom = 0.7, 0.6
    opt.clear()
    assert not opt.opt.state
    assert (opt.lr, read(opt, "betas")) == (0.7, [(0.6, 0.999)] * 4)


def test_fake_optimizer_leaves_everything():
    groups, _ = layers()
    set_gradients(groups, 0)
    before = [param.clone() for param in weights_of(groups)]
    FakeOptimizer().step()
    FakeOptimizer().zero_grad()
    assert_same(weights_of(groups), before)
    assert all(param.grad is not None for group in groups for param in group.parameters())


# --- fresh ones, saved ones, copies -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "renew",
    [
        lambda opt, groups, pairs: opt.new(groups),
        lambda opt, groups, pairs: opt.new([params for pair in pairs for params in pair], split_no_wd=False),
        lambda opt, groups, pairs: opt.new_with_params([params for pair in pairs for params in pair]),
    ],
    ids=["layer groups", "parameters", "new_with_params"],
)
def test_bug_29_fresh_optimizer_has_the_values_of_each_layer_group_and_no_state(renew):
    groups, _ = layers()
    make = partial(Adam, amsgrad=True)
    opt = OptimWrapper.create(make, LRS, groups, wd=[0.3, 0.4], true_wd=True, bn_wd=False)
    opt.mom, opt.beta = [0.5, 0.6], [0.7, 0.8]
    continued(opt, groups, range(1))
    fresh = renew(opt, *layers())
    assert (fresh._lr, fresh._wd, fresh._mom, fresh._beta) == (LRS, [0.3, 0.4], [0.5, 0.6], [0.7, 0.8])
    assert (fresh.true_wd, fresh.bn_wd, fresh.opt_func, read(fresh, "amsgrad")) == (
        True,
        False,
        make,
        [True] * 4,
    )
    assert not fresh.opt.state
    assert not {id(p) for p in fresh.params} & {id(p) for p in opt.params}


def test_bug_26_fresh_optimizer_without_momentum_has_none():
    opt = OptimWrapper.create(Adagrad, LRS, layers()[0])
    assert opt.new(layers()[0]).mom is None


@pytest.mark.parametrize("name", CLASSES)
def test_saved_optimizer_goes_on_where_it_was(name):
    groups, _ = made_for(name)
    opt = OptimWrapper.create(CLASSES[name], LRS, groups, wd=0.1, true_wd=True)
    opt.mom, opt.beta = 0.8, 0.95
    continued(opt, groups, range(3))
    state, copied = copy.deepcopy(opt.get_state()), copy.deepcopy(groups)
    again = OptimWrapper.load_with_state_and_layer_group(state, copied)
    assert again.get_state().keys() == opt.get_state().keys()
    assert (again._lr, again._wd, again._mom, again._beta) == (opt._lr, opt._wd, opt._mom, opt._beta)
    assert_same(continued(again, copied, range(3, 6)), continued(opt, groups, range(3, 6)))


@pytest.mark.parametrize(
    "again", [copy.deepcopy, lambda pair: pickle.loads(pickle.dumps(pair))], ids=["deepcopy", "pickle"]
)
@pytest.mark.parametrize("name", ["SGD", "Adam", "RMSprop"])
def test_bug_25_copy_goes_on_by_itself(name, again):
    groups, _ = layers()
    opt = OptimWrapper.create(CLASSES[name], LRS, groups, wd=0.1, true_wd=True)
    continued(opt, groups, range(3))
    copied, copied_groups = again((opt, groups))
    before = [param.clone() for param in weights_of(groups)]
    went_on = continued(copied, copied_groups, range(3, 6))
    assert_same(weights_of(groups), before)
    assert_same(continued(opt, groups, range(3, 6)), went_on)
