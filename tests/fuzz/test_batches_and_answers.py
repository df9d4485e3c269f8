"""Odd batches, parts, metrics and answers of callbacks: a result, or an error in words, nothing half done."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.callback import Callback
from fastloop_v1.errors import ArgumentTypeError, FastloopError, LossShapeError, NotACallbackError
from fastloop_v1.events import EVENTS

QUICK = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
OURS = ("This happened in ", "This happened when ", "which is not in the state there")
# Torch 2.4 refuses in its backward pass what later ones compute.
IN_BACKWARD = ("Found dtype Double but expected Float",) if torch.__version__.startswith("2.4.") else ()


def in_full(error):
    """The text of an error with its notes."""
    return "\n".join([str(error), *getattr(error, "__notes__", [])])


def is_in_words(error):
    """Whether an error is one of ours, or has a note of ours."""
    return isinstance(error, FastloopError) or any(text in in_full(error) for text in OURS + IN_BACKWARD)


def error_of(act):
    """What an act raises, None if nothing."""
    try:
        act()
    except Exception as error:  # noqa: BLE001  (whatever comes is looked at)
        return error
    return None


# --- batches ------------------------------------------------------------------------------------------------

X, Y = torch.ones(4, 2), torch.ones(4, 1)
INPUTS = [
    X, X[:1], X[:0], X[:3], X.double(), X.long(), X.bool(), torch.ones(4, 3), torch.ones(4), torch.ones(()),
    X * math.nan, X.to("meta"), X.to_sparse(), X.numpy(), None, "x", 3, [X], (X, X), {"x": X}, [], object(),
]  # fmt: skip
TARGETS = [
    Y, Y[:1], Y[:0], Y[:3], Y.double(), Y.long(), torch.ones(4, 2), torch.ones(()), Y * math.inf,
    Y.to("meta"), Y.numpy(), None, "y", 3, [Y], (Y, Y), {"y": Y}, [], object(),
]  # fmt: skip
NO_PAIRS = [
    None,
    3,
    "ab",
    "abc",
    b"ab",
    X,
    [X],
    (X, Y, Y),
    [],
    {},
    {"x": X, "y": Y},
    {1: X},
    object(),
]


@QUICK
@given(
    pairs=st.lists(st.tuples(st.sampled_from(INPUTS), st.sampled_from(TARGETS)), min_size=1, max_size=2),
    with_norm=st.booleans(),
)
@pytest.mark.filterwarnings("ignore:Using a target size")
@pytest.mark.filterwarnings("ignore:Sparse")
def test_odd_batches_train_or_are_refused_in_words(made, pairs, with_norm):
    layers = [nn.BatchNorm1d(2)] if with_norm else []
    learn = made(pairs)
    learn.model = nn.Sequential(*layers, nn.Linear(2, 1)).eval()
    learn.layer_groups = [learn.model]
    parts = (learn.loss_func, learn.data.train_dl, learn.model)
    error = error_of(lambda: learn.fit(1, 0.01))
    assert error is None or is_in_words(error), repr(error)
    assert error is None or not any(part.training for part in learn.model.modules())
    assert parts == (learn.loss_func, learn.data.train_dl, learn.model)
    assert all(not module._forward_hooks for module in learn.model.modules())


@pytest.mark.parametrize("batch", NO_PAIRS, ids=lambda batch: type(batch).__name__)
@pytest.mark.parametrize("act", ["fit", "validate", "get_preds"])
def test_batch_that_is_no_pair_is_named(made, batch, act):
    learn = made([batch])
    with pytest.raises(ArgumentTypeError, match=r"A batch (is|has) .*it must be a pair \(input, target\)"):
        learn.fit(1) if act == "fit" else getattr(learn, act)()


@pytest.mark.parametrize("rows", [1, 2, 3, 5])
def test_uneven_data_train(rows):
    data = DataLoader(TensorDataset(torch.randn(rows, 2), torch.randn(rows, 1)), 2)
    learn = Learner(DataBunch(data, data, device="cpu"), nn.Linear(2, 1), loss_func=nn.MSELoss(), silent=True)
    learn.fit(1)
    assert math.isfinite(learn.validate()[0])


def test_batch_on_another_device_says_where_it_was_to_go(made):
    with pytest.raises(NotImplementedError) as caught:
        made([(X.to("meta"), Y.to("meta"))]).fit(1)
    assert "This happened when a batch was moved to the device cpu." in in_full(caught.value)


def test_error_in_the_model_says_what_went_in(made):
    with pytest.raises(RuntimeError) as caught:
        made([(torch.ones(4, 3), Y)]).fit(1)
    assert "in the model Sequential with a tensor of shape (4, 3) and type float32" in in_full(caught.value)


# --- parts of a learner -------------------------------------------------------------------------------------

THINGS = [0, 1, -1.0, math.nan, "x", b"x", [], [1], {}, {"a": 1}, (), True, 1j, np.ones(2), ...]
PARTS = {
    "loss_func": (lambda learn, x: setattr(learn, "loss_func", x), "loss_func is "),
    "opt_func": (lambda learn, x: (setattr(learn, "opt_func", x), delattr(learn, "opt")), "opt_func is "),
    "data": (lambda learn, x: setattr(learn, "data", x), "data is "),
    "callback_fns": (lambda learn, x: learn.callback_fns.append(x), "callback_fns"),
    "metrics": (lambda learn, x: learn.metrics.append(x), "metrics"),
    "callbacks": (lambda learn, x: learn.callbacks.append(x), "callbacks"),
}


@pytest.mark.parametrize("thing", THINGS, ids=repr)
@pytest.mark.parametrize("part", PARTS)
def test_thing_that_cannot_be_a_part_is_named(made, part, thing):
    learn = made()
    put, word = PARTS[part]
    put(learn, thing)
    weights = str(list(learn.model.parameters()))
    with pytest.raises((ArgumentTypeError, NotACallbackError), match=f"^{word}"):
        learn.fit(1, 0.02)
    assert str(list(learn.model.parameters())) == weights


@pytest.mark.parametrize("part", ["metrics", "callbacks", "of the fit"])
def test_listener_that_cannot_be_one_is_refused_before_anything_changes(made, part):
    learn = made()
    before = (learn.opt.lr, learn.opt.wd, learn.recorder)
    learn.metrics += [3] if part == "metrics" else []
    learn.callbacks += [3] if part == "callbacks" else []
    with pytest.raises((ArgumentTypeError, NotACallbackError), match=r"\[0\] is 3"):
        learn.fit(1, 0.5, 0.7, callbacks=[3] if part == "of the fit" else None)
    assert (learn.opt.lr, learn.opt.wd, learn.recorder) == before


@pytest.mark.parametrize("thing", [*THINGS, nn.Linear, None], ids=repr)
def test_thing_that_cannot_be_a_model_is_named(made, thing):
    with pytest.raises(ArgumentTypeError, match="^model is .*instance of torch.nn.Module"):
        Learner(made().data, thing)


@pytest.mark.parametrize("value", ["x", b"x", [0.1], (), {}, slice(1)], ids=repr)
def test_metric_that_returns_no_number_is_named(made, value):
    learn = made([(X, Y)], metrics=[lambda output, target: value])
    learn.metrics[0].__name__ = "odd"
    with pytest.raises(ArgumentTypeError, match="The metric odd returned .*a number"):
        learn.fit(1)


def test_loss_without_a_gradient_is_named(made):
    with pytest.raises(LossShapeError, match="has no gradient.*does not require grad"):
        made(loss_func=lambda output, target: F.mse_loss(output.detach(), target))


# --- what callbacks return ----------------------------------------------------------------------------------

KEYS = (
    "epoch", "iteration", "num_batch", "n_epochs", "skip_validate", "stop_training", "stop_epoch", "skip_bwd",
    "skip_step", "skip_zero", "last_input", "last_target", "last_output", "last_loss", "last_metrics",
    "train", "nonsense", 1,
)  # fmt: skip
VALUES = [
    0, 1, -1, 2.0, 0.5, math.nan, True, None, "x", [], [1], {}, torch.tensor(1), torch.tensor(math.nan),
    torch.tensor([1.0, 2.0]), np.array([1, 2]), np.float32(1), X, Y, object(),
]  # fmt: skip


class Answers(Callback):
    """Returns a value at an event, once."""

    def __init__(self, event, value):
        self.left = [value]
        setattr(self, f"on_{event}", lambda **state: self.left.pop() if self.left else None)


@settings(QUICK, max_examples=150)
@given(
    event=st.sampled_from(list(EVENTS)),
    answer=st.one_of(
        st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), min_size=1, max_size=2),
        st.sampled_from(VALUES),
    ),
)
@pytest.mark.filterwarnings("ignore")
def test_odd_answers_act_or_are_refused_in_words(made, event, answer):
    learn = made()
    modes = [part.training for part in learn.model.modules()]
    kept = (learn.loss_func, learn.data.train_dl, learn.model, learn.opt)
    error = error_of(lambda: learn.fit(2, 0.01, callbacks=Answers(event, answer)))
    if error is not None:
        assert is_in_words(error) or "isn't a valid key in the state" in str(error), repr(error)
        assert event == "train_end" or [part.training for part in learn.model.modules()] == modes
    assert kept == (learn.loss_func, learn.data.train_dl, learn.model, learn.opt)
    learn.fit(1, 0.01)
