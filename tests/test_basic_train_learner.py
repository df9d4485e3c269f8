"""A Learner takes v1's fields and puts them in order."""

from __future__ import annotations

import gc
import inspect
import warnings
import weakref
from dataclasses import MISSING, fields
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner, LearnerCallback
from fastloop_v1.callback import Callback
from fastloop_v1.defaults import defaults
from fastloop_v1.errors import ProtocolWarning
from fastloop_v1.optim import AdamW
from fastloop_v1.recorder import Recorder

BATCHES = [(torch.ones(2, 3), torch.ones(2, 1)), (torch.zeros(2, 3), torch.ones(2, 1))]
FIELDS = {
    "data": MISSING, "model": MISSING, "opt_func": AdamW, "loss_func": None, "metrics": None,
    "true_wd": True, "bn_wd": True, "wd": 1e-2, "train_bn": True, "path": None, "model_dir": "models",
    "callback_fns": None, "callbacks": MISSING, "layer_groups": None, "add_time": True, "silent": None,
}  # fmt: skip


def learner(kind=Learner, **options):
    torch.manual_seed(0)
    given = {"model": nn.Linear(3, 1), "loss_func": F.mse_loss, "silent": True}
    return kind(DataBunch(BATCHES, BATCHES), **{**given, **options})


class Order(Callback):
    """Writes its name into a list when training begins."""

    def __init__(self, name, names, order=0):
        self.name, self.names, self._order = name, names, order

    def on_train_begin(self, **state):
        self.names.append(self.name)


# --- fields -------------------------------------------------------------------------------------------------


def test_fields_are_v1s_in_v1s_order():
    assert {each.name: each.default for each in fields(Learner) if not each.kw_only} == FIELDS
    assert list(inspect.signature(Learner).parameters) == list(FIELDS)


@pytest.mark.parametrize("fused", [True, False])
def test_the_fused_form_is_chosen_by_a_flag_of_its_own(fused):
    learn = learner(fused=fused)
    learn.create_opt(1e-3)
    assert [bool(group["fused"]) for group in learn.opt.opt.param_groups] == [fused, fused]


def test_fields_are_taken_by_position():
    data, model, groups = DataBunch(BATCHES, None), nn.Linear(3, 1), [nn.Sequential(nn.Linear(3, 1))]
    values = [data, model, torch.optim.SGD, F.l1_loss, [F.mse_loss], False, False, 0.5, False, Path("a"), "b",
              [Order], [Order("a", [])], groups, False, True]  # fmt: skip
    learn = Learner(*values)
    assert (learn.data, learn.model, learn.opt_func, learn.loss_func) == tuple(values[:4])
    assert (learn.metrics, learn.true_wd, learn.bn_wd, learn.wd, learn.train_bn) == tuple(values[4:9])
    assert (learn.path, learn.model_dir, learn.callback_fns[1:], learn.callbacks) == tuple(values[9:13])
    assert (learn.layer_groups, learn.add_time, learn.silent) == tuple(values[13:])


def test_fields_left_out_are_filled_in(tmp_path):
    data = DataBunch(BATCHES, None, path=tmp_path)
    learn = Learner(data, nn.Sequential(nn.Linear(3, 2), nn.Sequential(nn.ReLU(), nn.Linear(2, 1))))
    assert (learn.path, learn.metrics, learn.callbacks, learn.loss_func) == (tmp_path, [], [], None)
    assert (learn.silent, learn.wd) == (defaults.silent, defaults.wd)
    (group,) = learn.layer_groups
    assert [type(layer) for layer in group] == [nn.Linear, nn.ReLU, nn.Linear]


def test_loss_function_is_that_of_the_data_if_not_given():
    data = SimpleNamespace(train_dl=BATCHES, valid_dl=BATCHES, empty_val=False, loss_func=F.l1_loss)
    learn = Learner(data, nn.Linear(3, 1))
    assert (learn.loss_func, learn.path) == (F.l1_loss, Path("."))
    learn.silent = True
    learn.fit(1)
    assert len(learn.recorder.val_losses) == 1


