"""`Module` is ready before `__init__` runs, once, however deep the inheritance."""

from __future__ import annotations

import copy
import pickle

import torch
from torch import nn

from fastloop_v1.module_class import Module, ParameterModule, PrePostInitMeta


class Plain(Module):
    def __init__(self, n):
        self.layer = nn.Linear(n, n)

    def forward(self, x):
        return self.layer(x)


class Deeper(Plain):
    def __init__(self, n):
        self.before = nn.Linear(n, n)
        super().__init__(n)


def test_subclass_need_not_call_super():
    assert len(list(Plain(3).parameters())) == 2
    assert Plain(3)(torch.ones(1, 3)).shape == (1, 3)


def test_calling_super_late_loses_nothing():
    assert [name for name, _ in Deeper(2).named_children()] == ["before", "layer"]


def test_module_survives_copy_and_pickle():
    model = Plain(2)
    for again in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(again.layer.weight, model.layer.weight)


def test_hooks_run_around_init_in_order():
    class Traced(metaclass=PrePostInitMeta):
        def __pre_init__(self):
            self.calls = ["pre"]

        def __init__(self, name):
            self.calls.append(name)

        def __post_init__(self):
            self.calls.append("post")

    assert Traced("init").calls == ["pre", "init", "post"]


def test_hooks_may_be_missing():
    class Bare(metaclass=PrePostInitMeta):
        pass

    assert isinstance(Bare(), Bare)


def test_parameter_module_holds_the_very_parameter():
    parameter = nn.Parameter(torch.ones(2))
    module = ParameterModule(parameter)
    assert module.val is parameter
    x = torch.zeros(1)
    assert module(x) is x
