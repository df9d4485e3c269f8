"""A v2 callback answers events, reads through its learner, and keeps what it writes to itself."""

from __future__ import annotations

import pickle

import pytest

from fastloop_v1.errors import FastloopWarning
from fastloop_v1.v2 import Callback, CancelFitException, before_batch_cb

NAMES = {
    "Callback": "callback",
    "MyCallback": "my",
    "HTMLReport": "html_report",
    "TerminateOnNaNCallback": "terminate_on_na_n",
    "CallbackFirst": "callback_first",
    "Run2Epochs": "run2_epochs",
}


@pytest.mark.parametrize(("kind", "name"), NAMES.items(), ids=NAMES)
def test_name_is_that_of_the_class_in_snake_case(kind, name):
    assert type(kind, (Callback,), {})().name == name


def test_a_function_given_by_keyword_is_a_method():
    seen = []
    cb = Callback(before_fit=lambda self: seen.append(self))
    cb("before_fit")
    cb("after_fit")
    assert seen == [cb]


@pytest.mark.parametrize("wrong", ["on_train_begin", "before_fitt", "foo"])
def test_an_unknown_keyword_is_an_assertion(wrong):
    with pytest.raises(AssertionError, match=wrong):
        Callback(**{wrong: print})


def test_a_keyword_of_the_book_is_todays_event():
    with pytest.warns(DeprecationWarning, match="before_batch"):
        cb = Callback(begin_batch=lambda self: 3)
    assert cb("before_batch") == 3


def test_a_method_of_the_book_answers_todays_event():
    with pytest.warns(DeprecationWarning, match=r"Old\.begin_fit"):

        class Old(Callback):
            def begin_fit(self):
                return "begun"

    assert Old()("before_fit") == "begun"


def test_todays_method_beside_that_of_the_book_wins():
    class Both(Callback):
        def begin_fit(self):
            return "old"

        def before_fit(self):
            return "new"

    assert Both()("before_fit") == "new"


FLAGS = {
    "run": ({"run": False}, {None: False, True: False, False: False}, False),
    "run_train": ({"run_train": False}, {None: True, True: False, False: True}, True),
    "run_valid": ({"run_valid": False}, {None: True, True: True, False: False}, True),
    "both": ({"run_train": False, "run_valid": False}, {None: False, True: False, False: False}, True),
}


@pytest.mark.parametrize(("attributes", "of_batches", "of_others"), FLAGS.values(), ids=FLAGS)
@pytest.mark.parametrize("training", [None, True, False])
def test_flags_decide_what_is_heard(attributes, of_batches, of_others, training):
    heard = {"before_batch": lambda self: True, "before_epoch": lambda self: True}
    cb = type("Some", (Callback,), {**heard, **attributes})()
    if training is not None:
        cb.training = training
    assert bool(cb("before_batch")) is of_batches[training]
    assert bool(cb("before_epoch")) is of_others


def test_run_is_on_again_after_the_fit():
    cb = Callback(before_fit=lambda self: 1)
    cb.run = False
    assert cb("before_fit") is None
    cb("after_fit")
    assert cb("before_fit") == 1


def test_learner_then_model_are_asked_for_what_is_missing(small):
    cb = Callback()
    learn = small.learner(cbs=[cb])
    learn.mine, learn.model.its = 1, 2
    assert (cb.mine, cb.its, cb.model) == (1, 2, learn.model)
    with pytest.raises(AttributeError, match="neither"):
        _ = cb.neither


def test_without_a_learner_nobody_is_asked():
    with pytest.raises(AttributeError, match="model"):
        _ = Callback().model


def test_a_write_stays_on_the_callback_and_warns_of_what_it_hides(small):
    cb = Callback()
    learn = small.learner(cbs=[cb])
    learn.mine = 1
    cb.own = 5
    with pytest.warns(FastloopWarning, match=r"write self\.learn\.mine"):
        cb.mine = 2
    assert (cb.mine, learn.mine, cb.own) == (2, 1, 5)


def test_methods_of_the_model_answer_no_event(small):
    learn = small.learner(cbs=[Callback()])
    learn.model.before_fit = lambda: pytest.fail("called")
    learn.fit(1, 0.1)


ERRORS = {
    "one argument": (ValueError("went wrong"), "Does.before_fit: went wrong"),
    "two arguments": (ValueError("first", "second"), "Does.before_fit: first"),
    "none": (KeyError(), "Does.before_fit"),
}


@pytest.mark.parametrize(("error", "text"), ERRORS.values(), ids=ERRORS)
def test_an_error_names_callback_and_event(small, error, text):
    with pytest.raises(type(error)) as caught:
        small.raises(error, "before_fit")("before_fit")
    assert caught.value is error
    assert error.args == (text,)


def test_a_place_is_named_once_however_often_an_error_passes_it(small):
    def again(cb, left=3):
        cb.left = getattr(cb, "left", left) - 1
        if cb.left < 0:
            raise RecursionError("too deep")
        cb("before_fit")

    with pytest.raises(RecursionError) as caught:
        small.does("before_fit", again)("before_fit")
    assert caught.value.args == ("Does.before_fit: too deep",)


def test_two_places_are_both_named(small):
    inner = small.raises(ValueError("went wrong"), "after_pred")
    outer = small.does("before_fit", lambda cb: inner("after_pred"))
    with pytest.raises(ValueError, match=r"^Does.before_fit: Does.after_pred: went wrong$"):
        outer("before_fit")


@pytest.mark.parametrize("signal", [CancelFitException("kept"), KeyboardInterrupt("kept")], ids=repr)
def test_signals_and_interrupts_stay_as_they_are(small, signal):
    with pytest.raises(type(signal)):
        small.raises(signal, "before_fit")("before_fit")
    assert signal.args == ("kept",)


class Kept(Callback):
    _stateattrs = ("heavy",)

    def __init__(self):
        super().__init__()
        self.heavy, self.light = object, 3


def test_a_pickle_leaves_out_the_learner_and_what_the_class_names():
    cb = Kept()
    cb.learn = object()
    assert cb.__getstate__() == {"light": 3}
    with pytest.raises(AttributeError, match="no attribute '_xtra'"):
        _ = pickle.loads(pickle.dumps(Callback()))._xtra


def test_before_batch_cb_changes_inputs_and_targets(small):
    seen = []
    double = before_batch_cb(lambda self, xb, yb: (tuple(2 * x for x in xb), tuple(y + 1 for y in yb)))
    learn = small.learner(
        cbs=[double, small.does("after_pred", lambda cb: seen.append((cb.x, cb.y)), order=1)]
    )
    learn.fit(1, 0.1)
    x, y = learn.data.train_ds.tensors
    assert (seen[0][0] == 2 * x[:2]).all()
    assert (seen[0][1] == y[:2] + 1).all()
