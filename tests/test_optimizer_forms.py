"""Steps over lists and steps without an audience have the bits of torch's own; the fused one is near."""

from __future__ import annotations

import functools
from functools import partial

import pytest
import torch
from torch import nn
from torch.optim import optimizer
from torch.utils._python_dispatch import TorchDispatchMode

from fastloop_v1.errors import HyperParameterError
from fastloop_v1.optim import OptimWrapper
from fastloop_v1.optimizer_forms import are_many_and_small, decay_, take_step, use_foreach, use_fused

OPTIMIZERS = {
    "SGD": torch.optim.SGD,
    "SGD with momentum": partial(torch.optim.SGD, momentum=0.9, weight_decay=1e-2),
    "SGD with Nesterov momentum": partial(torch.optim.SGD, momentum=0.9, nesterov=True),
    "Adam": partial(torch.optim.Adam, betas=(0.9, 0.99), weight_decay=1e-2),
    "Adam with amsgrad": partial(torch.optim.Adam, amsgrad=True),
    "AdamW": torch.optim.AdamW,
    "RMSprop": partial(torch.optim.RMSprop, weight_decay=1e-2),
    "RMSprop with momentum": partial(torch.optim.RMSprop, momentum=0.9, centered=True),
}


def parameters(n=20, size=7):
    generator = torch.Generator().manual_seed(0)
    return [nn.Parameter(torch.randn(size, generator=generator)) for _ in range(n)]


def trained(opt, params, steps=200):
    """The parameters after steps with changing rates and random gradients, some of them missing."""
    generator = torch.Generator().manual_seed(1)
    for step in range(steps):
        for at, param in enumerate(params):
            gradient = torch.randn(param.shape, generator=generator)
            param.grad = None if (at + step) % 11 == 0 else gradient
        for group in opt.param_groups:
            group["lr"] = 1e-2 / (1 + step)
        opt.step()
    return torch.cat([param.detach() for param in params])


def decayed(opt, model):
    """The parameters after steps with gradients of zero, all that is left being the decay."""
    for _ in range(5):
        for param in model.parameters():
            param.grad = torch.zeros_like(param)
        opt.step()
    return torch.cat([param.detach().flatten() for param in model.parameters()])


