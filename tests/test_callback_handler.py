"""How `CallbackHandler` takes listeners in, counts, jumps, warns, and what it does about errors."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

from fastloop_v1.basic_train import fit
from fastloop_v1.callback import AverageMetric, Callback, CallbackHandler
from fastloop_v1.errors import NotACallbackError, ProtocolWarning
from fastloop_v1.events import EVENTS, INITIAL_STATE

# --- what is taken in -------------------------------------------------------------------------------------


class Duck:
    """A listener without the base class."""

    def __init__(self):
        self.heard = []

    def on_epoch_begin(self, epoch, **kwargs):
        self.heard.append(epoch)

    def on_train_end(self, **kwargs):
        self.heard.append("end")


class Whole(Callback):
    """A callback class that somebody forgot to call."""


def test_listener_without_the_base_class_takes_part(tiny):
    duck = Duck()
    fit(2, tiny(), duck)
    assert duck.heard == [0, 1, "end"]


def test_metric_without_the_base_class_takes_part(tiny):
    duck = Duck()
    fit(2, tiny(), metrics=[duck])
    assert duck.heard == [0, 1, "end"]


@pytest.mark.parametrize(
    ("argument", "value", "text"),
    [
        ("callbacks", [Callback(), 3], "callbacks[1] is 3, which has none of the methods on_train_begin"),
        ("callbacks", "name", "callbacks[0] is 'name', which has none"),
        ("callbacks", Whole, "callbacks[0] is the class Whole, not an instance; pass Whole(...)"),
        ("callbacks", [Callback(), [Callback()]], "callbacks[1] is a list where one callback belongs"),
        (
            "metrics",
            [F.l1_loss, 3],
            "metrics[1] is 3; a metric is a function (output, target) or a Callback.",
        ),
        ("metrics", Whole, "metrics[0] is the class Whole; pass an instance: Whole()."),
    ],
    ids=["number", "string", "class", "nested list", "number as metric", "class as metric"],
)
def test_what_cannot_listen_is_refused(argument, value, text):
    with pytest.raises(NotACallbackError, match=re.escape(text)) as caught:
        CallbackHandler(**{argument: value})
    assert isinstance(caught.value, TypeError)


def test_function_as_metric_is_averaged(Spy):
    spy = Spy()
    handler = CallbackHandler(metrics=[F.l1_loss, spy])
    assert [type(metric) for metric in handler.metrics] == [AverageMetric, Spy]
    assert handler.metrics[1] is spy


def test_handler_starts_with_the_initial_state():
    assert CallbackHandler().state_dict == dict(INITIAL_STATE)
    assert CallbackHandler().skip_validate is False


def test_callers_lists_are_left_as_they_are(Spy):
    callbacks, metrics = [Spy(order=1), Spy(order=0)], [F.l1_loss]
    CallbackHandler(callbacks, metrics)
    assert [cb._order for cb in callbacks] == [1, 0]
    assert metrics == [F.l1_loss]


# --- only what is overridden is called --------------------------------------------------------------------


class Counted(Callback):
    """Overrides one event and counts how often any of its event methods is looked up."""

    def __init__(self):
        self.looked_up = []

    def __getattribute__(self, name):
        if name.startswith("on_"):
            self.looked_up.append(name)
        return super().__getattribute__(name)

    def on_batch_end(self, **kwargs):
        return None


def test_only_overridden_events_are_called(tiny):
    cb = Counted()
    handler_checks = ["on_train_begin"]
    fit(1, tiny(n_train=3, n_valid=0), cb)
    assert set(cb.looked_up) - set(handler_checks) == {"on_batch_end"}


def test_event_is_called_once_a_batch(tiny):
    calls = []

    class Mine(Callback):
        def on_batch_end(self, **kwargs):
            calls.append("batch_end")

    fit(2, tiny(n_train=3, n_valid=1), Mine())
    assert len(calls) == 2 * (3 + 1)


def test_method_put_on_the_base_class_is_called(tiny, monkeypatch):
    heard = []
    monkeypatch.setattr(Callback, "on_step_end", lambda self, **kwargs: heard.append(type(self).__name__))
    fit(1, tiny(), Whole())
    assert heard == ["Whole"]


def test_any_event_can_be_called_by_name(Spy):
    spy = Spy()
    spy.on_own_event = lambda **state: spy.hear("own_event", state)
    CallbackHandler(spy)("own_event", extra=1)
    assert spy.states("own_event") == [{**INITIAL_STATE, "extra": 1}]


# --- counters ---------------------------------------------------------------------------------------------


def test_counters_grow_after_the_listeners(Spy, tiny):
    spy = Spy()
    fit(2, tiny(n_train=2, n_valid=1), spy)
    counted = [
        tuple(state[key] for key in ("epoch", "iteration", "num_batch")) for state in spy.states("batch_end")
    ]
    assert counted == [(0, 0, 0), (0, 1, 1), (0, 2, 2), (1, 2, 0), (1, 3, 1), (1, 4, 2)]
    assert [state["epoch"] for state in spy.states("epoch_end")] == [0, 1]
    assert spy.states("train_end")[0]["epoch"] == 2


def test_loss_is_smoothed_before_the_listeners_replace_it(Spy):
    handler = CallbackHandler(spy := Spy(backward_begin={"last_loss": "replaced"}), beta=0.5)
    handler.on_train_begin(1, None, None)
    for loss in (1.0, 2.0):
        assert handler.on_backward_begin(torch.tensor(loss)) == ("replaced", None)
    smooth = [state["smooth_loss"].item() for state in spy.states("backward_begin")]
    assert smooth == pytest.approx([1.0, (0.25 * 1 + 0.5 * 2) / (1 - 0.25)])


def test_next_fit_of_a_handler_starts_with_a_clean_state(Spy):
    handler = CallbackHandler(spy := Spy())
    for _ in range(2):
        handler.on_train_begin(1, None, None)
        handler.on_epoch_begin()
        handler.on_batch_begin("x", "y")
        handler.on_batch_end(0)
    first, second = spy.states("train_begin")
    assert first == second


# --- going on at an epoch ---------------------------------------------------------------------------------


@pytest.mark.parametrize("with_bar", [True, False])
def test_bug_15_fit_goes_on_at_an_epoch(Spy, tiny, with_bar):
    jumps = []

    class Mine(Spy):
        def jump_to_epoch(self, epoch):
            jumps.append((self.name, epoch))

    callbacks = [Mine("b", train_begin={"epoch": 2}), Mine("a", -1)]
    if with_bar:
        fit(3, tiny(), [*callbacks, Duck()], metrics=[Mine("m")])
        assert [state["epoch"] for state in callbacks[0].states("epoch_begin")] == [2]
        assert callbacks[0].states("epoch_begin")[0]["pbar"].main_bar.total == 1
        assert callbacks[0].states("batch_begin")[0]["iteration"] == 0
    else:
        CallbackHandler([*callbacks, Duck()], metrics=[Mine("m")]).on_train_begin(3, None, None)
    assert jumps == [("a", 2), ("b", 2)]


@pytest.mark.parametrize("epoch", [3, 7])
def test_fit_that_goes_on_behind_its_end_only_ends(Spy, tiny, epoch):
    spy = Spy(train_begin={"epoch": epoch})
    fit(3, tiny(), spy)
    assert spy.events() == ["train_begin", "train_end"]


# --- data sets that listen --------------------------------------------------------------------------------


class ListeningData(TensorDataset, Callback):
    """A data set that is a callback, too."""

    def __init__(self, log, name):
        super().__init__(torch.ones(2, 1), torch.ones(2, 1))
        self.log, self.name = log, name

    def on_epoch_begin(self, **kwargs):
        self.log.append((self.name, "epoch_begin"))

    def on_batch_end(self, train, **kwargs):
        self.log.append((self.name, "batch_end in training" if train else "batch_end in validation"))

    def on_epoch_end(self, **kwargs):
        self.log.append((self.name, "epoch_end"))


def test_data_set_listens_while_its_loader_is_in_use(tiny):
    learn, log = tiny(), []
    learn.data.train_dl = DataLoader(ListeningData(log, "train"), batch_size=2)
    fit(2, learn)
    assert log == [("train", "epoch_begin"), ("train", "batch_end in training")] * 2


def test_bug_9_two_data_sets_take_turns(tiny):
    learn, log = tiny(), []
    learn.data.train_dl = DataLoader(ListeningData(log, "train"), batch_size=2)
    learn.data.valid_dl = DataLoader(ListeningData(log, "valid"), batch_size=2)
    fit(2, learn)
    heard = [("train", "epoch_begin"), ("train", "batch_end in training")]
    assert log == [*heard, ("valid", "batch_end in validation"), ("valid", "epoch_end")] * 2


def test_data_set_joins_behind_and_leaves():
    log = []
    one, other, last = ListeningData(log, "one"), ListeningData(log, "other"), Callback()
    last._order = 9
    handler = CallbackHandler(last)
    for dataset, expected in [(one, [last, one]), (one, [last, one]), (other, [last, other]), (None, [last])]:
        handler.set_dl(DataLoader(dataset) if dataset is not None else [])
        assert handler.callbacks == expected


def test_data_set_given_as_a_callback_too_stays_one():
    dataset = ListeningData([], "both")
    handler = CallbackHandler(dataset)
    handler.set_dl(DataLoader(dataset))
    handler.set_dl([])
    assert handler.callbacks == [dataset]


def test_only_the_data_set_itself_leaves():
    @dataclass
    class Same(Callback):
        number: int = 0

        def __len__(self):
            return 1

    handler = CallbackHandler(given := Same())
    handler.set_dl(DataLoader(Same()))
    handler.set_dl([])
    assert handler.callbacks[0] is given
    assert len(handler.callbacks) == 1


# --- errors -----------------------------------------------------------------------------------------------


def fit_fails(error, learn, callbacks, metrics=None):
    """The exception a fit ends with, which is of this kind."""
    with pytest.raises(error) as caught:
        fit(1, learn, callbacks, metrics)
    return caught.value


@pytest.mark.parametrize("event", [event for event in EVENTS if event not in ("train_begin", "train_end")])
@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt, SystemExit])
def test_bug_1_error_reaches_train_end_as_it_is(Spy, tiny, event, kind):
    spy, error = Spy(), kind("mine")
    assert fit_fails(kind, tiny(), [Spy(**{event: error}), spy]) is error
    assert spy.events()[-1] == "train_end"
    assert spy.states("train_end")[0]["exception"] is error


def test_error_of_the_loss_function_reaches_train_end(Spy, tiny):
    learn, spy = tiny(), Spy()
    learn.loss_func = lambda output, target: output.no_such_method()
    error = fit_fails(AttributeError, learn, spy)
    assert spy.states("train_end")[0]["exception"] is error


@pytest.mark.parametrize("kind", [ValueError, KeyboardInterrupt])
def test_bug_2_error_in_train_begin_ends_those_that_began(Spy, tiny, kind):
    log, error = [], kind("mine")
    callbacks = [Spy("first", 0, log), Spy("broken", 1, log, train_begin=error), Spy("later", 2, log)]
    assert fit_fails(kind, tiny(), callbacks, [Spy("metric", 0, log)]) is error
    assert [name for name, event, _ in log if event == "train_begin"] == ["metric", "first", "broken"]
    assert [name for name, event, _ in log if event == "train_end"] == ["metric", "first"]


def test_refused_answer_to_train_begin_ends_those_that_began(Spy, tiny):
    log = []
    fit_fails(Exception, tiny(), [Spy("first", 0, log), Spy("broken", 1, log, train_begin={"no": 1})])
    assert [name for name, event, _ in log if event == "train_end"] == ["first"]


def test_next_fit_of_a_handler_ends_everyone(Spy):
    broken, other = Spy("broken", train_begin=ValueError("mine")), Spy("other")
    handler = CallbackHandler([broken, other])
    with pytest.raises(ValueError, match="mine"):
        handler.on_train_begin(1, None, None)
    broken.answers.clear()
    handler.on_train_begin(1, None, None)
    handler.on_train_end(exception=False)
    assert (broken.events()[-1], other.events()[-1]) == ("train_end", "train_end")


def test_bug_3_error_in_train_end_keeps_nobody_from_ending(Spy, tiny):
    log = []
    first, second = ValueError("first"), KeyError("second")
    callbacks = [Spy("a", 0, log, train_end=first), Spy("b", 1, log, train_end=second), Spy("c", 2, log)]
    assert fit_fails(ValueError, tiny(), callbacks) is first
    assert [name for name, event, _ in log if event == "train_end"] == ["a", "b", "c"]


def test_first_error_in_train_end_tells_of_the_others(Spy, tiny):
    callbacks = [Spy(train_end=ValueError("first")), Spy(train_end=KeyError("second"))]
    error = fit_fails(ValueError, tiny(), callbacks)
    assert error.__notes__ == [
        "raised by Spy.on_train_end",
        "Also, at the end of training: KeyError('second')",
    ]


def test_bug_3_error_of_the_fit_stays_the_main_one(Spy, tiny):
    main = RuntimeError("main")
    callbacks = [Spy(step_end=main, train_end=ValueError("first")), Spy(train_end=KeyError("second"))]
    assert fit_fails(RuntimeError, tiny(), callbacks) is main
    assert main.__notes__ == [
        "Also, at the end of training: ValueError('first')",
        "Also, at the end of training: KeyError('second')",
    ]


def test_interrupt_in_train_end_is_not_lost(Spy, tiny):
    spy = Spy()
    fit_fails(KeyboardInterrupt, tiny(), [Spy(train_end=KeyboardInterrupt()), spy])
    assert spy.events()[-1] == "train_end"


# --- strict mode ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "answer", "key"),
    [
        ("step_end", {"skip_step": True}, "skip_step"),
        ("batch_end", {"last_loss": 0}, "last_loss"),
        ("loss_begin", {"last_input": 0}, "last_input"),
    ],
)
def test_strict_fit_warns_of_a_key_that_cannot_act(Spy, tiny, event, answer, key):
    text = f"Spy.on_{event} returned '{key}', which cannot act any more there."
    with pytest.warns(ProtocolWarning, match=re.escape(text)):
        fit(1, tiny(), Spy(**{event: answer}), strict=True)


def test_strict_fit_warns_of_a_method_that_is_no_event(tiny):
    class Mine(Callback):
        def on_batch_ends(self, **kwargs):
            return None

    with pytest.warns(
        ProtocolWarning, match=r"Mine\.on_batch_ends is no event .* Did you mean on_batch_end\?"
    ):
        fit(1, tiny(), Mine(), strict=True)


def test_strict_fit_warns_of_an_argument_that_cannot_be_there(tiny):
    class Mine(Callback):
        def on_epoch_begin(self, last_loss, **kwargs):
            return None

    with pytest.warns(ProtocolWarning, match="requires last_loss"), pytest.raises(TypeError):
        fit(1, tiny(), metrics=Mine(), strict=True)


def test_strict_fit_has_nothing_to_say_of_good_listeners(Spy, tiny):
    fit(1, tiny(), [Spy(batch_begin={"skip_step": True}, epoch_end={"stop_training": True})], strict=True)


def test_warning_as_error_before_anybody_began_ends_nobody(Spy, tiny):
    class Mine(Spy):
        def on_batch_ends(self, **kwargs):
            return None

    with pytest.raises(ProtocolWarning):
        fit(1, tiny(), spy := Mine(), strict=True)
    assert spy.events() == []


def test_plain_fit_lets_all_of_it_be(Spy, tiny):
    class Mine(Spy):
        def on_batch_ends(self, **kwargs):
            return None

    fit(1, tiny(), Mine(step_end={"skip_step": True}))
