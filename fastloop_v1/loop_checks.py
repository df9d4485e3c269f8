"""What the loop refuses, early and in words: no batch, no loss function, a loss without a single value."""

from __future__ import annotations

from typing import Any

import torch

from .errors import EmptyLoaderError, LossShapeError, MissingLossError, add_note

__all__ = ["check_batches", "check_loss", "compute_loss", "require_loss"]


def require_loss(loss_func: Any) -> None:
    """See that there is a loss function.

    Raises:
        MissingLossError: it is None.
    """
    if loss_func is None:
        raise MissingLossError(
            "loss_func is None; give the Learner a function of (output, target), such as F.mse_loss."
        )


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
        LossShapeError: it is not a tensor of one element.
    """
    if not isinstance(loss, torch.Tensor) or loss.numel() != 1:
        raise _no_number(loss)
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
