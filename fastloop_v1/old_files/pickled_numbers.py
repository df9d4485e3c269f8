"""Arrays and tensors as pickles spell them out, made again from checked parts.

`NUMBER_CALLS` holds, by dotted name, what answers a call that a pickle asks for. No answer reads or makes
more memory than the parts it is given hold; what does not fit is a ValueError or TypeError.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.storage import TypedStorage

from .pickled_containers import checked_state

__all__ = ["NUMBER_CALLS", "set_array", "set_dtype"]

_Dtype = np.dtype[Any]

_NUMBERS, _TEXTS, _OBJECTS = "biufc", "US", "O"
_OBJECT_TYPES = (type(None), bool, int, float, complex, str, bytes)
_LATER_TYPES = {
    each
    for name, each in vars(torch).items()
    if isinstance(each, torch.dtype) and name.startswith(("float8", "uint"))
}
# A tensor may repeat what its storage holds, by steps of 0; this many numbers it may always show.
_SHOWN = 1 << 24


def _dtype(code: Any, *flags: Any) -> _Dtype:
    if type(code) is not str:
        raise TypeError("an array type has no plain name")
    made: _Dtype = np.dtype(code, align=False, copy=True)  # a copy: its state is set below
    if made.kind not in _NUMBERS + _TEXTS + _OBJECTS or not made.itemsize:
        raise ValueError(f"arrays of type {code!r} are not read")
    return made


def set_dtype(dtype: _Dtype, state: Any) -> None:
    """Set the byte order, which is all that the state of such a type tells.

    Raises:
        ValueError: there is no such byte order.
    """
    order = state[1]
    if order not in ("<", ">", "|", "="):
        raise ValueError(f"{order!r} is no byte order")
    dtype.__setstate__(dtype.newbyteorder(order).__reduce__()[2])  # type: ignore[attr-defined]


def _scalar(dtype: Any, data: Any) -> Any:
    if not isinstance(dtype, np.dtype) or dtype.kind not in _NUMBERS + _TEXTS or type(data) is not bytes:
        raise TypeError("a number has no plain type")
    if len(data) != dtype.itemsize:
        raise ValueError(f"a number of type {dtype} comes in {len(data)} bytes")
    return np.frombuffer(data, dtype).astype(dtype.newbyteorder("="))[0]


def _empty_array(kind: Any, shape: Any, code: Any) -> NDArray[Any]:
    if kind is not np.ndarray or shape != (0,):
        raise TypeError("an array is of a special kind")
    return np.empty(0, np.int8)


def set_array(array: NDArray[Any], state: Any) -> None:
    """Give an empty array its shape, type and content.

    Raises:
        TypeError: its members are neither numbers, texts nor plain objects.
        ValueError: the content does not fit the shape.
    """
    _, shape, dtype, fortran, content = state
    if not isinstance(dtype, np.dtype) or type(fortran) is not bool:
        raise TypeError("an array has no plain type")
    count = prod(_lengths(shape))
    if dtype.kind in _OBJECTS:
        if type(content) is not list or not all(type(member) in _OBJECT_TYPES for member in content):
            raise TypeError("an array holds something else than plain objects")
        expected = count
    else:
        if type(content) is not bytes:
            raise TypeError("the content of an array is no bytes")
        expected = count * dtype.itemsize
    if len(content) != expected:
        raise ValueError(f"the content of an array does not fit its shape {shape}")
    array.__setstate__((1, shape, dtype, fortran, content))  # type: ignore[arg-type]


def _ufunc(module: Any, name: Any) -> Any:
    if module != "numpy" or name not in ("greater", "less"):
        raise ValueError(f"{module}.{name} is not read")
    return getattr(np, name)


def _lengths(found: Any) -> tuple[int, ...]:
    if type(found) not in (tuple, torch.Size) or not all(type(n) is int and n >= 0 for n in found):
        raise TypeError("a shape is no tuple of lengths")
    return tuple(found)


def _size(found: Any = ()) -> torch.Size:
    return torch.Size(_lengths(found))


def _device(kind: Any, index: Any = None) -> torch.device:
    if type(kind) is not str or type(index) not in (int, type(None)):
        raise TypeError("a device has no name")
    return torch.device(kind) if index is None else torch.device(kind, index)


def _tensor(storage: Any, offset: Any, size: Any, stride: Any, *more: Any) -> Tensor:
    """Return a tensor over a storage.

    Its hooks are left out, as torch leaves them out when it saves; what may come after them must be empty.
    """
    shape, steps = _lengths(size), _lengths(stride)
    requires_grad, _, *rest = [*more, False, None][: max(len(more), 2)]
    if not isinstance(storage, TypedStorage) or type(offset) is not int or type(requires_grad) is not bool:
        raise TypeError("a tensor has no storage")
    numbers = storage._untyped_storage
    held, shown = numbers.nbytes() // storage.dtype.itemsize, prod(shape)
    last = sum((length - 1) * step for length, step in zip(shape, steps, strict=True)) if shown else -1
    if not 0 <= offset <= held - 1 - last or shown > max(held, _SHOWN) or any(rest):
        raise ValueError(f"a tensor of shape {shape} does not fit its storage")
    empty = torch.empty(0, dtype=storage.dtype, device=numbers.device)
    return empty.set_(numbers, offset, shape, steps).requires_grad_(requires_grad)


def _tensor_of_bytes(storage: Any, offset: Any, *more: Any) -> Tensor:
    """Return a tensor over a storage of bytes, in which types without a storage of their own are kept."""
    size, stride, requires_grad, _, dtype, *rest = more
    if not isinstance(dtype, torch.dtype) or dtype not in _LATER_TYPES or any(rest):
        raise TypeError(f"a tensor of type {dtype} is not read")
    numbers: TypedStorage = TypedStorage(  # type: ignore[no-untyped-call]
        wrap_storage=storage._untyped_storage, dtype=dtype, _internal=True
    )
    return _tensor(numbers, offset, size, stride, requires_grad)


def _parameter(data: Any, requires_grad: Any, hooks: Any = None) -> nn.Parameter:
    if type(data) is not Tensor:
        raise TypeError("a parameter is no tensor")
    return nn.Parameter(data, bool(requires_grad))


def _with_state(made: Tensor, state: Any) -> Tensor:
    made.__dict__.update(checked_state(state))
    return made


def _parameter_with_state(data: Any, requires_grad: Any, hooks: Any, state: Any) -> Tensor:
    return _with_state(_parameter(data, requires_grad), state)


def _tensor_with_state(function: Any, kind: Any, arguments: Any, state: Any) -> Tensor:
    if function is not _tensor or kind is not Tensor:
        raise TypeError("a tensor is of a special kind")
    return _with_state(_tensor(*arguments), state)


def _no_backend() -> None:
    """Stands for a function that torch before 1.4 put into every module."""


NUMBER_CALLS: dict[str, Callable[..., Any]] = {
    "numpy.dtype": _dtype,
    "numpy.core._ufunc_reconstruct": _ufunc,
    "numpy.core.multiarray._reconstruct": _empty_array,
    "numpy.core.multiarray.scalar": _scalar,
    "torch.Size": _size,
    "torch.device": _device,
    "torch._tensor._rebuild_from_type_v2": _tensor_with_state,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter_with_state,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor_of_bytes,
    "torch.nn.backends.thnn._get_thnn_function_backend": _no_backend,
}
