"""Tensors kept by name beside a description of what holds them; memory that they share is kept once.

A shelf is written as `model.safetensors`, or as a file of `torch.save` without anything but tensors where
safetensors is not installed.
"""

from __future__ import annotations

import io
from collections.abc import Mapping
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from ..checkpoint import load_state
from ..errors import ArgumentError
from ..optional import optional_import

__all__ = ["SHELF_FILES", "TensorShelf", "Tensors", "placed_tensor", "read_shelf", "shelf_content"]

# By name of the file, the one that any torch reads last.
SHELF_FILES = ("model.safetensors", "model.pth")
_EXTRA = "safetensors"
# A tensor may repeat what it is kept in, by steps of 0; this many numbers it may always show.
_SHOWN = 1 << 24

Tensors = dict[str, Tensor]


class TensorShelf:
    """Takes tensors as they are met, and lays them out when all are known.

    Args:
        names: tensors that have names of their own, such as those of a model's state; all others are named
            for their place, which begins with a slash.
    """

    def __init__(self, names: Mapping[str, Tensor]) -> None:
        self._names = {id(tensor): name for name, tensor in reversed(list(names.items()))}
        self._taken: dict[tuple[str, int], list[tuple[dict[str, Any], Tensor, str]]] = {}

    def put(self, node: dict[str, Any], tensor: Tensor, path: str) -> None:
        """Take a tensor and let its description hold what it is; the name of what keeps it comes later.

        Raises:
            ArgumentError: it is no dense tensor of numbers.
        """
        if (
            type(tensor) not in (Tensor, nn.Parameter)
            or tensor.layout is not torch.strided
            or tensor.is_quantized
        ):
            raise ArgumentError(
                f"{path} is a {type(tensor).__name__} of layout {tensor.layout}; allowed are dense ones."
            )
        node["tensor"] = None
        if isinstance(tensor, nn.Parameter):
            node["parameter"] = True
        if tensor.requires_grad:
            node["requires_grad"] = True
        memory = str(tensor.device), tensor.untyped_storage().data_ptr() or id(tensor)
        self._taken.setdefault(memory, []).append((node, tensor, path))

    def layout(self) -> Tensors:
        """Return the tensors by name, on the CPU and without gaps, and finish their descriptions."""
        found: Tensors = {}
        for users in self._taken.values():
            kept = _keeper([tensor for _, tensor, _ in users])
            node, tensor, path = users[0]
            name = self._names.get(id(tensor), f"/{path.lstrip('/')}")
            while name in found:
                name += "'"
            found[name] = kept.detach().cpu().contiguous().clone()
            for node, tensor, _ in users:
                _finish(node, tensor, kept, name)
        return found


def _finish(node: dict[str, Any], tensor: Tensor, kept: Tensor, name: str) -> None:
    """Let the description of a tensor tell what it is of the one that is kept."""
    node["tensor"] = name
    if tensor.dtype != kept.dtype:
        raise ArgumentError(f"{name} is the memory of tensors of two types, which is not written.")
    if not _same_view(tensor, kept):
        node["shape"], node["stride"] = list(tensor.shape), list(tensor.stride())
        node["offset"] = tensor.storage_offset() - kept.storage_offset()


def _keeper(tensors: list[Tensor]) -> Tensor:
    """Return the one tensor, or a flat one with all the memory of several that show it differently."""
    first = tensors[0].detach()
    if all(_same_view(first, other) for other in tensors):
        return first
    start = min(tensor.storage_offset() for tensor in tensors)
    end = max(_end(tensor) for tensor in tensors)
    return first.as_strided((max(end - start, 0),), (1,), start)


def _end(tensor: Tensor) -> int:
    start = int(tensor.storage_offset())
    if not tensor.numel():
        return start
    steps = zip(tensor.shape, tensor.stride(), strict=True)
    return start + 1 + sum((length - 1) * step for length, step in steps)


def _same_view(one: Tensor, other: Tensor) -> bool:
    return (one.dtype, one.shape, one.stride(), one.storage_offset()) == (
        *(other.dtype, other.shape, other.stride()),
        other.storage_offset(),
    )


def shelf_content(tensors: Tensors) -> tuple[str, bytes]:
    """Return the name and the bytes of a file with these tensors."""
    try:
        save = optional_import("safetensors.torch", _EXTRA).save
    except ImportError:
        file = io.BytesIO()
        torch.save(tensors, file)
        return SHELF_FILES[1], file.getvalue()
    content: bytes = save(tensors, {"format": "pt"})
    return SHELF_FILES[0], content


def read_shelf(name: str, content: bytes, device: torch.device) -> Tensors:
    """Return the tensors in a file of `shelf_content`.

    Raises:
        MissingExtraError: safetensors wrote it and is not installed.
        ValueError, RefusedFileError: it holds anything else than tensors by name, or is damaged.
    """
    if name == SHELF_FILES[1]:
        found = load_state(io.BytesIO(content), device)
        if type(found) is not dict or not all(type(each) is Tensor for each in found.values()):
            raise ValueError("it holds something else than tensors by name")
        return found
    load = optional_import("safetensors.torch", _EXTRA).load
    refused: type[Exception] = optional_import("safetensors", _EXTRA).SafetensorError
    try:
        return {key: tensor.to(device) for key, tensor in load(content).items()}
    except refused as error:
        raise ValueError(str(error)) from error


def placed_tensor(node: Mapping[str, Any], tensors: Tensors) -> Tensor:
    """Return the tensor that a description names, over the memory of the one that is kept.

    Raises:
        KeyError: there is none of that name.
        TypeError, ValueError: it is described as what it cannot be.
    """
    kept = tensors[node["tensor"]].detach()
    if "shape" in node:
        kept = _part(kept, node["shape"], node["stride"], node["offset"])
    wants_grad = node.get("requires_grad", False)
    if type(wants_grad) is not bool or (wants_grad and not (kept.is_floating_point() or kept.is_complex())):
        raise TypeError(f"the tensor {node['tensor']} cannot have gradients of {wants_grad!r}")
    if node.get("parameter") is True:
        return nn.Parameter(kept, wants_grad)
    return kept.requires_grad_(wants_grad)


def _part(kept: Tensor, shape: Any, stride: Any, offset: Any) -> Tensor:
    numbers = [*shape, *stride, offset]
    if not all(type(number) is int and number >= 0 for number in numbers) or len(shape) != len(stride):
        raise TypeError("the shape, stride or offset of a tensor is no list of counts")
    shown = prod(shape)
    last = sum((length - 1) * step for length, step in zip(shape, stride, strict=True)) if shown else -1
    if offset + last >= kept.numel() or shown > max(kept.numel(), _SHOWN):
        raise ValueError(f"a tensor of shape {tuple(shape)} does not fit what is kept of it")
    return kept.as_strided(tuple(shape), tuple(stride), offset)