def test_silence_is_the_default_of_the_moment(monkeypatch, capsys):
    monkeypatch.setattr(defaults, "silent", True)
    learn = learner(silent=None)
    learn.fit(1)
    assert learn.silent
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("metrics", [F.l1_loss, [F.l1_loss], (F.l1_loss,)], ids=["one", "list", "tuple"])
def test_metrics_are_one_or_several(metrics):
    learn = learner(metrics=metrics)
    learn.fit(1)
    assert learn.metrics == [F.l1_loss]
    assert learn.recorder.metrics_names == ["l1_loss"]


def test_lists_given_are_copied():
    metrics, callbacks, makers = [F.l1_loss], [], []
    learn = learner(metrics=metrics, callbacks=callbacks, callback_fns=makers)
    learn.callbacks.append(Order("a", []))
    learn.metrics.append(F.mse_loss)
    assert (metrics, callbacks, makers) == ([F.l1_loss], [], [])
    assert learner().callbacks is not learner().callbacks


def test_model_goes_to_the_device_of_the_data():
    assert Learner(DataBunch(BATCHES, None, device="meta"), nn.Linear(3, 1)).model.weight.is_meta


def test_learner_is_compared_and_found_as_itself():
    learn = learner()
    assert learn in {learn}
    assert learn != learner()


def test_any_attribute_may_be_set():
    learn = learner()
    learn.inferring, learn.mu = True, 3
    seen = []

    class Reader(LearnerCallback):
        def on_train_begin(self, **state):
            seen.append((self.inferring, self.mu, self.data is learn.data))

    learn.fit(1, callbacks=Reader(learn))
    assert seen == [(True, 3, True)]


def test_learner_is_freed_when_nobody_holds_it():
    learn = learner(callback_fns=LearnerCallback, metrics=F.l1_loss)
    learn.fit(1)
    learn.lr_find(num_it=3)
    gone = weakref.ref(learn)
    del learn
    gc.collect()
    assert gone() is None


# --- subclasses ---------------------------------------------------------------------------------------------


def test_subclass_sets_attributes_before_the_fields():
    class Own(Learner):
        def __init__(self, data, model, **options):
            self.head, self.counter = nn.Linear(1, 1), 7
            super().__init__(data, model, **options)
            self.callbacks.append(Order("own", self.names))

        names: list = []

    learn = learner(Own)
    learn.fit(1)
    assert (learn.counter, learn.names, isinstance(learn.head, nn.Linear)) == (7, ["own"], True)


def test_subclass_shadows_a_field_by_a_method():
    class Own(Learner):
        def __init__(self, data, model):
            super().__init__(data, model, silent=True)
            del self.__dict__["loss_func"]

        def loss_func(self, out, y):
            return F.mse_loss(out, y) * 0 + 4

    learn = Own(DataBunch(BATCHES, BATCHES), nn.Linear(3, 1))
    learn.fit(1)
    assert learn.recorder.val_losses == [4]


def test_subclass_overrides_the_making_of_the_optimizer():
    class Own(Learner):
        def create_opt(self, lr, wd=0.0):
            self.made = [*getattr(self, "made", []), lr]
            super().create_opt(lr, wd)

    learn = learner(Own)
    learn.fit(1, 0.1)
    learn.unfreeze()
    assert learn.made == [0.1, defaults.lr]


# --- callbacks of a fit -------------------------------------------------------------------------------------


def test_callbacks_come_from_the_learner_then_its_makers_then_the_fit(monkeypatch):
    names = []
    monkeypatch.setattr(defaults, "extra_callbacks", [Order("extra", names)])
    monkeypatch.setattr(defaults, "extra_callback_fns", [lambda learn: Order("extra made", names)])
    learn = learner(
        callbacks=[Order("own", names), Order("own late", names, 5)],
        callback_fns=[lambda learn: Order("made", names), lambda learn: Order("made early", names, -20)],
    )
    learn.fit(1, callbacks=[Order("fit", names), Order("fit early", names, -1)])
    assert names == ["made early", "fit early", "own", "extra", "made", "extra made", "fit", "own late"]


def test_extra_callbacks_may_be_single_ones(monkeypatch):
    names = []
    monkeypatch.setattr(defaults, "extra_callbacks", Order("extra", names))
    monkeypatch.setattr(defaults, "extra_callback_fns", lambda learn: Order("extra made", names))
    learner().fit(1)
    assert names == ["extra", "extra made"]


