from __future__ import annotations

import ast
import inspect
import re
import textwrap
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastloop_v1.basic_train import fit
from fastloop_v1.callback import AverageMetric, Callback, CallbackHandler, add_metrics, metric_name
from fastloop_v1.errors import CallbackReturnError, LegacyReturnWarning
from fastloop_v1.events import EVENTS

# One epoch of one training batch and one validation batch.
BATCH = ["batch_begin", "loss_begin", "backward_begin", "backward_end", "step_end", "batch_end"]
VALIDATION = ["batch_begin", "loss_begin", "batch_end"]
EPOCH = ["epoch_begin", *BATCH, *VALIDATION, "epoch_end"]
HEARD_BY_METRICS = ["train_begin", "epoch_begin", "batch_begin", "batch_end", "epoch_end", "train_end"]


# --- the base class ---------------------------------------------------------------------------------------


def test_callback_has_a_method_for_each_event_of_the_table():
    assert [name for name in vars(Callback) if name.startswith("on_")] == [f"on_{event}" for event in EVENTS]


@pytest.mark.parametrize("event", EVENTS)
def test_method_of_the_base_class_is_empty(event):
    method = getattr(Callback, f"on_{event}")
    (function,) = ast.parse(textwrap.dedent(inspect.getsource(method))).body
    assert len(function.body) == 1
    assert isinstance(function.body[0].value, ast.Constant)
    assert method(Callback(), 1, anything=2) is None


def test_state_leaves_out_what_the_lists_say():
    class Mine(Callback):
        exclude, not_min = ("secret",), ("big",)

        def __init__(self):
            self.secret, self.big, self.small = 1, 2, 3

    assert Mine().get_state() == {"small": 3}
    assert Mine().get_state(minimal=False) == {"big": 2, "small": 3}


def test_state_leaves_out_the_lists_of_an_instance():
    cb = Callback()
    cb.exclude, cb.not_min, cb.kept = ["gone"], [], 1
    cb.gone = 2
    assert cb.get_state() == {"kept": 1}


def test_repr_shows_constructor_arguments_a_line_each():
    class Mine(Callback):
        def __init__(self, learn, rate, name="n", lost=0, *args, **kwargs):
            self.rate, self.name = rate, name

    assert repr(Mine(None, 0.5)) == "Mine\nrate: 0.5\nname: n"


# --- order and arguments ----------------------------------------------------------------------------------


def test_listeners_are_called_metrics_first_then_by_order_and_place(Spy, tiny):
    log = []
    callbacks = [Spy("b", 1, log), Spy("a", -1, log), Spy("c", 1, log), Spy("d", 0, log)]
    metrics = [Spy("m2", 9, log), Spy("m1", -9, log)]
    fit(1, tiny(), callbacks, metrics)
    assert [name for name, event, _ in log if event == "epoch_end"] == ["m2", "m1", "a", "d", "b", "c"]
    assert [name for name, event, _ in log if event == "step_end"] == ["a", "d", "b", "c"]


def test_callback_hears_every_event_of_a_fit(Spy, tiny):
    spy = Spy()
    fit(2, tiny(), spy)
    assert spy.events() == ["train_begin", *EPOCH, *EPOCH, "train_end"]


def test_metric_hears_batches_in_validation_only(Spy, tiny):
    metric = Spy()
    fit(1, tiny(), metrics=metric)
    assert metric.events() == HEARD_BY_METRICS
    assert [state["train"] for state in metric.states("batch_begin")] == [False]


def test_metric_hears_no_epoch_end_without_validation(Spy, tiny):
    metric = Spy()
    fit(1, tiny(n_valid=0), metrics=metric)
    assert metric.events() == ["train_begin", "epoch_begin", "train_end"]


def test_later_listener_sees_what_an_earlier_one_returned(Spy):
    first, second = Spy(batch_begin={"last_input": "changed"}), Spy()
    handler = CallbackHandler([first, second])
    handler.on_train_begin(1, None, None)
    handler.on_epoch_begin()
    assert handler.on_batch_begin("x", "y") == ("changed", "y")
    assert first.states("batch_begin")[0]["last_input"] == "x"
    assert second.states("batch_begin")[0]["last_input"] == "changed"


