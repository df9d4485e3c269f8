"""A fit that fails says what is wrong, and every callback that began is ended."""

from __future__ import annotations

import copy
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import BasicLearner, Learner, Recorder, RecordOnCPU, fit
from fastloop_v1.callback import Callback
from fastloop_v1.defaults import defaults
from fastloop_v1.errors import EmptyLoaderError, LossShapeError, MissingLossError, NotACallbackError

ROOT = Path(__file__).parents[1]
BATCHES = [(torch.ones(2, 3), torch.ones(2, 1))] * 2
EVENTS = ["train_begin", "epoch_begin", "batch_begin", "loss_begin", "backward_begin", "backward_end",
          "step_end", "batch_end", "epoch_end"]  # fmt: skip


class Raise(Callback):
    """Raises an exception at an event."""

    def __init__(self, event, exception):
        self.exception = exception
        setattr(self, f"on_{event}", self.fail)

    def fail(self, **state):
        raise self.exception


class Ended(Callback):
    """Notes what it is told at the end."""

    def __init__(self):
        self.exceptions = []

    def on_train_end(self, exception, **state):
        self.exceptions.append(exception)


def learner(**options):
    given = {"model": nn.Linear(3, 1), "loss_func": F.mse_loss, "silent": True}
    return Learner(DataBunch(BATCHES, BATCHES), **{**given, **options})


def notes(error):
    """Return the text of an exception with its notes."""
    return "\n".join([str(error), *getattr(error, "__notes__", [])])


# --- exceptions and interrupts ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [KeyboardInterrupt, SystemExit, RuntimeError, StopIteration])
@pytest.mark.parametrize("event", EVENTS)
def test_exception_reaches_every_train_end_and_leaves_the_fit(event, kind):
    error, before, after = kind("stop here"), Ended(), Ended()
    with pytest.raises(kind) as caught:
        learner().fit(1, callbacks=[before, Raise(event, error), after])
    assert caught.value is error
    assert before.exceptions == [error]
    # A callback that did not begin has nothing to put back.
    assert after.exceptions == ([] if event == "train_begin" else [error])


@pytest.mark.parametrize("kind", [KeyboardInterrupt, RuntimeError])
def test_exception_of_a_loader_or_model_reaches_train_end(kind):
    error, ended = kind("stop here"), Ended()

    def failing(*args):
        raise error

    class Failing(nn.Linear):
        forward = failing

    with pytest.raises(kind):
        learner(model=Failing(3, 1)).fit(1, callbacks=ended)
    learn = learner()
    learn.data.train_dl.add_tfm(failing)
    with pytest.raises(kind):
        learn.fit(1, callbacks=ended)
    assert ended.exceptions == [error, error]


def test_bug_1_interrupt_is_false_to_train_end_with_v1_quirks(monkeypatch):
    monkeypatch.setattr(defaults, "v1_quirks", True)
    ended = Ended()
    with pytest.raises(KeyboardInterrupt):
        learner().fit(1, callbacks=[ended, Raise("batch_end", KeyboardInterrupt())])
    assert ended.exceptions == [False]


@pytest.mark.parametrize("quirks", [False, True], ids=["mended", "v1"])
def test_bug_12_gradients_left_by_a_fit_that_failed_do_not_count(monkeypatch, quirks):
    monkeypatch.setattr(defaults, "v1_quirks", quirks)
    torch.manual_seed(0)
    one = learner(opt_func=torch.optim.SGD)
    other = learner(model=copy.deepcopy(one.model), opt_func=torch.optim.SGD)
    with pytest.raises(ValueError, match="stop"):
        one.fit(1, 0.1, callbacks=Raise("backward_end", ValueError("stop")))
    one.fit(1, 0.1)
    other.fit(1, 0.1)
    assert torch.equal(one.model.weight, other.model.weight) is not quirks


def test_fit_without_error_ends_with_false():
    ended = Ended()
    learner().fit(1, callbacks=ended)
    assert ended.exceptions == [False]


def test_error_at_train_end_does_not_keep_others_from_ending():
    first, second, ended = ValueError("first"), ValueError("second"), Ended()
    with pytest.raises(ValueError, match="first") as caught:
        learner().fit(1, callbacks=[Raise("train_end", first), Raise("train_end", second), ended])
    assert caught.value is first
    assert "second" in notes(first)
    assert ended.exceptions == [False]


def test_error_in_training_is_the_one_raised_when_an_end_fails_too():
    error = RuntimeError("in training")
    with pytest.raises(RuntimeError, match="in training") as caught:
        learner().fit(1, callbacks=[Raise("train_end", ValueError("at the end")), Raise("batch_end", error)])
    assert caught.value is error
    assert "at the end" in notes(error)


def test_learner_can_be_fitted_again_after_an_error():
    learn = learner()
    with pytest.raises(RuntimeError):
        learn.fit(1, callbacks=Raise("batch_end", RuntimeError()))
    learn.fit(1)
    assert len(learn.recorder.losses) == 2


