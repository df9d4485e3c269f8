"""Batches of nested lists, tuples and dicts: walking, detaching, moving, casting and collating them."""

from __future__ import annotations

from collections.abc import Callable, Sized
from contextlib import suppress
from functools import wraps
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import default_collate

from .defaults import defaults
from .items import ItemBase
from .sequences import LengthMismatchError, is_listy, recurse

__all__ = [
    "batch_to_half",
    "data_collate",
    "flatten_check",
    "grab_idx",
    "joined",
    "logit",
    "logit_",
    "model_type",
    "np2model_tensor",
    "np_address",
    "np_func",
    "pca",
    "tensor",
    "to_cpu",
    "to_data",
    "to_detach",
    "to_device",
    "to_float",
    "to_half",
    "to_np",
    "trange_of",
    "try_int",
    "without_graph",
]

_index_types = (torch.int64, torch.int32)
_LISTS = frozenset((list, tuple))
_CONTAINERS = _LISTS | {dict}
_PLAIN = _CONTAINERS | {Tensor, np.ndarray, np.float32, np.float64, np.int64, int, float, bool}


def tensor(x: Any, *rest: Any) -> Tensor:
    """Return a tensor of a number, an array or nested lists; several arguments make a vector.

    32-bit integers become 64-bit.
    """
    if rest:
        x = (x, *rest)
    if is_listy(x) and len(x) == 0:
        # v1: an empty list is the scalar 0.
        return torch.tensor(0)
    made = torch.tensor(x) if is_listy(x) else torch.as_tensor(x)
    return made.long() if made.dtype is torch.int32 else made


def to_detach(b: Any, cpu: bool = True) -> Any:
    """Return the batch with each tensor cut off from its graph and, unless told otherwise, on the CPU."""
    return recurse(_detached, b, cpu=cpu)


def _detached(x: Any, *, cpu: bool) -> Any:
    if not isinstance(x, Tensor):
        return x
    x = x.detach()
    return x.cpu() if cpu else x


def without_graph(b: Any) -> Any:
    """Return the batch with each tensor cut off from its graph, where it is."""
    if isinstance(b, Tensor):
        return b.detach() if b.requires_grad else b
    return to_detach(b, cpu=False)


def to_data(b: Any) -> Any:
    """Return the batch with each item of a data set replaced by its data, each tensor by a detached one."""
    return recurse(lambda x: x.data if isinstance(x, (ItemBase, Tensor)) else x, b)


def to_cpu(b: Any) -> Any:
    """Return the batch with each tensor on the CPU."""
    return recurse(lambda x: x.cpu() if isinstance(x, Tensor) else x, b)


def to_half(b: Any) -> Any:
    """Return the batch with each tensor in 16-bit floats; 32-bit and 64-bit integers stay."""
    return recurse(_cast, b, torch.float16)


def to_float(b: Any) -> Any:
    """Return the batch with each tensor in 32-bit floats; 32-bit and 64-bit integers stay."""
    return recurse(_cast, b, torch.float32)


def _cast(x: Any, dtype: torch.dtype) -> Any:
    return x.to(dtype) if isinstance(x, Tensor) and x.dtype not in _index_types else x


def batch_to_half(b: Any) -> list[Any]:
    """Return the batch as inputs in 16-bit floats and unchanged targets."""
    return [to_half(b[0]), b[1]]


def to_device(b: Any, device: torch.device | str | int | None) -> Any:
    """Return the batch on a device, `defaults.device` if None; what cannot be moved stays."""
    device = defaults.device if device is None else device
    if type(b) in _LISTS and getattr(device, "type", device) == "cpu" and all(map(_is_on_cpu, b)):
        return list(b)
    return recurse(lambda x: x.to(device, non_blocking=True) if hasattr(x, "to") else x, b)


def _is_on_cpu(x: Any) -> bool:
    return type(x) is Tensor and x.is_cpu


def data_collate(batch: Any) -> Any:
    """Return samples as one batch: items of data sets by their data, then stacked by PyTorch's own rule."""
    # That rule goes by the first sample too. What does not fit it, or comes with a graph, is made from data.
    if type(batch) is list and _is_plain(batch[:1]):
        with suppress(Exception):
            made = default_collate(batch)
            if _is_plain(made):
                return made
    return default_collate(to_data(batch))