def test_listener_gets_the_state_as_keywords(Spy, tiny):
    spy = Spy()
    fit(1, tiny(), spy, metrics=[])
    state = spy.states("train_begin")[0]
    assert state.pop("pbar").main_bar.total == 1
    assert state == {
        "epoch": 0,
        "iteration": 0,
        "num_batch": 0,
        "skip_validate": False,
        "n_epochs": 1,
        "metrics": [],
        "metrics_names": [],
    }


def test_passed_arguments_are_not_kept(Spy, tiny):
    spy = Spy()
    fit(1, tiny(), spy)
    assert "metrics_names" not in spy.states("epoch_begin")[0]
    assert spy.states("train_end")[0]["exception"] is False


def test_metrics_names_are_told_at_train_begin(Spy, tiny):
    spy = Spy()
    fit(1, tiny(), spy, metrics=[F.l1_loss, Spy("named")])
    assert spy.states("train_begin")[0]["metrics_names"] == ["l1_loss", "named"]


def test_method_asks_for_the_keys_it_wants(tiny):
    seen = []

    class Mine(Callback):
        def on_batch_end(self, iteration, train, **kwargs):
            seen.append((iteration, train))

    fit(1, tiny(n_train=2), Mine())
    assert seen == [(0, True), (1, True), (2, False)]


def test_state_keys_written_by_hand_reach_the_listeners(Spy):
    spy = Spy(step_end={"loss_dict": "returned"})
    handler = CallbackHandler(spy)
    handler.on_train_begin(1, None, None)
    handler.state_dict["loss_dict"] = "by hand"
    handler.on_step_end()
    assert spy.states("step_end")[0]["loss_dict"] == "by hand"
    assert handler.state_dict["loss_dict"] == "returned"


# --- what listeners return --------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", [None, {}], ids=["none", "empty dict"])
def test_falsy_answer_changes_nothing(Spy, tiny, answer):
    spy = Spy(**dict.fromkeys(EVENTS, answer))
    fit(1, tiny(), spy)
    assert spy.events() == ["train_begin", *EPOCH, "train_end"]


def test_unknown_key_is_the_error_of_v1_and_tells_where(Spy, tiny):
    spy = Spy(batch_end={"stop_epch": True})
    with pytest.raises(Exception, match="stop_epch") as caught:
        fit(1, tiny(), spy)
    error = caught.value
    assert type(error) is Exception
    assert str(error) == "stop_epch isn't a valid key in the state of the callbacks."
    found = (error.callback, error.event, error.key, error.nearest)
    assert found == ("Spy", "batch_end", "stop_epch", "stop_epoch")
    assert "Did you mean 'stop_epoch'?" in error.__notes__[0]


@pytest.mark.parametrize(
    ("event", "key"),
    [
        ("train_begin", "stop_training"),
        ("train_begin", "last_metrics"),
        ("train_begin", "metrics_names"),
        ("epoch_begin", "stop_epoch"),
        ("batch_begin", "last_loss"),
        ("loss_begin", "smooth_loss"),
        ("batch_end", "last_metrics"),
        ("train_end", "exception"),
    ],
)
def test_key_that_comes_later_is_refused_before(Spy, tiny, event, key):
    with pytest.raises(Exception, match=re.escape(f"{key} isn't a valid key")):
        fit(1, tiny(), Spy(**{event: {key: 0}}))


def test_keys_stay_in_later_epochs(Spy, tiny):
    spy = Spy()
    fit(2, tiny(), spy)
    state = spy.states("epoch_begin")[1]
    assert {"last_input", "smooth_loss", "last_metrics"} <= set(state)
    assert state["train"] is False


def test_values_are_handed_on_as_they_are(Spy):
    spy = Spy(backward_begin={"skip_step": "yes"}, backward_end=lambda state: {"skip_zero": 1})
    handler = CallbackHandler(spy)
    handler.on_train_begin(1, None, None)
    handler.on_epoch_begin()
    handler.on_batch_begin(0, 0)
    handler.on_backward_begin(torch.tensor(1.0))
    assert (handler.on_backward_end(), handler.on_step_end()) == ("yes", 1)


