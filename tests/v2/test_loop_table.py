"""The loop as a text and as a page: who hears what in which order, who writes what, and what is odd."""

from __future__ import annotations

from fastloop_v1.callback import AverageMetric
from fastloop_v1.callback import Callback as FirstCallback
from fastloop_v1.v2 import Callback
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


def test_callbacks_stand_in_the_order_they_are_called():
    table = LoopTable([AverageMetric(len)], [Early(), Late()], [Last(), Second()])
    text = lines(table)
    at = text.index(next(line for line in text if line.startswith("on_backward_begin")))
    assert text[at + 1 : at + 5] == [
        "- Early (v1, order 0): writes last_loss",
        "- Second (v2, order 40, after_loss): writes loss_grad",
        "- Last (v2, order 0, after_loss)",
        "- Late (v1, order 5): writes last_loss",
    ]
    assert text[text.index("before_train") + 1] == "- Second (v2, order 40, before_train)"
    assert "- AverageMetric (metric, order 0)" in text


def test_keys_that_act_stand_at_their_event():
    assert any(
        line.startswith("on_step_end, after_step  [skip_zero,") for line in lines(LoopTable([], [], []))
    )


WHERE = "on_backward_begin, after_loss, before_backward"


def test_two_writers_of_one_key_are_named():
    table = LoopTable([], [Early()], [Second()])
    text = f"{WHERE}: last_loss is written by Early (v1), then Second (v2); the last one decides."
    assert table.warnings == [text]


def test_a_key_written_in_vain_is_named():
    (text,) = LoopTable([], [Vain()], []).warnings
    assert text == "Vain.on_batch_end returns 'skip_step', which cannot act any more there."


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
    assert "Early (v1, order 0): writes last_loss" in page
    assert "<li>" in page
    assert "Warnings" not in LoopTable([], [], [])._repr_html_()
