from __future__ import annotations

import re
import traceback
from functools import partial
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from fastloop_v1.errors import ArgumentTypeError, EmptyLoaderError, LossShapeError, MissingLossError
from fastloop_v1.loop_checks import (
    as_pair,
    check_batches,
    check_loss,
    check_model,
    compute_loss,
    outputs,
    require_loss,
)
from fastloop_v1.signals import CancelBatchException

# --- loss function ----------------------------------------------------------------------------------------


def test_loss_function_is_there():
    assert require_loss(F.mse_loss) is None


def test_missing_loss_function_is_refused():
    with pytest.raises(MissingLossError, match="loss_func is None; give the Learner a function") as caught:
        require_loss(None)
    assert isinstance(caught.value, TypeError)


# --- batches ----------------------------------------------------------------------------------------------


class Stream(IterableDataset):
    """Data without a length."""

    def __iter__(self):
        return iter([(torch.zeros(1), torch.zeros(1))])


@pytest.mark.parametrize(
    "dl",
    [[1], DataLoader(TensorDataset(torch.ones(3))), DataLoader(Stream()), iter([1]), (item for item in [])],
    ids=["list", "loader", "stream", "iterator", "generator"],
)
def test_loader_with_batches_or_without_length_is_let_through(dl):
    assert check_batches(dl) is None


@pytest.mark.parametrize(
    ("dl", "text"),
    [
        (
            DataLoader(TensorDataset(torch.ones(3)), batch_size=4, drop_last=True),
            "(batch size=4 for 3 elements).",
        ),
        ([], "(batch size=None for 0 elements)."),
    ],
    ids=["batch size above the data", "empty list"],
)
def test_empty_loader_is_refused_with_its_sizes(dl, text):
    with pytest.raises(EmptyLoaderError, match=re.escape(text)) as caught:
        check_batches(dl)
    assert str(caught.value).startswith("Your training dataloader is empty, can't train a model.")
    assert isinstance(caught.value, AssertionError)


# --- the loss ---------------------------------------------------------------------------------------------


def shown(error):
    """What stands below a traceback."""
    return "".join(traceback.format_exception_only(error))


def test_loss_is_computed_of_output_and_targets():
    def loss_func(out, first, second):
        return torch.tensor([out, first, second])

    assert compute_loss(loss_func, 1, [2, 3]).tolist() == [1, 2, 3]


@pytest.mark.parametrize("loss", [1.5, None, (torch.tensor(1.0),)], ids=["float", "none", "tuple"])
def test_loss_that_is_no_tensor_is_refused_at_once(loss):
    with pytest.raises(LossShapeError, match="training needs a tensor of a single number"):
        compute_loss(lambda out, target: loss, 1, [2])


@pytest.mark.parametrize(
    ("loss_func", "name"),
    [
        (F.cross_entropy, "cross_entropy"),
        (nn.CrossEntropyLoss(), "CrossEntropyLoss"),
        (partial(F.cross_entropy), "partial"),
    ],
    ids=["function", "object", "partial"],
)
def test_error_in_the_loss_tells_the_shapes(loss_func, name):
    out, target = torch.zeros(4, 2), torch.zeros(3, dtype=torch.long)
    with pytest.raises(ValueError, match="batch_size") as caught:
        compute_loss(loss_func, out, [target])
    assert (
        shown(caught.value)
        .rstrip()
        .endswith(
            f"This happened in the loss function {name} with an output of a tensor of shape (4, 2) and type "
            "float32 and a target of a tensor of shape (3,) and type int64."
        )
    )


def test_error_in_the_loss_tells_what_is_no_tensor():
    def loss_func(out, first, second):
        raise KeyError("mine")

    with pytest.raises(KeyError) as caught:
        compute_loss(loss_func, [torch.zeros(1), "a"], [1, (2.0,)])
    text = "[a tensor of shape (1,) and type float32, a str] and a target of a int, [a float]."
    assert text in shown(caught.value)


