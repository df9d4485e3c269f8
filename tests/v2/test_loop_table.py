"""The loop as a text and as a page: who hears what in which order, who writes what, and what is odd."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from fastloop_v1.basic_train import LearnerCallback
from fastloop_v1.callback import AverageMetric
from fastloop_v1.callback import Callback as FirstCallback
from fastloop_v1.callbacks.general_sched import GeneralScheduler, TrainingPhase
from fastloop_v1.callbacks.one_cycle import OneCycleScheduler
from fastloop_v1.signals import CancelFitException
from fastloop_v1.v2 import Callback, CancelTrainException, ParamScheduler, SchedLin
from fastloop_v1.v2.loop_places import LEGEND
from fastloop_v1.v2.loop_table import LoopTable


class Early(FirstCallback):
    def on_backward_begin(self, last_loss, **state):
        return {"last_loss": 2 * last_loss}


class Late(Early):
    _order = 5


class Vain(FirstCallback):
    def on_batch_end(self, **state):
        return {"skip_step": True}


class Second(Callback):
    order = 40

    def after_loss(self):
        self.learn.loss_grad = self.loss_grad + 1

    def before_train(self):
        """Be there."""


class Last(Callback):
    def after_loss(self):
        """Be there."""

    run_after = Second


def lines(table):
    return [line.strip() for line in str(table).splitlines()]


def below(table, title, *, last=False):
    """The callbacks of a line; of the last one by that title."""
    found = [listeners for place, listeners in table.rows if place.title == title]
    return [str(listener) for listener in found[-1 if last else 0]]


WHERE = "on_backward_begin, after_loss, before_backward"


def test_callbacks_stand_in_the_order_they_are_called():
    table = LoopTable([], [Early(), Late()], [Last(), Second()])
    assert below(table, WHERE) == [
        "Early (v1, order 0): returns last_loss",
        "Second (v2, order 40, after_loss): writes loss_grad",
        "Last (v2, order 0, after_loss)",
        "Late (v1, order 5): returns last_loss",
    ]
    text = lines(table)
    assert text[text.index("before_train") + 1] == "- Second (v2, order 40, before_train)"


def test_keys_stand_where_the_loop_takes_them_over_and_are_explained_once():
    text = lines(LoopTable([], [], []))
    assert "on_step_end, after_step  [skip_zero]" in text
    assert text.count(LEGEND) == 1


def test_metrics_have_their_names_and_hear_what_they_hear():
    table = LoopTable([AverageMetric(F.l1_loss)], [], [])
    assert below(table, "on_epoch_begin, before_epoch") == ["l1_loss (metric, order 0)"]
    assert below(table, "on_batch_end, after_batch") == []
    assert below(table, "on_batch_end, after_batch", last=True) == ["l1_loss (metric, order 0)"]
    assert below(table, "on_epoch_end, after_epoch") == ["l1_loss (metric, order 0): returns last_metrics"]


def test_metrics_that_add_to_their_list_are_no_rivals():
    assert LoopTable([AverageMetric(F.l1_loss), AverageMetric(F.mse_loss)], [], []).warnings == []


# --- training and validation -------------------------------------------------------------------------------


def test_who_hears_only_one_of_training_and_validation_says_so():
    both = {"before_batch": lambda self: None, "before_epoch": lambda self: None}
    kinds = {
        name: type(name, (Callback,), {**both, **flags})
        for name, flags in {
            "Trains": {"run_valid": False},
            "Validates": {"run_train": False},
            "Both": {},
            "Off": {"run": False},
        }.items()
    }
    table = LoopTable([], [], [kind() for kind in kinds.values()])

    def heard(title, *, last=False):
        return [line.partition(":")[0] for line in below(table, title, last=last)]

    assert heard("on_batch_begin, before_batch") == [
        "Trains (v2, order 0, before_batch, run_valid = False)",
        "Both (v2, order 0, before_batch)",
        "Off (v2, order 0, before_batch, run = False)",
    ]
    assert heard("on_batch_begin, before_batch", last=True) == [
        "Validates (v2, order 0, before_batch, run_train = False)",
        "Both (v2, order 0, before_batch)",
        "Off (v2, order 0, before_batch, run = False)",
    ]
    assert heard("on_epoch_begin, before_epoch")[0] == "Trains (v2, order 0, before_epoch)"


# --- points, cancels ---------------------------------------------------------------------------------------


class Hears(FirstCallback):
    def on_train_begin(self, **state):
        """Be there."""

    def at_point(self, name):
        if name == "after_cancel_train":
            self.mine = 1


class HearsAll(FirstCallback):
    _order = 2

    def on_train_begin(self, **state):
        """Be there."""

    def at_point(self, name):
        self.mine = name


class Cancels(Callback):
    def after_create(self):
        """Be there."""

    def before_step(self):
        raise CancelTrainException

    def after_cancel_train(self):
        self.done = True


class CancelsToo(FirstCallback):
    def on_loss_begin(self, train, **state):
        if train:
            raise CancelFitException("enough")
        return {"stop_epoch": True}


RARE = [
    "after_create",
    "after_cancel_batch",
    "after_cancel_train",
    "after_cancel_validate",
    "after_cancel_fit",
]


def test_what_happens_after_a_cancel_stands_where_somebody_listens():
    assert not set(RARE) & set(lines(LoopTable([], [], [Second()])))
    table = LoopTable([], [Hears()], [Cancels()])
    assert [title for title in RARE if title in lines(table)] == ["after_create", "after_cancel_train"]
    titles = [place.title for place, _ in table.rows]
    assert titles.index("after_cancel_train") == titles.index("after_train") - 1
    assert titles[:2] == ["after_create", "fit"]
    assert set(RARE[1:]) < set(lines(LoopTable([], [HearsAll()], [])))


def test_v1_callbacks_that_hear_points_stand_at_them():
    table = LoopTable([], [Hears(), HearsAll()], [Cancels()])
    assert below(table, "after_cancel_train") == [
        "Hears (v1, order 0, at_point)",
        "Cancels (v2, order 0, after_cancel_train)",
        "HearsAll (v1, order 2, at_point)",
    ]
    assert below(table, "after_train") == below(table, "after_loss") == ["HearsAll (v1, order 2, at_point)"]


def test_who_may_cancel_is_named():
    table = LoopTable([], [CancelsToo()], [Cancels()])
    assert below(table, "on_backward_end, after_backward, before_step") == [
        "Cancels (v2, order 0, before_step): raises CancelTrainException"
    ]
    assert below(table, "on_loss_begin, after_pred") == [
        "CancelsToo (v1, order 0): returns stop_epoch; raises CancelFitException"
    ]


# --- what is written ---------------------------------------------------------------------------------------


class Sets(LearnerCallback):
    def on_batch_begin(self, **state):
        self.learn.model = self.learn.model.half()
        self.learn.opt.lr = 0.3
        return self.elsewhere()


class Odd(FirstCallback):
    on_batch_begin = torch.tensor  # a function without a source


def test_what_is_set_on_learner_and_optimizer_is_named(small):
    table = LoopTable([], [Sets(small.learner())], [ParamScheduler({"mom": SchedLin(0.9, 0.8)})])
    assert below(table, "on_batch_begin, before_batch") == [
        "Sets (v1, order 0): returns what cannot be read from its source; writes learn.model; sets opt.lr",
        "ParamScheduler (v2, order 60, before_batch, run_valid = False): sets opt.mom",
    ]


def test_what_cannot_be_read_says_so():
    table = LoopTable([], [Odd()], [])
    assert below(table, "on_batch_begin, before_batch") == ["Odd (v1, order 0): its source cannot be read"]
    by_name = type("ByName", (Callback,), {"before_batch": lambda self: self.opt.set_hyper(self.mine, 1)})
    (line,) = below(LoopTable([], [], [by_name()]), "on_batch_begin, before_batch")
    assert line.endswith("sets opt.<a name that is not in its source>")


# --- warnings ----------------------------------------------------------------------------------------------


def test_two_writers_of_one_key_are_named():
    table = LoopTable([], [Early()], [Second()])
    written = f"{WHERE}: last_loss is written by Early (v1), then Second (v2)"
    assert table.warnings == [f"{written}; each sees what the one before wrote."]


def test_two_writers_in_validation_alone_are_named():
    def kind(name, **flags):
        def before_batch(self):
            self.learn.xb = ()

        return type(name, (Callback,), {"before_batch": before_batch, **flags})()

    (text,) = LoopTable([], [], [kind("A", run_valid=False), kind("B"), kind("C", run_train=False)]).warnings[
        1:
    ]
    assert "last_input is written by B (v2), then C (v2)" in text


def test_a_key_written_in_vain_is_named():
    (text,) = LoopTable([], [Vain()], []).warnings
    assert text == "Vain.on_batch_end returns 'skip_step', which cannot act any more there."


def test_what_stays_on_a_callback_is_named():
    class Hides(Callback):
        def before_batch(self):
            self.xb, self.mine = 1, 2

    (text,) = LoopTable([], [], [Hides()]).warnings
    assert text == "Hides.before_batch sets self.xb, which stays on the callback; write self.learn.xb."


def one_cycle(learn):
    return OneCycleScheduler(learn, 0.1)


def in_phases(learn):
    return GeneralScheduler(learn, [TrainingPhase(2).schedule_hp("lr", (0.1, 0.2))])


@pytest.mark.parametrize("first", [one_cycle, in_phases])
def test_two_schedules_of_one_hyper_parameter_are_named(small, first):
    cb = first(small.learner())
    table = LoopTable([], [cb], [ParamScheduler({"lr": SchedLin(0.1, 0.2)})])
    assert table.warnings == [
        "opt.lr is set by ParamScheduler (v2) in before_batch "
        f"and by {type(cb).__name__} (v1) in on_batch_end; a step is taken with what was set last before it."
    ]
    assert LoopTable([], [cb], []).warnings == []


def test_an_order_that_cannot_hold_is_named():
    circle = [type("A", (Callback,), {"run_after": "B"})(), type("B", (Callback,), {"run_after": "A"})()]
    (text,) = LoopTable([], [], circle).warnings
    assert "go round in a circle" in text
    (text,) = LoopTable([], [], [Last(), Second()]).warnings
    assert text.startswith("Second (order 40) runs before Last (order 0)")


def test_the_page_says_what_the_text_says():
    table = LoopTable([], [Early()], [type("A", (Second,), {})()])
    page = table._repr_html_()
    assert page.count("<tr>") == len(table.rows) + 1
    assert "Early (v1, order 0): returns last_loss" in page
    assert "what the loop takes over there" in page
    assert "<li>" in page
    assert "Warnings" not in LoopTable([], [], [])._repr_html_()