class Operations(TorchDispatchMode):
    """Notes the name of each operation."""

    def __init__(self):
        super().__init__()
        self.names = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.names.add(str(func))
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("func", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_steps_over_lists_have_the_same_bits(func):
    one, other = parameters(), parameters()
    by_list = func(other, lr=0.0)
    use_foreach(by_list)
    assert by_list.param_groups[0]["foreach"] is True
    assert torch.equal(trained(func(one, lr=0.0), one), trained(by_list, other))


@pytest.mark.parametrize("func", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("true_wd", [True, False])
def test_a_wrapper_steps_as_tensor_by_tensor(func, true_wd):
    ends = []
    for foreach in (False, None):
        model = nn.Sequential(*[nn.Linear(3, 3) for _ in range(12)])
        torch.manual_seed(0)
        for param in model.parameters():
            nn.init.normal_(param, std=0.3)
        opt = OptimWrapper.create(partial(func, foreach=foreach), 1e-2, [model], wd=0.1, true_wd=true_wd)
        for _ in range(20):
            model(torch.ones(2, 3)).sum().sigmoid().backward()
            opt.step()
            opt.zero_grad()
        ends.append(nn.utils.parameters_to_vector(model.parameters()))
    assert torch.equal(*ends)


FEW_OR_LARGE = {"few": (7, 7), "large": (8, 2**14 + 1), "none": (0, 1)}


@pytest.mark.parametrize(("n", "size"), FEW_OR_LARGE.values(), ids=FEW_OR_LARGE)
def test_few_or_large_tensors_are_stepped_one_by_one(n, size):
    assert not are_many_and_small(parameters(n, size))


def test_tensors_elsewhere_are_left_to_torch():
    assert not are_many_and_small([param.to("meta") for param in parameters()])


def test_a_form_that_was_chosen_stays():
    opt = torch.optim.Adam(parameters(), foreach=False)
    use_foreach(opt)
    assert opt.param_groups[0]["foreach"] is False


def test_an_optimizer_that_is_not_torchs_own_stays():
    class Mine(torch.optim.Adam):
        """A rule of one's own."""

    opt = Mine(parameters())
    use_foreach(opt)
    assert opt.param_groups[0]["foreach"] is None


@pytest.mark.parametrize("n", [0, 1, 3, 30])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("factor", [0.9, 1 - 1e-5, 1e-40, float("nan")])
def test_decay_has_the_bits_of_a_product_with_a_number(n, dtype, factor):
    params = [nn.Parameter(param.to(dtype)) for param in parameters(n)]
    products = [param.detach() * factor for param in params]
    decay_(params, factor)
    for param, product in zip(params, products, strict=True):
        torch.testing.assert_close(param.detach(), product, rtol=0, atol=0, equal_nan=True)


def test_parameters_of_several_types_decay_as_well():
    params = [nn.Parameter(torch.ones(2, dtype=dtype)) for dtype in (torch.float32, torch.bfloat16)]
    decay_(params, 0.5)
    assert [param.tolist() for param in params] == [[0.5, 0.5], [0.5, 0.5]]


def test_a_factor_that_is_a_tensor_is_not_read():
    params, factor = parameters(2), torch.tensor([0.5])
    before = [param.detach().clone() for param in params]
    with Operations() as operations:
        decay_(params, factor)
    assert not any("_local_scalar_dense" in name for name in operations.names)
    assert all(torch.equal(param, old * 0.5) for param, old in zip(params, before, strict=True))


def test_decay_asks_for_nothing_on_the_default_device():
    params = parameters(2)
    with torch.device("meta"):
        decay_(params, 0.5)
    assert all(torch.equal(param, old * 0.5) for param, old in zip(params, parameters(2), strict=True))


class OfItsOwn(torch.Tensor):
    """A class of tensors that takes no other tensor beside it."""

    @classmethod
    def __torch_function__(cls, func, types, args=(), kwargs=None):
        if func is torch._foreach_mul_ and isinstance(args[1], torch.Tensor):
            raise TypeError("mixed tensors")
        return super().__torch_function__(func, types, args, kwargs)


def test_tensors_of_other_classes_decay_by_a_number():
    params = [param.detach().as_subclass(OfItsOwn) for param in parameters(3)]
    decay_(params, 0.5)
    assert all(torch.equal(param, old * 0.5) for param, old in zip(params, parameters(3), strict=True))


def test_many_parameters_decay_in_one_call():
    with Operations() as operations:
        decay_(parameters(30), 0.5)
    assert "aten._foreach_mul_.Tensor" in operations.names
    assert not any(name.startswith("aten.mul") for name in operations.names)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_a_fused_step_is_near(name):
    one, other = parameters(), parameters()
    fused = OPTIMIZERS[name](other, lr=0.0)
    use_fused(fused)
    torch.testing.assert_close(trained(fused, other), trained(OPTIMIZERS[name](one, lr=0.0), one))


def test_a_wrapper_keeps_its_form_in_a_new_optimizer():
    model = nn.Linear(2, 2)
    opt = OptimWrapper.create(torch.optim.Adam, 1e-3, [model], fused=True)
    assert [group["fused"] for group in opt.new([model]).opt.param_groups] == [True, True]


@pytest.mark.parametrize("bn_wd", [True, False])
@pytest.mark.parametrize("func", [torch.optim.Adam, torch.optim.AdamW, torch.optim.SGD])
def test_a_fused_wrapper_decays_as_one_that_is_not(func, bn_wd):
    ends = []
    for fused in (True, False):
        model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 4), nn.Linear(4, 1))
        torch.manual_seed(0)
        for param in model.parameters():
            nn.init.normal_(param)
        groups = [model[:2], model[2:]]
        opt = OptimWrapper.create(
            func, [0.1, 0.2], groups, wd=[0.3, 0.5], true_wd=True, bn_wd=bn_wd, fused=fused
        )
        ends.append(decayed(opt, model))
    torch.testing.assert_close(*ends)


def test_a_fused_wrapper_follows_its_weight_decay():
    param = one_parameter()
    opt = OptimWrapper(torch.optim.Adam([param], lr=0.1), wd=0.5, true_wd=True, fused=True)
    for wd, factor in ((0.5, 0.95), (0.0, 1.0), (1.0, 0.9)):
        opt.wd = wd
        before = param.detach().clone()
        param.grad = torch.zeros(3)
        opt.step()
        torch.testing.assert_close(param.detach(), before * factor)