def test_error_in_the_loss_is_the_very_one():
    error = ValueError("mine")

    def loss_func(out, target):
        raise error

    with pytest.raises(ValueError, match="mine") as caught:
        compute_loss(loss_func, torch.zeros(1), [torch.zeros(1)])
    assert caught.value is error


@pytest.mark.parametrize(
    "loss", [torch.tensor(1.0), torch.ones(1), torch.ones(1, 1)], ids=["0-d", "1-d", "2-d"]
)
def test_loss_of_one_number_is_returned(loss):
    assert check_loss(loss.requires_grad_()) is loss


def test_loss_without_a_gradient_is_refused():
    with pytest.raises(LossShapeError, match="has no gradient .*does not require grad"):
        check_loss(torch.tensor(1.0))


@pytest.mark.parametrize(
    ("loss", "what"),
    [
        (torch.ones(2), "a tensor of shape (2,) and type float32"),
        (torch.ones(0), "a tensor of shape (0,) and type float32"),
        (1.5, "a float"),
        (None, "a NoneType"),
        ((torch.tensor(1.0),), "[a tensor of shape () and type float32]"),
        (SimpleNamespace(), "a SimpleNamespace"),
    ],
    ids=["two numbers", "no number", "float", "none", "tuple", "object"],
)
def test_loss_that_is_no_number_is_refused(loss, what):
    text = f"The loss is {what}, but training needs a tensor of a single number"
    with pytest.raises(LossShapeError, match=re.escape(text)) as caught:
        check_loss(loss)
    assert isinstance(caught.value, RuntimeError)
    assert "grad can be implicitly created only for scalar outputs" in str(caught.value)


def test_loss_error_keeps_the_cause_it_was_raised_with():
    cause = KeyError("weights")

    def failing(out, target):
        raise RuntimeError("no loss") from cause

    with pytest.raises(RuntimeError, match="no loss") as caught:
        compute_loss(failing, torch.ones(2), [torch.ones(2)])
    assert caught.value.__cause__ is cause


# --- model and batch ----------------------------------------------------------------------------------------


def test_model_is_returned():
    model = nn.Linear(1, 1)
    assert check_model(model) is model


@pytest.mark.parametrize("model", [None, 3, nn.Linear, torch.ones(1), [nn.Linear(1, 1)]])
def test_thing_that_is_no_model_is_refused(model):
    with pytest.raises(ArgumentTypeError, match="^model is .*an instance of torch.nn.Module"):
        check_model(model)


@pytest.mark.parametrize("batch", [(1, 2), [1, 2], torch.tensor([1, 2]), iter((1, 2))])
def test_pair_is_a_pair(batch):
    assert as_pair(batch) == (1, 2)


@pytest.mark.parametrize("batch", [None, 3, "ab", {"x": 1, "y": 2}, (1,), (1, 2, 3), torch.ones(3)])
def test_batch_that_is_no_pair_is_refused(batch):
    with pytest.raises(ArgumentTypeError, match=r"must be a pair \(input, target\)"):
        as_pair(batch)


def test_error_in_a_model_gets_a_note_with_its_input():
    with pytest.raises(RuntimeError) as caught:
        outputs(nn.Linear(2, 1), [torch.ones(4, 3)])
    expected = "This happened in the model Linear with a tensor of shape (4, 3) and type float32 as input."
    assert expected in "\n".join([str(caught.value), *getattr(caught.value, "__notes__", [])])


def test_signal_in_a_model_gets_no_note():
    def leave(x):
        raise CancelBatchException

    with pytest.raises(CancelBatchException) as caught:
        outputs(leave, [1])
    assert not hasattr(caught.value, "__notes__")


def test_loss_that_cannot_be_called_is_refused():
    with pytest.raises(ArgumentTypeError, match="^loss_func is 3; it must be a function"):
        require_loss(3)