def test_defaults_have_no_extra_callbacks():
    assert (defaults.extra_callbacks, defaults.extra_callback_fns) == (None, None)


class Noted(LearnerCallback):
    """Is found on the learner."""

    def __init__(self, learn, value=1):
        super().__init__(learn)
        self.value = value


@pytest.mark.parametrize(
    ("makers", "value"),
    [(Noted, 1), ([Noted], 1), (partial(Noted, value=2), 2), (lambda learn: Noted(learn, value=3), 3)],
    ids=["class", "list", "partial", "function"],
)
def test_makers_are_called_with_the_learner_at_every_fit(makers, value):
    learn = learner(callback_fns=makers)
    learn.fit(1)
    first = learn.noted
    learn.fit(1)
    assert (first.value, learn.noted.value) == (value, value)
    assert learn.noted is not first
    assert first.learn is learn


def test_single_callbacks_are_taken_where_lists_are():
    names = []
    learner(callbacks=Order("own", names)).fit(1, callbacks=Order("fit", names))
    assert names == ["own", "fit"]


def test_recorder_is_the_first_maker_and_can_be_replaced_there(capsys):
    class Own(Recorder):
        """Notes more."""

    learn = learner(silent=False, add_time=False)
    assert learn.callback_fns[0].func is Recorder
    assert learn.callback_fns[0].keywords == {"add_time": False, "silent": False}
    learn.callback_fns[0] = partial(Own, silent=True)
    learn.fit(1)
    assert (type(learn.own), len(learn.own.losses)) == (Own, 2)
    learn.callback_fns[0] = partial(Recorder, silent=True)
    learn.fit(1)
    assert len(learn.recorder.losses) == 2
    assert capsys.readouterr().out == ""


def test_strict_fit_warns_of_what_cannot_act():
    class Typo(Callback):
        def on_batch_ends(self, **state):
            """Never called."""

    with pytest.warns(ProtocolWarning, match=r"Did you mean on_batch_end\?"):
        learner().fit(1, callbacks=Typo(), strict=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        learner().fit(1, callbacks=Typo())


# --- optimizer of a fit -------------------------------------------------------------------------------------


def test_second_fit_keeps_the_optimizer_and_takes_rate_and_decay():
    learn = learner()
    learn.fit(1, 0.1)
    opt, steps = learn.opt, [state["step"].item() for state in learn.opt.opt.state.values()]
    learn.fit(1, 0.2, wd=0.3)
    assert learn.opt is opt
    assert (opt.lr, opt.wd, steps) == (0.2, 0.3, [2, 2])
    assert [state["step"].item() for state in opt.opt.state.values()] == [4, 4]
    learn.fit(1)
    assert (opt.lr, opt.wd) == (3e-3, 1e-2)


@pytest.mark.parametrize(
    ("lr", "expected"),
    [
        (0.1, [0.1, 0.1]),
        ([0.1, 0.2], [0.1, 0.2]),
        (np.array([0.1, 0.2]), [0.1, 0.2]),
        (slice(0.1), [0.01, 0.1]),
        (slice(0.1, 0.4), [0.1, 0.4]),
    ],
    ids=["number", "list", "array", "end", "range"],
)
def test_rate_is_one_for_all_or_one_for_each_layer_group(lr, expected):
    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    learn = learner(model=model, layer_groups=[nn.Sequential(layer) for layer in model])
    learn.fit(1, lr)
    assert learn.opt._lr == pytest.approx(expected)
    assert [group["lr"] for group in learn.opt.opt.param_groups[::2]] == pytest.approx(expected)
    learn.fit(1, lr)
    assert learn.opt._lr == pytest.approx(expected)


@pytest.mark.parametrize("true_wd", [True, False])
def test_decay_settings_reach_the_optimizer(true_wd):
    learn = learner(true_wd=true_wd, bn_wd=False, wd=0.3)
    learn.fit(1)
    assert (learn.opt.true_wd, learn.opt.bn_wd, learn.opt.wd) == (true_wd, False, 0.3)
    expected = [0, 0] if true_wd else [0.3, 0]
    assert [group["weight_decay"] for group in learn.opt.opt.param_groups] == expected


def test_recipes_are_members_of_the_class():
    assert {"fit_one_cycle", "lr_find"} <= set(vars(Learner))