@pytest.mark.parametrize(
    ("event", "answer", "events"),
    [
        ("batch_begin", {"stop_epoch": True}, ["epoch_begin", *BATCH, *VALIDATION, "epoch_end"] * 2),
        ("epoch_begin", {"stop_training": True}, ["epoch_begin", *BATCH * 2, *VALIDATION * 2, "epoch_end"]),
        ("epoch_end", {"stop_training": True}, ["epoch_begin", *BATCH * 2, *VALIDATION * 2, "epoch_end"]),
        ("train_begin", {"skip_validate": True}, ["epoch_begin", *BATCH * 2, "epoch_end"] * 2),
    ],
    ids=["stop the epoch", "stop training", "stop training at the end", "skip validation"],
)
def test_flag_changes_the_way_of_the_loop(Spy, tiny, event, answer, events):
    spy = Spy(**{event: answer})
    fit(2, tiny(n_train=2, n_valid=2), spy)
    assert spy.events() == ["train_begin", *events, "train_end"]


# --- the older protocol, one form a case ------------------------------------------------------------------


def doubled(key):
    """An answer: the value of a key, twice as large."""
    return lambda state: 2 * state[key]


def doubled_pair(state):
    """An answer: input and target, twice as large."""
    return 2 * state["last_input"], 2 * state["last_target"]


@pytest.fixture
def last_batch(Spy, tiny):
    """Trains on a batch with a listener that answers so; what another sees in the end, weight, gradient."""

    def train(**answers):
        learn, spy = tiny(n_valid=0), Spy()
        fit(1, learn, [Spy(**answers), spy])
        seen = {
            key: value for key, value in spy.states("batch_end")[0].items() if key not in ("pbar", "metrics")
        }
        return [*seen.values(), learn.model.weight.detach().clone(), learn.model.weight.grad]

    return train


@pytest.mark.filterwarnings("ignore::fastloop_v1.errors.LegacyReturnWarning")
@pytest.mark.parametrize(
    ("event", "bare", "answer"),
    [
        ("batch_begin", doubled("last_input"), lambda state: {"last_input": 2 * state["last_input"]}),
        (
            "batch_begin",
            doubled_pair,
            lambda state: dict(zip(("last_input", "last_target"), doubled_pair(state), strict=True)),
        ),
        ("loss_begin", doubled("last_output"), lambda state: {"last_output": 2 * state["last_output"]}),
        ("backward_begin", doubled("last_loss"), lambda state: {"last_loss": 2 * state["last_loss"]}),
        ("backward_end", True, {"skip_step": True}),
        ("step_end", True, {"skip_zero": True}),
        ("batch_end", True, {"stop_epoch": True}),
        ("epoch_end", True, {"stop_training": True}),
    ],
    ids=["input", "input and target", "output", "loss", "step", "zero_grad", "stop epoch", "stop training"],
)
def test_bug_8_bare_value_acts_like_the_dict(last_batch, event, bare, answer):
    old, new = last_batch(**{event: bare}), last_batch(**{event: answer})
    torch.testing.assert_close(old, new, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("event", "value"),
    [
        ("batch_begin", doubled("last_input")),
        ("batch_begin", doubled_pair),
        ("loss_begin", doubled("last_output")),
        ("backward_begin", doubled("last_loss")),
        ("backward_end", True),
        ("step_end", True),
        ("batch_end", True),
    ],
    ids=["input", "input and target", "output", "loss", "step", "zero_grad", "stop epoch"],
)
@pytest.mark.filterwarnings("ignore::fastloop_v1.errors.LegacyReturnWarning")
def test_bare_value_makes_a_difference(last_batch, event, value):
    with pytest.raises(AssertionError):
        torch.testing.assert_close(last_batch(**{event: value}), last_batch(), rtol=0, atol=0)


@pytest.mark.filterwarnings("ignore::fastloop_v1.errors.LegacyReturnWarning")
def test_bare_yes_at_epoch_end_stops_training(Spy, tiny):
    spy = Spy(epoch_end=True)
    fit(3, tiny(), spy)
    assert spy.events() == ["train_begin", *EPOCH, "train_end"]


@pytest.mark.filterwarnings("ignore::fastloop_v1.errors.LegacyReturnWarning")
def test_bare_no_does_not_take_back_what_another_said(Spy, tiny):
    learn = tiny(n_train=2, n_valid=0)
    spy = Spy(batch_end=False)
    fit(1, learn, [Spy(batch_end={"stop_epoch": True}), spy])
    assert spy.events() == ["train_begin", "epoch_begin", *BATCH, "epoch_end", "train_end"]


