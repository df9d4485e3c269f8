from __future__ import annotations

import re
import warnings
from collections import OrderedDict
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from fastloop_v1.callback import Callback
from fastloop_v1.errors import CallbackReturnError, LegacyReturnWarning, NotACallbackError, ProtocolWarning
from fastloop_v1.events import EVENTS
from fastloop_v1.listeners import (
    as_list,
    check_callback,
    check_methods,
    check_value,
    event_method,
    factories,
    from_bare_value,
)

ONE = Callback()


class Duck:
    """A listener without the base class."""

    def on_epoch_begin(self, **kwargs):
        return {"quack": 1}


# --- lists ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        (None, []),
        (ONE, [ONE]),
        ([ONE, 2], [ONE, 2]),
        ((ONE,), [ONE]),
        ({ONE}, [ONE]),
        (frozenset({ONE}), [ONE]),
        ((item for item in "ab"), ["a", "b"]),
        ("ab", ["ab"]),
        (OrderedDict(a=1), [OrderedDict(a=1)]),
        ([], []),
    ],
    ids=["none", "one", "list", "tuple", "set", "frozenset", "generator", "string", "dict", "empty"],
)
def test_as_list_makes_a_list_of(items, expected):
    assert as_list(items) == expected


def test_as_list_is_a_new_list():
    items = [1]
    assert as_list(items) is not items


# --- methods ----------------------------------------------------------------------------------------------


def test_event_method_is_bound():
    assert event_method(Duck(), "epoch_begin")(epoch=0) == {"quack": 1}


@pytest.mark.parametrize(
    ("cb", "event"), [(Duck(), "epoch_end"), (object(), "epoch_begin"), (len, "batch_end")]
)
def test_event_without_method_has_none(cb, event):
    assert event_method(cb, event) is None


def test_empty_method_counts_as_not_there():
    empty = Callback.on_epoch_end
    assert event_method(Callback(), "epoch_end", empty) is None
    assert event_method(Callback(), "epoch_end") is not None


def test_method_of_a_subclass_is_not_the_empty_one():
    class Mine(Callback):
        def on_epoch_end(self, **kwargs):
            return "mine"

    assert event_method(Mine(), "epoch_end", Callback.on_epoch_end)() == "mine"


def test_method_put_on_an_instance_counts():
    cb = Callback()
    cb.on_epoch_end = lambda **kwargs: "own"
    assert event_method(cb, "epoch_end", Callback.on_epoch_end)() == "own"


# --- what can be a callback -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cb", [Callback(), Duck(), SimpleNamespace(on_train_end=print)], ids=["callback", "duck", "attribute"]
)
def test_object_that_hears_an_event_is_accepted(cb):
    assert check_callback(cb, "callbacks[0]") is None


@pytest.mark.parametrize(
    ("cb", "text"),
    [
        ([Duck], "callbacks[3] is a list where one callback belongs: ["),
        ((), "callbacks[3] is a tuple where one callback belongs: ()"),
        (Duck, "callbacks[3] is the class Duck, not an instance; pass Duck(...), or the class in"),
        (7, "callbacks[3] is 7, which has none of the methods on_train_begin, on_epoch_begin"),
        (None, "callbacks[3] is None, which has none of"),
        (SimpleNamespace(on_train_end=1), "callbacks[3] is namespace(on_train_end=1), which has none of"),
    ],
    ids=["list", "tuple", "class", "number", "none", "attribute that cannot be called"],
)
def test_object_that_cannot_listen_is_refused(cb, text):
    with pytest.raises(NotACallbackError, match=re.escape(text)):
        check_callback(cb, "callbacks[3]")


# --- strict checks of methods -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "meant"),
    [("on_batch_ends", " Did you mean on_batch_end?"), ("on_epoch_start", ""), ("on_xyz", "")],
)
def test_method_that_is_no_event_is_warned_of(name, meant):
    cb = type("Mine", (Callback,), {name: lambda self, **kwargs: None})()
    with pytest.warns(ProtocolWarning) as caught:
        check_methods(cb)
    text = str(caught[0].message)
    assert text.startswith(f"Mine.{name} is no event and is never called.")
    assert meant in text


def test_required_argument_that_cannot_be_there_is_warned_of():
    class Mine(Callback):
        def on_batch_begin(self, last_input, last_loss, *, last_metrics, **kwargs):
            return None

    with pytest.warns(ProtocolWarning) as caught:
        check_methods(Mine())
    assert [str(warning.message) for warning in caught] == [
        "Mine.on_batch_begin requires last_loss, last_metrics, which cannot be there at that event."
    ]


def test_method_that_fits_its_event_is_not_warned_of():
    class Mine(Callback):
        def on_train_begin(self, n_epochs, metrics_names, **kwargs):
            return None

        def on_batch_begin(self, last_input, last_loss=None, **kwargs):
            return None

        def on_train_end(self, exception, last_metrics, *args, **kwargs):
            return None

    assert check_methods(Mine()) is None
    assert check_methods(Duck()) is None


# --- bare values of the older protocol --------------------------------------------------------------------

X, Y = torch.zeros(1), torch.ones(1)


def fresh_listener(name="Old"):
    """A listener of a class that was never warned of."""
    return type(name, (), {})()


