"""Hooks are on modules as long as a fit lasts."""

from __future__ import annotations

import gc
import pickle
from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.callbacks.hook_callback import HookCallback

BATCHES = [(torch.ones(2, 3), torch.ones(2, 1)), (torch.zeros(2, 3), torch.ones(2, 1))]


class Shapes(HookCallback):
    """Notes the shapes of outputs."""

    def hook(self, m, i, o):
        return o.shape


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 1))


def learner():
    return Learner(DataBunch(BATCHES, BATCHES), network(), loss_func=F.mse_loss, silent=True)


def hooked(model):
    return [len(layer._forward_hooks) for layer in model]


def test_layers_with_weights_are_hooked_if_none_are_given():
    learn = learner()
    shapes = Shapes(learn)
    learn.fit(1, callbacks=[shapes])
    assert shapes.modules == [learn.model[0], learn.model[2]]
    assert shapes.hooks.stored == [(2, 2), (2, 1)]


def test_modules_given_are_hooked():
    learn = learner()
    shapes = Shapes(learn, modules=learn.model[1])
    learn.fit(1, callbacks=[shapes])
    assert shapes.modules == [learn.model[1]]
    assert shapes.hooks.stored == [(2, 2)]


@pytest.mark.parametrize("event", ["train_begin", "batch_end", "train_end"])
def test_hooks_are_removed_after_an_error(event, Spy):
    learn = learner()
    with pytest.raises(ValueError, match="stop"):
        learn.fit(1, callbacks=[Shapes(learn), Spy(**{event: ValueError("stop")})])
    assert hooked(learn.model) == [0, 0, 0]


def test_hooks_stay_if_wanted_and_are_not_doubled_by_the_next_fit():
    learn = learner()
    shapes = Shapes(learn, do_remove=False)
    for _ in range(2):
        learn.fit(1, callbacks=[shapes])
        assert hooked(learn.model) == [1, 0, 1]
    shapes.remove()
    assert hooked(learn.model) == [0, 0, 0]


def test_hooks_go_with_the_callback_when_training_never_began():
    learn = learner()
    shapes = Shapes(learn)
    del shapes
    gc.collect()
    assert hooked(learn.model) == [0, 0, 0]


def test_bug_65_modules_of_a_new_model_are_found():
    learn = learner()
    shapes = Shapes(learn)
    learn.fit(1, callbacks=[shapes])
    learn.model = nn.Linear(3, 1)
    learn.layer_groups = [nn.Sequential(learn.model)]
    learn.create_opt(0.1)
    learn.fit(1, callbacks=[shapes])
    assert shapes.modules == [learn.model]
    assert shapes.hooks.stored == [(2, 1)]


def test_modules_set_by_a_subclass_stay():
    learn = learner()
    shapes = Shapes(learn)
    learn.fit(1, callbacks=[shapes])
    shapes.modules = [learn.model[1]]
    learn.fit(1, callbacks=[shapes])
    assert shapes.modules == [learn.model[1]]


def test_subclass_may_be_a_dataclass():
    @dataclass
    class Counting(Shapes):
        start: int = 5

    learn = learner()
    counting = Counting(learn)
    learn.fit(1, callbacks=[counting])
    assert counting.hooks.stored == [(2, 2), (2, 1)]
    assert hooked(learn.model) == [0, 0, 0]


def test_callback_can_be_pickled_and_used_again():
    learn = learner()
    shapes = Shapes(learn)
    learn.fit(1, callbacks=[shapes])
    back = pickle.loads(pickle.dumps(shapes))
    assert back.modules == []
    back.learn = learn
    learn.fit(1, callbacks=[back])
    assert back.hooks.stored == [(2, 2), (2, 1)]
    assert shapes.get_state() == {"do_remove": True}