def test_interrupt_from_outside_reaches_train_end_and_ends_the_process():
    program = """
        import signal, torch
        from torch import nn
        from fastloop_v1.basic_data import DataBunch
        from fastloop_v1.basic_train import Learner
        from fastloop_v1.callback import Callback

        class Endless:
            def __iter__(self):
                while True:
                    yield torch.ones(2, 1), torch.ones(2, 1)

        class Note(Callback):
            def on_batch_end(self, iteration, **state):
                if iteration == 3:
                    print("training", flush=True)

            def on_train_end(self, exception, **state):
                print(f"ended by {exception!r}", flush=True)

        # A process started in the background may be told to ignore interrupts.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        data = DataBunch(Endless(), None)
        Learner(data, nn.Linear(1, 1), loss_func=nn.MSELoss(), silent=True).fit(1, callbacks=Note())
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout.readline() == "training\n"
        child.send_signal(signal.SIGINT)
        output, errors = child.communicate(timeout=60)
    assert output == "ended by KeyboardInterrupt()\n"
    assert errors.splitlines()[-1] == "KeyboardInterrupt"
    assert child.returncode == -signal.SIGINT


# --- errors in words ----------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Your training dataloader is empty")
def test_empty_loader_is_refused_in_v1s_words():
    data = DataBunch(DataLoader(TensorDataset(*BATCHES[0]), 4, drop_last=True), None)
    learn = Learner(data, nn.Linear(3, 1), loss_func=F.mse_loss, silent=True)
    words = r"Your training dataloader is empty, can't train a model.*batch size=4 for 2 elements"
    for kind in (EmptyLoaderError, AssertionError, ValueError):
        with pytest.raises(kind, match=words):
            learn.fit(1)
    with pytest.raises(EmptyLoaderError, match=words):
        learn.fit_one_cycle(1)
    with pytest.raises(EmptyLoaderError, match=words):
        learn.lr_find()


def test_missing_loss_function_is_named():
    learn = learner(loss_func=None)
    for train in (learn.fit, learn.fit_one_cycle):
        with pytest.raises(MissingLossError, match="loss_func is None"):
            train(1)
    with pytest.raises(MissingLossError):
        fit(1, BasicLearner(learn.model, None, None, learn.data))


@pytest.mark.parametrize("event", ["train_begin", "epoch_begin"])
def test_a_loss_function_may_be_given_when_training_begins(event):
    learn = learner(loss_func=None)

    def give(self, **state):
        learn.loss_func = F.mse_loss

    learn.fit(1, callbacks=type("Gives", (Callback,), {f"on_{event}": give})())
    assert len(learn.recorder.losses) == 2


@pytest.mark.parametrize(
    ("loss_func", "words"),
    [
        (lambda out, y: (out - y) ** 2, r"a tensor of shape \(2, 1\) and type float32.*single number.*mean"),
        (lambda out, y: 0.5, "The loss is a float"),
        (lambda out, y: None, "The loss is a NoneType"),
        (lambda out, y: (F.mse_loss(out, y), 3), r"The loss is \[a tensor of shape \(\).*, a int\]"),
    ],
    ids=["by element", "number", "nothing", "pair"],
)
def test_loss_that_is_no_single_number_is_refused(loss_func, words):
    with pytest.raises(LossShapeError, match=words):
        learner(loss_func=loss_func).fit(1)


def test_shapes_that_do_not_fit_stand_in_a_note():
    with pytest.raises(RuntimeError) as caught:
        learner(loss_func=lambda out, y: F.l1_loss(out @ y, y)).fit(1)
    text = notes(caught.value)
    assert "an output of a tensor of shape (2, 1) and type float32" in text
    assert "a target of a tensor of shape (2, 1) and type float32" in text


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (RecordOnCPU, r"the class RecordOnCPU, not an instance; pass RecordOnCPU\(...\)"),
        (3, "callbacks.* is 3, which has none of the methods on_train_begin"),
        ([Ended()], "is a list where one callback belongs"),
        (F.mse_loss, "none of the methods"),
    ],
    ids=["class", "number", "list in list", "function"],
)
def test_object_that_is_no_callback_is_refused(wrong, words):
    with pytest.raises(NotACallbackError, match=words):
        learner().fit(1, callbacks=[wrong])


def test_object_that_is_no_metric_is_refused():
    with pytest.raises(NotACallbackError, match=r"metrics\[1\] is 3"):
        learner(metrics=[F.mse_loss, 3]).fit(1)


def test_callback_made_without_being_one_is_refused():
    with pytest.raises(NotACallbackError):
        learner(callback_fns=lambda learn: None).fit(1)


def test_unknown_key_is_refused_in_v1s_words():
    class Typo(Callback):
        def on_batch_end(self, **state):
            return {"stop_epok": True}

    with pytest.raises(
        Exception, match="^stop_epok isn't a valid key in the state of the callbacks"
    ) as caught:
        learner().fit(1, callbacks=Typo())
    assert type(caught.value) is Exception
    assert "Did you mean 'stop_epoch'" in notes(caught.value)


@pytest.mark.parametrize("train", [lambda learn: learn.fit(2), lambda learn: learn.fit_one_cycle(2),
                                   lambda learn: learn.lr_find(), lambda learn: learn.validate(),
                                   lambda learn: learn.get_preds()],
                         ids=["fit", "one cycle", "lr_find", "validate", "get_preds"])  # fmt: skip
def test_silent_learner_prints_nothing(train, capfd):
    train(learner(metrics=F.l1_loss))
    assert capfd.readouterr() == ("", "")


def test_learner_prints_its_table_to_standard_output(capfd):
    learn = learner(silent=False, add_time=False, metrics=F.l1_loss)
    learn.fit(1)
    printed, errors = capfd.readouterr()
    assert [line.split() for line in printed.splitlines()][0] == learn.recorder.names
    assert learn.callback_fns[0].func is Recorder
    assert len(printed.splitlines()) == 2
    assert errors == ""