@pytest.mark.filterwarnings("ignore::fastloop_v1.errors.LegacyReturnWarning")
@pytest.mark.parametrize(
    ("event", "value", "expected"),
    [
        ("batch_begin", (X, Y), {"last_input": X, "last_target": Y}),
        ("batch_begin", [X, Y], {"last_input": X, "last_target": Y}),
        ("batch_begin", X, {"last_input": X}),
        ("loss_begin", X, {"last_output": X}),
        ("loss_begin", (X, Y), {"last_output": (X, Y)}),
        ("loss_begin", [X, Y, X], {"last_output": [X, Y, X]}),
        ("backward_begin", X, {"last_loss": X}),
        ("backward_end", True, {"skip_step": True}),
        ("step_end", True, {"skip_zero": True}),
        ("batch_end", True, {"stop_epoch": True}),
        ("batch_end", np.bool_(True), {"stop_epoch": True}),
        ("batch_end", torch.tensor(True), {"stop_epoch": True}),
        ("batch_end", False, {}),
        ("epoch_end", True, {"stop_training": True}),
        ("epoch_end", False, {}),
    ],
    ids=[
        "input and target in a tuple",
        "input and target in a list",
        "input",
        "output",
        "outputs in a tuple",
        "outputs in a list",
        "loss",
        "skip the step",
        "keep the gradients",
        "stop the epoch",
        "stop the epoch, numpy",
        "stop the epoch, tensor",
        "do not stop the epoch",
        "stop training",
        "do not stop training",
    ],
)
def test_bare_value_stands_for(event, value, expected):
    assert from_bare_value(fresh_listener(), event, value) == expected


@pytest.mark.parametrize(
    ("event", "value"),
    [
        *((event, 3) for event in EVENTS),
        *((event, "text") for event in EVENTS),
        *(
            (event, True)
            for event in ("train_begin", "epoch_begin", "batch_begin", "loss_begin", "train_end")
        ),
        *((event, X) for event in ("train_begin", "epoch_begin", "backward_end", "batch_end", "epoch_end")),
        ("backward_begin", False),
        ("backward_begin", 0.5),
        ("backward_begin", (X,)),
        ("batch_begin", (X,)),
        ("batch_begin", (X, Y, X)),
        ("batch_end", 0),
        ("no_event_of_the_loop", True),
    ],
)
def test_value_that_meant_nothing_is_refused(event, value):
    with pytest.raises(CallbackReturnError, match=f"Old.on_{event} returned "):
        from_bare_value(fresh_listener(), event, value)


def test_refusal_says_what_to_return():
    with pytest.raises(AttributeError) as caught:
        from_bare_value(fresh_listener(), "batch_end", 1)
    assert str(caught.value) == (
        "'int' object has no attribute 'items': Old.on_batch_end returned 1, "
        "but a callback returns None or a dict such as {'stop_epoch': ...}."
    )


@pytest.mark.parametrize(
    ("event", "value", "advice"),
    [
        ("batch_begin", (X, Y), "{'last_input': ..., 'last_target': ...}"),
        ("loss_begin", X, "{'last_output': ...}"),
        ("backward_end", True, "{'skip_step': True}"),
        ("batch_end", True, "{'stop_epoch': True}"),
        ("epoch_end", False, "{'stop_training': False}"),
    ],
    ids=["input and target", "output", "skip", "stop", "no stop"],
)
def test_bare_value_is_warned_of_with_the_dict_to_return(event, value, advice):
    with pytest.warns(LegacyReturnWarning) as caught:
        from_bare_value(fresh_listener(), event, value)
    assert str(caught[0].message) == f"Old.on_{event} returned a bare value; return {advice} instead."


def test_bare_values_are_warned_of_once_a_class():
    old, other = fresh_listener(), fresh_listener("Other")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for cb in (old, old, type(old)(), other):
            from_bare_value(cb, "batch_end", True)
            from_bare_value(cb, "epoch_end", True)
    assert [str(warning.message).split(".")[0] for warning in caught] == ["Old", "Other"]


# --- factories and returned values ------------------------------------------------------------------------


def test_factories_are_one_list():
    assert factories(Duck, [Callback, Duck], None) == [Duck, Callback, Duck]


def test_thing_that_makes_no_callback_is_named():
    with pytest.raises(
        NotACallbackError, match=r"callback_fns\[1\] is 3; it must be called with the learner"
    ):
        factories([Duck, 3])


@pytest.mark.parametrize(
    ("key", "value"),
    [("epoch", 3), ("epoch", np.int64(3)), ("iteration", 2.0), ("epoch", torch.tensor(2)),
     ("stop_epoch", "yes"), ("stop_epoch", None), ("skip_step", torch.tensor([True])), ("skip_bwd", [])],
)  # fmt: skip
def test_value_that_can_be_meant_passes(key, value):
    check_value(ONE, "batch_end", key, value)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [("epoch", "x", "a whole number"), ("num_batch", None, "a whole number"),
     ("epoch", 0.5, "a whole number"),
     ("epoch", float("nan"), "a whole number"), ("epoch", torch.ones(2), "a whole number"),
     ("stop_epoch", torch.ones(2), "a single value"), ("skip_step", np.ones(0), "a single value")],
)  # fmt: skip
def test_value_that_cannot_be_is_named_with_its_callback(key, value, words):
    with pytest.raises(
        CallbackReturnError, match=f"Callback.on_batch_end returned '{key}': .*must be {words}"
    ):
        check_value(ONE, "batch_end", key, value)


def test_attribute_that_is_no_method_is_no_event():
    check_methods(type("Named", (Callback,), {"on_nan": "skip"})())