def _is_plain(batch: Any) -> bool:
    """Whether `to_data` would give the same."""
    level = [batch]
    while level:
        with_graph = any(type(x) is Tensor and x.requires_grad for x in level)
        if with_graph or not _PLAIN.issuperset(map(type, level)):
            return False
        level = [x for b in level if type(b) in _CONTAINERS for x in (b.values() if type(b) is dict else b)]
    return True


def grab_idx(x: Any, i: int, batch_first: bool = True) -> Any:
    """Return sample `i` of each tensor of a batch, on the CPU.

    Args:
        x: tensors of shape (batch, ...), or nested lists of them.
        i: index of the sample.
        batch_first: False if the tensors are of shape (steps, batch, ...).
    """
    return recurse(lambda t: (t[i] if batch_first else t[:, i]).cpu(), x)


def joined(parts: Any) -> Any:
    """Return batches behind each other, tensor by tensor where a batch is a list of them."""
    if is_listy(parts[0]):
        return [joined(same) for same in zip(*parts, strict=True)]
    return torch.cat(list(parts))


def to_np(x: Any) -> Any:
    """Return tensors as arrays on the CPU; bfloat16, which numpy does not have, as float32."""
    return recurse(_array_of, x)


def _array_of(x: Tensor) -> NDArray[Any]:
    x = x.detach().cpu()
    array: NDArray[Any] = (x.float() if x.dtype is torch.bfloat16 else x).numpy()
    return array


def np_func(f: Callable[..., Any]) -> Callable[..., Tensor]:
    """Return `f`, which takes and gives arrays, as a function that takes and gives tensors."""

    @wraps(f)
    def on_tensors(*args: Any, **kwargs: Any) -> Tensor:
        arrays = [to_np(arg) if isinstance(arg, Tensor) else arg for arg in args]
        return tensor(f(*arrays, **kwargs))

    return on_tensors


def np_address(x: NDArray[Any]) -> int:
    """Return the address of the array's memory."""
    address: int = x.__array_interface__["data"][0]
    return address


def model_type(dtype: Any) -> torch.dtype | None:
    """Return what models take for a numpy type: float32 for floats, int64 for integers, else None."""
    if np.issubdtype(dtype, np.floating):
        return torch.float32
    return torch.int64 if np.issubdtype(dtype, np.integer) else None


def np2model_tensor(a: NDArray[Any]) -> Tensor:
    """Return an array as a tensor of a type that models take: float32, int64, or its own."""
    return torch.as_tensor(a).to(model_type(a.dtype))


def trange_of(x: Sized) -> Tensor:
    """Return the indices of `x` as a tensor."""
    return torch.arange(len(x))


def try_int(o: Any) -> Any:
    """Return a number, or an array or tensor of no dimension, as an int; anything else as it is."""
    if isinstance(o, (np.ndarray, Tensor)):
        return o if o.ndim else int(o)
    if isinstance(o, Sized):
        return o
    try:
        return int(o)
    except (TypeError, ValueError, OverflowError):
        return o


def flatten_check(out: Tensor, targ: Tensor) -> tuple[Tensor, Tensor]:
    """Return output and target as vectors.

    Raises:
        LengthMismatchError: they differ in number of elements; also an AssertionError.
    """
    out, targ = out.contiguous().view(-1), targ.contiguous().view(-1)
    if len(out) != len(targ):
        sizes = f"{len(out)} and {len(targ)}"
        raise LengthMismatchError(
            f"Expected output and target to have the same number of elements but got {sizes}."
        )
    return out, targ


def logit(x: Tensor) -> Tensor:
    """Return `log(x / (1 - x))` of probabilities, first clamped to 1e-7 from 0 and 1."""
    return logit_(x.clone())


def logit_(x: Tensor) -> Tensor:
    """Replace probabilities by their `logit`, in place."""
    return x.clamp_(1e-7, 1 - 1e-7).reciprocal_().sub_(1).log_().neg_()


def pca(x: Tensor, k: int = 2, center: bool = True) -> Tensor:
    """Project rows on the `k` directions of largest variance.

    Args:
        x: of shape (rows, features).
        k: number of directions.
        center: subtract the mean of each feature first.

    Returns:
        Tensor of shape (rows, k), from the singular value decomposition of the transposed rows.
    """
    if center:
        x = x - x.mean(0)
    directions: Tensor = torch.linalg.svd(x.t(), full_matrices=False).U[:, :k]
    return x @ directions
