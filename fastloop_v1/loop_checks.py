"""What the loop refuses, early and in words: no batch, no pair, no loss function, no single loss."""

from __future__ import annotations

from typing import Any

import torch

from .errors import ArgumentTypeError, EmptyLoaderError, LossShapeError, MissingLossError, add_note
from .signals import CancelSignal

__all__ = ["as_pair", "check_batches", "check_loss", "check_model", "compute_loss", "outputs", "require_loss"]


def check_model(model: Any) -> Any:
    """Return a model if it can be one.

    Raises:
        ArgumentTypeError: it is no module of torch and has no `to` and `children` as those have.
    """
    if isinstance(model, type) or not all(hasattr(model, name) for name in ("to", "children", "parameters")):
        raise ArgumentTypeError(f"model is {model!r}; it must be an instance of torch.nn.Module.")
    return model


def as_pair(batch: Any) -> tuple[Any, Any]:
    """Return input and target of a batch.

    Raises:
        ArgumentTypeError: it is no pair.
    """
    if type(batch) not in (list, tuple):
        if isinstance(batch, (dict, str, bytes)) or not hasattr(batch, "__iter__"):
            raise ArgumentTypeError(f"A batch is {_shape(batch)}; it must be a pair (input, target).")
        batch = list(batch)
    if len(batch) != 2:
        raise ArgumentTypeError(
            f"A batch has {len(batch)} parts, {_shape(batch)}; it must be a pair (input, target). "
            "Several inputs or targets go into a list: ([x1, x2], y)."
        )
    return batch[0], batch[1]


def outputs(model: Any, xb: list[Any]) -> Any:
    """What a model makes of a batch; an error in it gets a note with what went in."""
    try:
        return model(*xb)
    except CancelSignal:
        raise
    except Exception as error:
        given = ", ".join(map(_shape, xb))
        add_note(error, f"This happened in the model {_name(model)} with {given} as input.")
        raise


def require_loss(loss_func: Any) -> None:
    """See that there is a loss function.

    Raises:
        MissingLossError: it is None.
        ArgumentTypeError: it cannot be called.
    """
    if loss_func is None:
        raise MissingLossError(
            "loss_func is None; give the Learner a function of (output, target), such as F.mse_loss."
        )
    if not callable(loss_func):
        raise ArgumentTypeError(f"loss_func is {loss_func!r}; it must be a function of (output, target).")


def check_batches(dl: Any) -> None:
    """See that a training loader has a batch; one that does not know its length is let through.

    Raises:
        EmptyLoaderError: it has none.
    """
    try:
        batches = len(dl)
    except TypeError:
        return
    if batches == 0:
        dataset = getattr(dl, "dataset", ())
        raise EmptyLoaderError(
            "Your training dataloader is empty, can't train a model. Use a smaller batch size "
            f"(batch size={getattr(dl, 'batch_size', None)} for {len(dataset)} elements)."
        )


def compute_loss(loss_func: Any, out: Any, yb: list[Any]) -> Any:
    """The loss of a batch; an error in it gets a note with the shapes that went in.

    Raises:
        LossShapeError: the loss is not a tensor.
    """
    try:
        loss = loss_func(out, *yb)
    except Exception as error:
        shapes = f"an output of {_shape(out)} and a target of {', '.join(_shape(y) for y in yb)}"
        add_note(error, f"This happened in the loss function {_name(loss_func)} with {shapes}.")
        raise
    if not isinstance(loss, torch.Tensor):
        raise _no_number(loss)
    return loss


def check_loss(loss: Any) -> Any:
    """Return the loss if one can go backward from it.

    Raises:
        LossShapeError: it is not a tensor of one element, or has no gradient.
    """
    if not isinstance(loss, torch.Tensor) or loss.numel() != 1:
        raise _no_number(loss)
    if not loss.requires_grad:
        raise LossShapeError(
            "The loss has no gradient (it does not require grad and does not have a grad_fn): nothing it was "
            "computed from is trained. Is all of the model frozen, or was an output detached?"
        )
    return loss


def _no_number(loss: Any) -> LossShapeError:
    return LossShapeError(
        f"The loss is {_shape(loss)}, but training needs a tensor of a single number "
        "(grad can be implicitly created only for scalar outputs); reduce it, for example by its mean."
    )


def _shape(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return f"a tensor of shape {tuple(value.shape)} and type {str(value.dtype).removeprefix('torch.')}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_shape(item) for item in value)}]"
    return f"a {type(value).__name__}"


def _name(function: Any) -> str:
    return getattr(function, "__name__", None) or type(function).__name__
