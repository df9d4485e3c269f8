"""Recipes train as they say, and the range test leaves everything as it was."""

from __future__ import annotations

import os
import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from fastloop_v1 import basic_train, train, v2
from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.callback import Callback
from fastloop_v1.callbacks.one_cycle import OneCycleScheduler
from fastloop_v1.defaults import defaults
from fastloop_v1.train import fit_one_cycle, lr_find, one_cycle_scheduler

GENERATOR = torch.Generator().manual_seed(0)
SET = TensorDataset(torch.randn(12, 3, generator=GENERATOR), torch.randn(12, 1, generator=GENERATOR))
VALID = [(torch.randn(4, 3, generator=GENERATOR), torch.randn(4, 1, generator=GENERATOR))]


def in_order():
    return DataLoader(SET, 4)


def shuffled():
    return DataLoader(SET, 4, shuffle=True)


def shuffled_by_its_own():
    return DataLoader(SET, 4, shuffle=True, generator=torch.Generator().manual_seed(9))


def learner(loader=in_order, **options):
    """Return a learner of two layer groups whose numbers depend on random numbers and on training mode."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Dropout(0.2), nn.Linear(4, 1))
    given = {"model": model, "loss_func": F.mse_loss, "silent": True}
    return Learner(DataBunch(loader(), VALID), **{**given, **options}).split([model[0], model[3]])


def plain(state):
    """Return a state with tensors and arrays as lists, to compare it."""
    if isinstance(state, dict):
        return {key: plain(value) for key, value in state.items()}
    if isinstance(state, (list, tuple)):
        return [plain(value) for value in state]
    return state.tolist() if isinstance(state, (torch.Tensor, np.ndarray)) else state


def picture(learn):
    """Return model, modes, gradients, optimizer, random numbers and data position as plain values."""
    opt, loader = getattr(learn, "opt", None), learn.data.train_dl.dl
    return plain({
        "model": learn.model.state_dict(),
        "modes": [module.training for module in learn.model.modules()],
        "grads": [p.grad for p in learn.model.parameters()],
        "opt": opt and [opt.state_dict(), opt._lr, opt._mom, opt._beta, opt._wd],
        "random": [random.getstate(), np.random.get_state()[1], torch.get_rng_state()],
        "position": loader.generator and loader.generator.get_state(),
    })  # fmt: skip


class Interrupt(Callback):
    """Draws random numbers, and raises an error at an event, from the fourth batch on."""

    def __init__(self, event, error):
        self.error, self.first = error, 0 if event == "train_begin" else 3
        setattr(self, f"on_{event}", self.fail)

    def on_batch_begin(self, **state):
        random.random()
        np.random.rand()

    def fail(self, iteration, **state):
        if iteration >= self.first:
            raise self.error


# --- lr_find leaves everything as it was --------------------------------------------------------------------

LOADERS = pytest.mark.parametrize("loader", [in_order, shuffled, shuffled_by_its_own])
FITTED = pytest.mark.parametrize("fitted", [True, False], ids=["fitted before", "new"])


@LOADERS
@FITTED
def test_fit_after_the_range_test_gives_the_numbers_of_a_fit_without(loader, fitted):
    learn, other = learner(loader), learner(loader)
    for each, finds in ((learn, True), (other, False)):
        torch.manual_seed(5)
        if fitted:
            each.fit_one_cycle(1, slice(0.01, 0.1))
        if finds:
            each.lr_find(num_it=20)
        each.fit(2, 0.05)
    assert picture(learn) == picture(other)
    assert learn.recorder.losses == other.recorder.losses
    assert learn.recorder.val_losses == other.recorder.val_losses


@LOADERS
def test_bug_63_everything_is_as_before_the_range_test(loader):
    learn = learner(loader)
    learn.fit_one_cycle(1, slice(0.01, 0.1), wd=[0.1, 0.2])
    before, opt = picture(learn), learn.opt
    learn.lr_find(num_it=20, wd=0.5)
    assert picture(learn) == before
    assert learn.opt is opt


@FITTED
@pytest.mark.parametrize(
    ("event", "error"),
    [
        ("train_begin", RuntimeError("stop")),
        ("backward_end", RuntimeError("stop")),
        ("batch_end", KeyboardInterrupt("stop")),
        ("epoch_end", RuntimeError("stop")),
        ("train_end", RuntimeError("stop")),
    ],
)
def test_everything_is_as_before_a_range_test_that_fails(event, error, fitted):
    learn, other = learner(shuffled), learner(shuffled)
    for each in (learn, other):
        torch.manual_seed(5)
        if fitted:
            each.fit(1, 0.05)
    before = picture(learn)
    learn.callbacks.append(Interrupt(event, error))
    with pytest.raises(type(error), match="stop"):
        learn.lr_find(num_it=20)
    # An optimizer made by the test stays, empty.
    assert {**picture(learn), **({} if fitted else {"opt": None})} == before
    learn.callbacks.clear()
    position = torch.get_rng_state()
    for each in (learn, other):
        torch.set_rng_state(position)
        each.fit(1, 0.05)
    assert picture(learn) == picture(other)


@pytest.mark.parametrize("fails", [True, False])
def test_bug_63_range_test_writes_no_file_and_needs_no_folder(tmp_path, monkeypatch, fails):
    (tmp_path / "plain").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    learn = learner(path=tmp_path / "plain")
    if fails:
        learn.callbacks.append(Interrupt("batch_end", RuntimeError("stop")))
        with pytest.raises(RuntimeError, match="stop"):
            learn.lr_find(num_it=10)
    else:
        learn.lr_find(num_it=10)
    assert os.listdir(tmp_path) == ["plain"]


def test_range_test_leaves_the_learners_fields():
    learn = learner()
    fields = {name: value for name, value in vars(learn).items() if name not in ("opt", "recorder")}
    learn.lr_find(num_it=5)
    assert {name: vars(learn)[name] for name in fields} == fields


# --- what lr_find does --------------------------------------------------------------------------------------


def test_rates_rise_by_equal_factors():
    learn = learner()
    learn.lr_find(1e-5, 1.0, num_it=10, stop_div=False)
    expected = [1e-5 * 1e5 ** (i / 10) for i in range(10)]
    assert learn.recorder.lrs == pytest.approx(expected, rel=1e-9)
    assert len(learn.recorder.losses) == 10


def test_range_test_is_as_v1_by_default():
    learn = learner()
    learn.lr_find(stop_div=False)
    assert len(learn.recorder.lrs) == 100
    assert learn.recorder.lrs[:2] == pytest.approx([1e-7, 1e-7 * 1e8**0.01])


def test_rates_of_layer_groups_rise_each_by_its_factor():
    learn, rates = learner(), []

    class Note(Callback):
        def on_backward_begin(self, **state):
            rates.append(list(learn.opt._lr))

    learn.callbacks.append(Note())
    learn.lr_find(slice(1e-5, 1e-3), slice(1.0), num_it=6, stop_div=False)
    first, last = [1e-5, 1e-3], [0.1, 1.0]
    for group in range(2):
        factor = last[group] / first[group]
        expected = [first[group] * factor ** (i / 6) for i in range(6)]
        assert [each[group] for each in rates] == pytest.approx(expected, rel=1e-9)


def test_range_test_does_not_validate():
    learn = learner()
    learn.lr_find(num_it=7)
    assert learn.recorder.val_losses == [None] * 3


def test_range_test_has_the_decay_given():
    seen = []

    class Note(Callback):
        def on_batch_begin(self, **state):
            seen.append(learn.opt.wd)

    learn = learner(callbacks=Note())
    learn.lr_find(num_it=1, wd=0.5)
    learn.lr_find(num_it=1)
    assert seen == [0.5, learn.wd]


def explosive(loss_at):
    """Return a learner whose loss in a batch is what `loss_at` says of its number."""
    count = iter(range(1000))

    def loss_func(out, y):
        return F.mse_loss(out, y) * 0 + loss_at(next(count))

    return learner(loss_func=loss_func)


@pytest.mark.parametrize(
    ("loss_at", "stop_div", "batches"),
    [
        (lambda i: 1.0, True, 30),
        (lambda i: 1.0 if i < 5 else 1e6, True, 6),
        (lambda i: 1.0 if i < 5 else 1e6, False, 30),
        (lambda i: 1.0 if i < 5 else float("nan"), True, 6),
        (lambda i: 1.0 if i < 5 else float("nan"), False, 30),
    ],
    ids=["flat", "explodes", "explodes and may", "NaN", "NaN and may"],
)
def test_range_test_stops_when_the_loss_explodes(loss_at, stop_div, batches):
    learn = explosive(loss_at)
    learn.lr_find(num_it=30, stop_div=stop_div)
    assert len(learn.recorder.losses) == batches


def test_range_test_trains_on_a_loader_without_a_length():
    class Stream(IterableDataset):
        def __iter__(self):
            return iter(SET)

    learn = learner(lambda: DataLoader(Stream(), 4))
    learn.lr_find(num_it=7, stop_div=False)
    assert len(learn.recorder.lrs) == 7


def test_function_and_member_are_the_same():
    learn = learner()
    lr_find(learn, num_it=5)
    expected = list(learn.recorder.losses)
    assert lr_find is vars(Learner)["lr_find"]
    learn.lr_find(num_it=5)
    assert learn.recorder.losses == expected


# --- one cycle ----------------------------------------------------------------------------------------------


def test_one_cycle_is_a_fit_with_its_scheduler():
    learn, other = learner(), learner()
    scheduler = OneCycleScheduler(other, 0.1, (0.9, 0.8), 10.0, 0.5, 100.0)
    torch.manual_seed(5)
    learn.fit_one_cycle(2, 0.1, (0.9, 0.8), 10.0, 0.5, 100.0, 0.3)
    torch.manual_seed(5)
    other.fit(2, 0.1, wd=0.3, callbacks=scheduler)
    assert picture(learn) == picture(other)
    assert (learn.recorder.lrs, learn.recorder.moms) == (other.recorder.lrs, other.recorder.moms)
    assert learn.opt.wd == 0.3


@pytest.mark.parametrize(
    ("max_lr", "highest"),
    [(0.1, 0.1), ([0.2, 0.1], [0.2, 0.1]), (slice(0.1), [0.01, 0.1]), (slice(0.01, 0.1), [0.01, 0.1])],
    ids=["number", "list", "end", "range"],
)
def test_highest_rate_is_one_for_all_or_one_for_each_layer_group(max_lr, highest):
    learn = learner()
    fit_one_cycle(learn, 1, max_lr)
    assert plain(learn.one_cycle_scheduler.lr_max) == pytest.approx(highest)
    learn.fit_one_cycle(1)
    assert plain(learn.one_cycle_scheduler.lr_max) == pytest.approx([3e-4, 3e-3])


def test_cycle_in_two_parts_has_the_rates_of_the_whole():
    learn, other = learner(), learner()
    learn.fit_one_cycle(4, 0.1)
    other.fit_one_cycle(2, 0.1, tot_epochs=4)
    first = list(other.recorder.lrs)
    other.fit_one_cycle(4, 0.1, start_epoch=2)
    assert first + other.recorder.lrs == learn.recorder.lrs


@pytest.mark.parametrize("given", [lambda cb: cb, lambda cb: [cb]], ids=["one", "list"])
def test_callbacks_of_a_cycle_come_before_its_scheduler(given):
    learn, rates = learner(), []

    class Note(Callback):
        def on_train_begin(self, **state):
            rates.append(learn.opt.lr)

    learn.fit_one_cycle(1, 0.5, callbacks=given(Note()))
    assert rates == [0.5]


@pytest.mark.parametrize("recipe", ["fit_one_cycle", "fit_fc"])
def test_recipe_takes_callbacks_of_v2(recipe):
    learn, heard = learner(), []
    getattr(learn, recipe)(1, 0.1, cbs=v2.Callback(after_epoch=lambda self: heard.append(self.epoch)))
    assert heard == [0]


def test_scheduler_can_be_made_at_every_fit():
    learn, other = learner(callback_fns=one_cycle_scheduler(0.1, pct_start=0.5)), learner()
    for epochs in (1, 2):
        learn.fit(epochs)
        other.fit_one_cycle(epochs, 0.1, pct_start=0.5)
        assert learn.recorder.lrs == other.recorder.lrs


# --- other recipes ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lr", "flat"),
    [(0.1, [0.1, 0.1]), ([0.2, 0.1], [0.2, 0.1]), (slice(0.1), [0.01, 0.1]), (slice(0.01, 0.1), [0.01, 0.1])],
    ids=["number", "list", "end", "range"],
)
def test_flat_cosine_keeps_the_rate_and_then_lowers_it_to_nothing(lr, flat):
    learn, rates = learner(), []

    class Note(Callback):
        def on_backward_begin(self, **state):
            rates.append(list(learn.opt._lr))

    learn.fit_fc(4, lr, start_pct=0.5, wd=0.3, callbacks=Note())
    assert (learn.opt.wd, len(rates)) == (0.3, 12)
    for group in range(2):
        column = [each[group] for each in rates]
        assert column[:7] == pytest.approx([flat[group]] * 7)
        assert column[7:] == sorted(column[7:], reverse=True)
        assert 0 < column[-1] < column[7] < column[6]
        assert learn.opt._lr[group] == pytest.approx(0, abs=1e-12)


def test_flat_cosine_has_a_default_rate_that_works_unless_v1s_fault_is_asked_for(monkeypatch):
    learn = learner()
    learn.fit_fc()
    assert learn.recorder.lrs[0] == 3e-3
    monkeypatch.setattr(defaults, "v1_quirks", True)
    with pytest.raises(TypeError):
        learn.fit_fc()


def test_mixup_and_clipping_join_every_fit_of_the_learner():
    learn = learner()
    assert learn.mixup(0.2, False, False) is learn
    assert learn.clip_grad(0.5) is learn
    for _ in range(2):
        learn.fit(1)
        mixed, clipped = learn.mix_up_callback, learn.gradient_clipping
        assert (mixed.alpha, mixed.stack_x, mixed.stack_y, clipped.clip) == (0.2, False, False, 0.5)
        del learn.mix_up_callback, learn.gradient_clipping
    assert learn.loss_func is F.mse_loss


def test_learner_is_found_in_the_module_of_the_recipes():
    assert train.Learner is basic_train.Learner
    with pytest.raises(AttributeError, match="no attribute 'no_such_name'"):
        train.no_such_name  # noqa: B018  (reading it is the test)