def test_bare_values_are_warned_of_once_in_a_fit(tiny):
    class Older(Callback):
        def on_batch_end(self, **kwargs):
            return True

        def on_epoch_end(self, **kwargs):
            return False

    with pytest.warns(LegacyReturnWarning) as caught:
        fit(2, tiny(), [Older(), Older()])
    assert [str(warning.message) for warning in caught] == [
        "Older.on_batch_end returned a bare value; return {'stop_epoch': True} instead."
    ]


@pytest.mark.parametrize(("event", "value"), [("batch_end", 0), ("epoch_begin", [1]), ("train_end", 3)])
def test_bug_8_value_that_means_nothing_is_refused(Spy, tiny, event, value):
    with pytest.raises(
        CallbackReturnError, match=f"Spy.on_{event} returned {re.escape(repr(value))}"
    ) as caught:
        fit(1, tiny(), Spy(**{event: value}))
    assert isinstance(caught.value, AttributeError)


# --- metrics ----------------------------------------------------------------------------------------------


def mean_of_batches(metric, batches):
    """What a metric adds at the end of an epoch of these (output, target) batches."""
    metric.on_epoch_begin()
    for output, target in batches:
        metric.on_batch_end(last_output=output, last_target=target)
    return metric.on_epoch_end(last_metrics=["before"])["last_metrics"]


@pytest.mark.parametrize(
    "kind",
    [lambda x: x, float, np.float32, lambda x: x.reshape(1), lambda x: x.clone().requires_grad_()],
    ids=["tensor", "float", "numpy", "one element", "with gradient"],
)
def test_bug_39_metric_is_the_mean_over_samples(kind):
    outputs = [torch.tensor([1.0, 3.0, 8.0]), torch.tensor([2.0])]
    metric = AverageMetric(lambda output, target: kind(output.mean()))
    before, mean = mean_of_batches(metric, [(output, output) for output in outputs])
    assert before == "before"
    assert mean.item() == pytest.approx(14 / 4)


def test_metric_weighs_by_the_first_of_several_targets():
    metric = AverageMetric(lambda output, first, second: output)
    batches = [(5.0, [torch.zeros(3), torch.zeros(1)]), (1.0, (torch.zeros(1), torch.zeros(3)))]
    assert mean_of_batches(metric, batches)[1].item() == pytest.approx(16 / 4)


def test_metric_leaves_out_batches_without_a_value():
    metric = AverageMetric(lambda output, target: output)
    assert mean_of_batches(metric, [(None, torch.zeros(9)), (2.0, torch.zeros(1))])[1].item() == 2
    assert mean_of_batches(metric, [(None, torch.zeros(9))])[1] is None


def test_metric_starts_anew_each_epoch():
    metric = AverageMetric(lambda output, target: output)
    assert mean_of_batches(metric, [(4.0, torch.zeros(1))])[1].item() == 4
    assert mean_of_batches(metric, [(1.0, torch.zeros(1))])[1].item() == 1


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        (F.mse_loss, "mse_loss"),
        (partial(F.mse_loss, reduction="sum"), "mse_loss"),
        (nn.MSELoss(), "mse_loss"),
        (partial(nn.L1Loss()), "l1_loss"),
        (SimpleNamespace(name="own name"), "own name"),
        (AverageMetric(F.mse_loss), "mse_loss"),
    ],
    ids=["function", "partial", "object", "partial of an object", "name", "metric"],
)
def test_bug_40_metric_has_a_name(metric, name):
    assert metric_name(metric) == name


@pytest.mark.parametrize(
    ("last_metrics", "mets", "expected"),
    [([1], 2, [1, 2]), ([1], [2, 3], [1, 2, 3]), ([], None, []), (None, 1, [1]), ([1], (2,), [1, 2])],
)
def test_metrics_are_added_behind(last_metrics, mets, expected):
    assert add_metrics(last_metrics, mets) == {"last_metrics": expected}


def test_metrics_so_far_are_left_as_they_are():
    last_metrics = [1]
    add_metrics(last_metrics, 2)
    assert last_metrics == [1]
