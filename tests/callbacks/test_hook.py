"""Hooks keep what goes in and out of modules, and leave nothing behind."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fastloop_v1.callbacks.hook import Hook, Hooks, hook_output, hook_outputs

X = torch.tensor([[1.0, 2.0], [3.0, 4.0]])


def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))


class Many(nn.Module):
    """Returns whatever it was told to return."""

    def __init__(self, answer):
        super().__init__()
        self.answer = answer

    def forward(self, x):
        return self.answer(x)


def test_hook_keeps_what_its_function_returns():
    net = model()
    hook = Hook(net[0], lambda m, i, o: (m, i[0].sum().item(), o.shape))
    net(X)
    assert hook.stored == (net[0], 10.0, (2, 3))


def test_removed_hook_keeps_its_last_result():
    net = model()
    with hook_output(net[0]) as hook:
        expected = net[0](X)
    net(X + 1)
    assert hook.removed
    assert hook.stored.equal(expected)
    hook.remove()


def test_hook_is_removed_after_an_error():
    net = model()
    with pytest.raises(ValueError, match="stop"), hook_output(net[0]) as hook:
        raise ValueError("stop")
    net(X)
    assert hook.stored is None


@pytest.mark.parametrize("detach", [True, False])
def test_output_is_detached_if_wanted(detach):
    net = model()
    with hook_output(net[0], detach=detach) as hook:
        net(X)
    assert hook.stored.requires_grad is not detach


@pytest.mark.parametrize(
    ("answer", "stored"),
    [
        pytest.param(lambda x: None, None, id="nothing"),
        pytest.param(lambda x: (x, [x, None]), [X, [X, None]], id="nested tuple"),
        pytest.param(lambda x: {"out": x, "n": 3}, {"out": X, "n": 3}, id="dict"),
        pytest.param(lambda x: "text", "text", id="no tensor"),
    ],
)
def test_any_output_can_be_kept(answer, stored):
    net = Many(answer)
    with hook_output(net) as hook:
        net(X)
    assert repr(hook.stored) == repr(stored)


def test_gradients_of_the_output_are_kept_in_the_backward_pass():
    net = model()
    with hook_output(net[0], grad=True) as hook:
        hidden = net[0](X)
        hidden.retain_grad()
        net[2](net[1](hidden)).sum().backward()
    (gradient,) = hook.stored
    assert gradient.equal(hidden.grad)
    assert gradient.shape == (2, 3)


def test_gradients_are_kept_where_the_next_layer_works_in_place():
    net, inplace = model(), model()
    inplace[1] = nn.ReLU(inplace=True)
    stored = []
    for each in (net, inplace):
        with hook_outputs([each[0], each[1]], grad=True) as hooks:
            each(X).sum().backward()
        stored.append([gradient for (gradient,) in hooks.stored])
    assert all(a.equal(b) for a, b in zip(*stored, strict=True))


def test_gradients_of_several_outputs_are_kept():
    net = Many(lambda x: (x * 2, x * 3, "no tensor"))
    with hook_output(net, grad=True) as hook:
        one, other, _ = net(X.clone().requires_grad_())
        (one.sum() + (other * 5).sum()).backward()
    assert [gradient.unique().tolist() for gradient in hook.stored] == [[1.0], [5.0]]


def test_nothing_is_kept_without_gradients():
    net = model()
    with torch.no_grad(), hook_output(net[0], grad=True) as hook:
        net(X)
    assert hook.stored is None


def test_hooks_keep_the_output_of_each_module():
    net = model()
    with hook_outputs(net) as hooks:
        out = net(X)
    assert (len(hooks), [hook.removed for hook in hooks]) == (3, [True] * 3)
    assert hooks[2].stored.equal(out)
    assert [stored.shape for stored in hooks.stored] == [(2, 3), (2, 3), (2, 1)]


def test_hooks_are_removed_together():
    net = model()
    hooks = Hooks([net[0], net[2]], lambda m, i, o: o.shape)
    hooks.remove()
    net(X)
    assert hooks.stored == [None, None]
    assert not net[0]._forward_hooks
