from __future__ import annotations

import copy
import pickle
import types

import pytest
import torch
from torch import nn

from fastloop_v1.general_optimizer import (
    AvgSquare,
    AvgStatistic,
    ConstStatistic,
    CounterStat,
    GeneralOptimizer,
    Statistic,
    StatScope,
)


def momentum_step(opt, p, group, group_idx):
    p.data.add_(opt.state[p]["momentum_buffer"], alpha=-group["lr"])


def adam_step(opt, p, group, group_idx):
    state = opt.state[p]
    p.data.addcdiv_(state["mom_buffer"], state["sqr_buffer"].sqrt() + 1e-8, value=-group["lr"])


def no_step(opt, p, group, group_idx):
    return None


def two_params():
    torch.manual_seed(0)
    return [nn.Parameter(torch.randn(2, 3)), nn.Parameter(torch.randn(4))]


def set_grads(params, seed):
    generator = torch.Generator().manual_seed(seed)
    for p in params:
        p.grad = torch.randn(p.shape, generator=generator)


def trained(make_opt, n_steps=5):
    params = two_params()
    opt = make_opt(params)
    for seed in range(n_steps):
        set_grads(params, seed)
        opt.step()
    return params


def adam_stats():
    # The counter is last to show that its place in the list does not matter.
    return [
        AvgStatistic("mom", 0.9, decay=True, debias=True),
        AvgSquare("sqr", 0.99, debias=True),
        CounterStat("step"),
    ]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        pytest.param(
            lambda ps: GeneralOptimizer([{"params": ps, "lr": 0.1}]),
            lambda ps: torch.optim.SGD(ps, lr=0.1),
            id="plain SGD",
        ),
        pytest.param(
            lambda ps: GeneralOptimizer([{"params": ps, "lr": 0.1}], AvgStatistic("momentum"), momentum_step),
            lambda ps: torch.optim.SGD(ps, lr=0.1, momentum=0.9),
            id="momentum",
        ),
        pytest.param(
            lambda ps: GeneralOptimizer([{"params": ps, "lr": 0.1}], adam_stats(), adam_step),
            lambda ps: torch.optim.Adam(ps, lr=0.1, betas=(0.9, 0.99)),
            id="Adam",
        ),
    ],
)
def test_general_optimizer_equals_torch(ours, theirs):
    torch.testing.assert_close(trained(ours), trained(theirs), rtol=1e-5, atol=1e-6)


def test_debias_without_a_counter_changes_nothing():
    def make(debias):
        stats = [AvgStatistic("momentum", decay=True, debias=debias)]
        return lambda ps: GeneralOptimizer([{"params": ps, "lr": 0.1}], stats, momentum_step)

    assert all(torch.equal(a, b) for a, b in zip(trained(make(True)), trained(make(False)), strict=True))


@pytest.mark.parametrize(
    ("stat_class", "entry"),
    [
        pytest.param(AvgStatistic, lambda g: g, id="average"),
        pytest.param(AvgSquare, torch.square, id="square"),
    ],
)
@pytest.mark.parametrize("decay", [False, True], ids=["sum", "decay"])
def test_statistic_of_each_scope_is_the_closed_form(stat_class, entry, decay):
    a, b, c = params = [*two_params(), nn.Parameter(torch.zeros(2))]
    stats = [stat_class(scope.name, 0.8, scope=scope, decay=decay, init=2.0) for scope in StatScope]
    opt = GeneralOptimizer([{"params": [a, b]}, {"params": [c]}], stats, no_step)
    entries = []
    for seed in range(3):
        set_grads(params, seed)
        opt.step()
        entries.append([entry(p.grad) for p in params])

    def average(values):
        share = 1 - 0.8 if decay else 1.0
        return 0.8**3 * 2.0 + sum(share * 0.8 ** (2 - i) * v for i, v in enumerate(values))

    means = torch.tensor([[e.mean() for e in step] for step in entries])
    for i, p in enumerate(params):
        torch.testing.assert_close(opt.state[p]["Weight_buffer"], average([step[i] for step in entries]))
        torch.testing.assert_close(opt.state[p]["Layer_buffer"], average(means[:, i]))
    torch.testing.assert_close(opt.state["group0"]["Group_buffer"], average(means[:, :2].mean(1)))
    torch.testing.assert_close(opt.state["group1"]["Group_buffer"], average(means[:, 2]))
    torch.testing.assert_close(opt.state["global"]["Global_buffer"], average(means.mean(1)))


def test_hyper_parameters_stand_in_every_group_and_act_from_there():
    a, b = params = two_params()
    opt = GeneralOptimizer([{"params": [a]}, {"params": [b], "m": 0.5}], [AvgStatistic("m", 0.9)], no_step)
    assert [group["m"] for group in opt.param_groups] == [0.9, 0.5]
    opt.param_groups[0]["m"] = 0.0
    for seed in range(2):
        set_grads(params, seed)
        opt.step()
    assert torch.equal(opt.state[a]["m_buffer"], a.grad)
    assert not torch.equal(opt.state[b]["m_buffer"], b.grad)


def test_const_statistic_is_a_hyper_parameter_without_a_buffer():
    p = nn.Parameter(torch.ones(1))
    opt = GeneralOptimizer([{"params": [p], "lr": 1.0}], ConstStatistic("eps", 1e-5))
    set_grads([p], 0)
    opt.step()
    assert opt.param_groups[0]["eps"] == 1e-5
    assert opt.state_dict()["state"] == {}