@pytest.mark.skipif(
    "decoupled_weight_decay" not in torch.optim.Adam([nn.Parameter(torch.ones(1))]).defaults,
    reason="torch 2.6 and later",
)
def test_a_fused_step_of_adam_needs_no_pass_for_the_decay():
    opt = OptimWrapper(torch.optim.Adam([one_parameter()]), wd=0.1, true_wd=True, fused=True)
    with Operations() as seen:
        opt.step()
    assert "aten.mul_.Tensor" not in seen.names
    assert "aten._fused_adamw_.default" in seen.names


def test_a_wrapper_does_not_take_the_fused_form_unasked():
    opt = OptimWrapper.create(torch.optim.Adam, 1e-3, [nn.Linear(2, 2)])
    assert not any(group["fused"] for group in opt.opt.param_groups)


def test_an_optimizer_without_a_fused_form_is_named():
    with pytest.raises(HyperParameterError, match=r"fused is True, but RMSprop has no fused form"):
        OptimWrapper(torch.optim.RMSprop(parameters()), fused=True)


# --- hooks and profilers around a step ----------------------------------------------------------------------


def one_parameter():
    param = nn.Parameter(torch.ones(3))
    param.grad = torch.ones(3)
    return param


def test_a_step_without_audience_is_torchs_own():
    one, other = one_parameter(), one_parameter()
    torch.optim.SGD([one], lr=0.1).step()
    take_step(torch.optim.SGD([other], lr=0.1))
    assert torch.equal(one, other)


def test_a_closure_is_called_with_gradients_and_gives_the_result():
    param = one_parameter()

    def closure():
        assert torch.is_grad_enabled()
        return (param * 2).sum()

    assert take_step(torch.optim.SGD([param], lr=0.1), closure) == 6


def test_hooks_of_an_optimizer_hear_a_step():
    heard = []
    opt = torch.optim.SGD([one_parameter()], lr=0.1)
    take_step(opt)
    before = opt.register_step_pre_hook(lambda *_: heard.append("before"))
    after = opt.register_step_post_hook(lambda *_: heard.append("after"))
    take_step(opt)
    before.remove()
    take_step(opt)
    after.remove()
    take_step(opt)
    assert heard == ["before", "after", "after"]


@pytest.mark.parametrize(
    "register",
    [optimizer.register_optimizer_step_pre_hook, optimizer.register_optimizer_step_post_hook],
    ids=["pre", "post"],
)
def test_hooks_of_all_optimizers_hear_a_step(register):
    heard = []
    handle = register(lambda *_: heard.append("step"))
    try:
        take_step(torch.optim.SGD([one_parameter()], lr=0.1))
    finally:
        handle.remove()
    assert heard == ["step"]


def test_a_profiler_sees_a_step_by_its_name():
    opt = torch.optim.SGD([one_parameter()], lr=0.1)
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profiler:
        take_step(opt)
    assert "Optimizer.step#SGD.step" in {event.key for event in profiler.key_averages()}


def test_a_schedule_of_torch_knows_that_a_step_was_taken():
    opt = torch.optim.SGD([one_parameter()], lr=0.1)
    schedule = torch.optim.lr_scheduler.ExponentialLR(opt, 0.5)
    take_step(opt)
    schedule.step()  # warns, which is an error here, if it saw none
    assert opt.param_groups[0]["lr"] == 0.05


def test_what_others_put_around_the_step_of_a_class_is_called(monkeypatch):
    heard = []
    step = torch.optim.SGD.step

    @functools.wraps(step)
    def noted(self, *closure):
        heard.append("step")
        return step(self, *closure)

    opt = torch.optim.SGD([one_parameter()], lr=0.1)
    monkeypatch.setattr(torch.optim.SGD, "step", noted)
    take_step(opt)
    assert heard == ["step"]


def test_an_optimizer_that_is_none_of_torchs_steps_as_it_does():
    class Foreign:
        steps = 0

        def step(self):
            self.steps += 1

    opt = Foreign()
    take_step(opt)
    assert opt.steps == 1