def test_counter_counts_the_steps_of_each_parameter_with_a_gradient():
    a, b = two_params()
    opt = GeneralOptimizer([{"params": [a, b], "lr": 0.1}], CounterStat("step"))
    for _ in range(3):
        set_grads([a], 0)
        opt.step()
    assert "step" not in opt.param_groups[0]
    assert [opt.state[p]["step"] for p in (a, b)] == [3, 0]


def test_parameter_without_gradient_keeps_its_value_and_first_buffer():
    a, b = two_params()
    before = b.detach().clone()
    opt = GeneralOptimizer([{"params": [a, b], "lr": 0.1}], AvgStatistic("momentum"), momentum_step)
    set_grads([a], 0)
    opt.step()
    assert torch.equal(b, before)
    assert torch.equal(opt.state[b]["momentum_buffer"], torch.zeros(4))


def test_empty_group_is_allowed():
    a, b = two_params()
    stats = [AvgStatistic("g", scope=StatScope.Group), AvgStatistic("all", scope=StatScope.Global)]
    opt = GeneralOptimizer([{"params": []}, {"params": [a, b]}], stats, no_step)
    set_grads([a, b], 0)
    opt.step()
    assert opt.state["group0"]["g_buffer"] == 0
    assert opt.state["global"]["all_buffer"] == opt.state["group1"]["g_buffer"] != 0


def test_group_added_later_gets_its_buffers():
    a, b = two_params()
    opt = GeneralOptimizer([{"params": [a], "lr": 0.1}], AvgStatistic("momentum"), momentum_step)
    opt.add_param_group({"params": [b], "lr": 0.1})
    set_grads([a, b], 0)
    opt.step()
    assert torch.equal(opt.state[b]["momentum_buffer"], b.grad)


def all_scopes():
    return [
        AvgStatistic("momentum"),
        *(AvgStatistic(s.name, scope=s) for s in StatScope),
        CounterStat("step"),
    ]


def make_all(params):
    return GeneralOptimizer([{"params": params, "lr": 0.1}], all_scopes(), momentum_step)


def test_state_dict_continues_in_a_new_optimizer(tmp_path):
    expected = trained(make_all, 4)
    params = trained(make_all, 0)
    opt = make_all(params)
    for seed in range(4):
        if seed == 2:
            torch.save(opt.state_dict(), tmp_path / "opt.pth")
            opt = make_all(params)
            opt.load_state_dict(torch.load(tmp_path / "opt.pth", weights_only=True))
        set_grads(params, seed)
        opt.step()
    assert all(torch.equal(a, b) for a, b in zip(params, expected, strict=True))


def test_optimizer_whose_state_was_emptied_starts_afresh():
    params = two_params()
    opt = make_all(params)
    opt.load_state_dict({**opt.state_dict(), "state": {}})
    set_grads(params, 0)
    opt.step()
    assert torch.equal(opt.state[params[0]]["momentum_buffer"], params[0].grad)


@pytest.mark.parametrize(
    "clone", [copy.deepcopy, lambda o: pickle.loads(pickle.dumps(o))], ids=["copy", "pickle"]
)
def test_general_optimizer_survives_whole(clone):
    params = two_params()
    opt = make_all(params)
    set_grads(params, 0)
    opt.step()
    other = clone(opt)
    copies = other.param_groups[0]["params"]
    set_grads(params, 1)
    set_grads(copies, 1)
    opt.step()
    other.step()
    assert other.stats == opt.stats
    assert all(torch.equal(a, b) for a, b in zip(params, copies, strict=True))


def test_step_returns_what_its_closure_computes():
    p = nn.Parameter(torch.tensor([2.0]))
    opt = GeneralOptimizer([{"params": [p], "lr": 0.25}])

    def closure():
        loss = (p**2).sum()
        loss.backward()
        return loss

    assert opt.step(closure).item() == 4
    assert p.item() == 1


def test_on_step_may_be_replaced_on_the_optimizer():
    p = nn.Parameter(torch.tensor([2.0]))
    opt = GeneralOptimizer([{"params": [p]}])
    opt.on_step = types.MethodType(lambda self, p, group, group_idx: p.fill_(group_idx), opt)
    set_grads([p], 0)
    opt.step()
    assert p.item() == 0


def test_buffers_have_type_of_their_parameter():
    p = nn.Parameter(torch.zeros(2, dtype=torch.float64))
    opt = GeneralOptimizer([{"params": [p]}], all_scopes(), no_step)
    buffers = [*opt.state[p].values(), *opt.state["group0"].values(), *opt.state["global"].values()]
    assert {b.dtype for b in buffers if isinstance(b, torch.Tensor)} == {torch.float64}


def test_init_stats_forgets_what_was_kept():
    params = two_params()
    opt = make_all(params)
    set_grads(params, 0)
    opt.step()
    opt.init_stats()
    assert opt.state["global"]["Global_buffer"] == 0
    assert opt.state[params[0]]["step"] == 0


def test_statistic_without_update_says_so():
    p = nn.Parameter(torch.zeros(2))
    opt = GeneralOptimizer([{"params": [p], "lr": 0.1}], Statistic("mine"))
    set_grads([p], 0)
    with pytest.raises(NotImplementedError, match="Statistic has no update"):
        opt.step()


def test_const_statistic_updates_to_its_parameter():
    assert ConstStatistic("eps").update(None, 0.3) == 0.3


def test_statistic_of_nothing_stays_as_it_is():
    state = torch.tensor(2.0)
    assert AvgStatistic("g", scope=StatScope.Group).update(state, 0.9) is state
