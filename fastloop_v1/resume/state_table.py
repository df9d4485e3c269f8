"""Live objects written down as a table of plain values and tensors, so that they can be put back exactly.

Each object with an identity is one entry, and whoever holds it refers to it by number: two names of one list
stay two names of one list. Nothing is said of code: functions, classes, files and the like are only marked
as being there.
"""

from __future__ import annotations

import array
import collections
import enum
import inspect
import io
import logging
import math
import random
import sys
import threading
import types
import weakref
from collections.abc import Callable, Collection, Generator, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePath
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from ..lazy_tensor import LazyTensor

__all__ = ["CONTAINERS", "MODULE_PARTS", "StateTable", "StateWriter", "attributes_of", "class_name"]

CONTAINERS: Mapping[str, type] = {
    "builtins.list": list,
    "builtins.dict": dict,
    "builtins.set": set,
    "builtins.bytearray": bytearray,
    "collections.OrderedDict": collections.OrderedDict,
    "collections.Counter": collections.Counter,
    "collections.deque": collections.deque,
}
_PACKAGE = __name__.partition(".")[0]
# Tensors up to so many bytes stand in the table itself.
_SMALL = 64
MODULE_PARTS = ("_parameters", "_buffers", "_modules")
_CODE = (
    *(types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.ModuleType, type, partial),
    *(types.MappingProxyType, inspect.Signature, logging.Logger),
    *(np.ufunc, weakref.ReferenceType, weakref.WeakSet, weakref.WeakKeyDictionary, RemovableHandle),
    *(io.IOBase, threading.Thread, type(threading.Lock()), type(threading.RLock()), types.GenericAlias),
)
# Whose objects are not looked into, unless they know `state_dict`.
_FOREIGN = frozenset(
    ("IPython", "PIL", "matplotlib", "mlflow", "numpy", "pandas", "sklearn", "torch", "tqdm")
)
_FOREIGN_SAFE = frozenset(("types", "dataclasses", "functools"))


def class_name(obj: object) -> str:
    """Return module and name of an object's class."""
    return f"{type(obj).__module__}.{type(obj).__qualname__}"


def attributes_of(obj: Any) -> dict[str, Any]:
    """Return what an object holds by name, less what the class says belongs to the process."""
    found = dict(getattr(obj, "__dict__", {}))
    for cls in type(obj).__mro__:
        slots = cls.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in ("__dict__", "__weakref__") and hasattr(obj, name):
                found[name] = getattr(obj, name)
    if isinstance(obj, Optimizer) and "param_groups" in found:
        # Parameters are met where they can be told apart before they are met as keys.
        found = {"param_groups": found["param_groups"], **found}
    left_out = getattr(type(obj), "of_this_process", ())
    machinery = isinstance(obj, (nn.Module, Optimizer))
    return {
        name: value
        for name, value in found.items()
        if name not in left_out and not (machinery and name.startswith("_") and "hook" in name)
    }


@dataclass
class StateTable:
    """What `StateWriter` wrote.

    Attributes:
        roots: the values asked for, by name.
        entries: what they refer to, by number.
        tensors: tensors that are too large for an entry, by name, on the CPU.
        not_kept: places whose value is not written down and may matter, with its class.
    """

    roots: dict[str, Any] = field(default_factory=dict)
    entries: list[dict[str, Any]] = field(default_factory=list)
    tensors: dict[str, Tensor] = field(default_factory=dict)
    not_kept: list[str] = field(default_factory=list)

    def differences(self, other: StateTable) -> list[str]:
        """Return the places that are not the same, bit for bit, in another table."""
        roots = self.roots | other.roots
        found = [name for name in roots if not _alike(self.roots.get(name), other.roots.get(name))]
        pairs = zip(self.entries, other.entries, strict=False)
        found += [one["place"] for one, two in pairs if not _alike(one, two)]
        mine, theirs = self.tensors, other.tensors
        return found + [name for name in mine | theirs if not _same_bits(mine.get(name), theirs.get(name))]


def _alike(one: Any, two: Any) -> bool:
    """Whether two nodes say the same, wherever their tensors are and whatever belongs to the process."""
    if one == two:
        return True
    if isinstance(one, dict) and isinstance(two, dict):
        if "live" in one or "live" in two:
            return True
        names = (one.keys() | two.keys()) - {"device"}
        return all(_alike(one.get(name), two.get(name)) for name in names)
    if isinstance(one, list) and isinstance(two, list) and len(one) == len(two):
        return all(map(_alike, one, two))
    return any(isinstance(node, dict) and "live" in node for node in (one, two))


def _same_bits(one: Tensor | None, two: Tensor | None) -> bool:
    if one is None or two is None or one.dtype != two.dtype or one.shape != two.shape:
        return False
    return torch.equal(_as_bytes(one), _as_bytes(two))


def _as_bytes(tensor: Tensor) -> Tensor:
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8) if flat.numel() else flat.new_empty(0, dtype=torch.uint8)


class StateWriter:
    """Writes objects into a table.

    Args:
        live: objects that are not looked into: the new process has its own.
        live_types: classes of such objects.
        by_reference: whether tensors that need no copy for being written at once are taken as they are.
    """

    def __init__(
        self, live: Collection[object] = (), live_types: tuple[type, ...] = (), *, by_reference: bool = True
    ) -> None:
        self.table = StateTable()
        self.live_types, self.by_reference = live_types, by_reference
        self._live = {id(obj) for obj in live}
        self._numbers: dict[int, int] = {}
        # What was written stays until the table is done, so that no other object gets its identity.
        self._written: list[object] = list(live)
        self._kinds: list[tuple[type | tuple[type, ...], Callable[[Any, str], Any]]] = [
            ((tuple, torch.Size), self._tuple),
            (frozenset, lambda obj, place: {"frozenset": self._items(_sorted(obj), place)}),
            (np.generic, lambda obj, place: {"numpy": obj.dtype.str, "hex": obj.tobytes().hex()}),
            (complex, lambda obj, place: {"complex": [repr(obj.real), repr(obj.imag)]}),
            (bytes, lambda obj, place: {"bytes": obj.hex()}),
            (torch.dtype, lambda obj, place: {"dtype": str(obj).removeprefix("torch.")}),
            (torch.device, lambda obj, place: {"device": str(obj)}),
            (enum.Enum, lambda obj, place: {"enum": class_name(obj), "name": obj.name}),
            (PurePath, lambda obj, place: {"path": str(obj)}),
            ((range, slice), lambda obj, place: {type(obj).__name__: self._items(_ends(obj), place)}),
        ]

    def write(self, name: str, obj: Any) -> None:
        """Write one root."""
        self.table.roots[name] = self.value(obj, name)

    def write_inside(self, name: str, obj: Any) -> None:
        """Write one root, whatever its class."""
        self.table.roots[name] = self._numbered_entry(obj, name, self._object)

    def value(self, obj: Any, place: str) -> Any:
        """Return what stands for an object: itself if it is plain, a mark, or the number of its entry.

        Args:
            obj: any object.
            place: where it is, as `opt.param_groups.0.lr`.
        """
        kind = type(obj)
        if obj is None or kind in (bool, int, str):
            return obj
        if kind is float:
            return obj if math.isfinite(obj) else {"float": repr(obj)}
        # A proxy says of itself that it is what it stands for.
        if id(obj) in self._live or kind in weakref.ProxyTypes or isinstance(obj, (_CODE, self.live_types)):
            return {"live": class_name(obj)}
        if id(obj) in self._numbers:
            return {"ref": self._numbers[id(obj)]}
        for types_, write in self._kinds:
            if isinstance(obj, types_):
                return write(obj, place)
        return self._entry(obj, place)

    def _items(self, items: Any, place: str) -> list[Any]:
        return [self.value(item, f"{place}.{at}") for at, item in enumerate(items)]

    def _tuple(self, obj: Any, place: str) -> dict[str, Any]:
        named = {} if type(obj) is tuple else {"class": class_name(obj)}
        return {"tuple": self._items(obj, place), **named}

    # --- entries --------------------------------------------------------------------------------------------

    def _entry(self, obj: Any, place: str) -> dict[str, Any]:
        write = self._writer(obj)
        if write is None:
            self.table.not_kept.append(f"{place} ({class_name(obj)})")
            return {"opaque": class_name(obj)}
        return self._numbered_entry(obj, place, write)

    def _numbered_entry(
        self, obj: Any, place: str, write: Callable[[Any, str], dict[str, Any]]
    ) -> dict[str, Any]:
        number = self._numbers[id(obj)] = len(self.table.entries)
        self._written.append(obj)
        entry: dict[str, Any] = {"class": class_name(obj), "place": place}
        self.table.entries.append(entry)
        entry.update(write(obj, place))
        return {"ref": number}

    def _writer(self, obj: Any) -> Callable[[Any, str], dict[str, Any]] | None:
        if isinstance(obj, Tensor):
            return self._tensor if _is_dense(obj) else None
        simple: tuple[tuple[Any, Callable[[Any, str], dict[str, Any]]], ...] = (
            ((list, collections.deque), self._list),
            (set, lambda obj, place: {"kind": "set", "items": self._items(_sorted(obj), place)}),
            (dict, self._dict),
            ((bytearray, array.array), self._buffer),
            (np.ndarray, self._array),
            ((random.Random, np.random.RandomState, np.random.Generator, torch.Generator), self._generator),
        )
        for types_, write in simple:
            if isinstance(obj, types_):
                return write if not (isinstance(obj, np.ndarray) and obj.dtype.hasobject) else None
        if isinstance(obj, (nn.Module, Optimizer)):
            return self._object
        if hasattr(type(obj), "state_dict") and hasattr(type(obj), "load_state_dict"):
            knows_itself = type(obj).__module__.partition(".")[0] != _PACKAGE
            return self._state if knows_itself else self._object
        return self._object if _is_ours_to_see(obj) else None

    def _list(self, obj: Any, place: str) -> dict[str, Any]:
        longest = {"maxlen": obj.maxlen} if isinstance(obj, collections.deque) else {}
        return {"kind": "list", "items": self._items(obj, place), **longest, **self._own(obj, place)}

    def _dict(self, obj: Any, place: str) -> dict[str, Any]:
        items = [
            [
                self.value(key, f"{place}.key"),
                self.value(value, f"{place}.{key if type(key) in (str, int) else at}"),
            ]
            for at, (key, value) in enumerate(obj.items())
        ]
        return {"kind": "dict", "items": items, **self._own(obj, place)}

    def _own(self, obj: Any, place: str) -> dict[str, Any]:
        """What a container of a class of its own holds by name."""
        if class_name(obj) in CONTAINERS or not hasattr(obj, "__dict__"):
            return {}
        return {"attributes": self._attributes(obj, place)}

    def _attributes(self, obj: Any, place: str) -> dict[str, Any]:
        found = attributes_of(obj).items()
        parts = MODULE_PARTS if isinstance(obj, nn.Module) else ()
        return {
            name: self.value(value, place if name in parts else f"{place}.{name}") for name, value in found
        }

    def _object(self, obj: Any, place: str) -> dict[str, Any]:
        return {"kind": "object", "attributes": self._attributes(obj, place)}

    def _state(self, obj: Any, place: str) -> dict[str, Any]:
        state = obj.state_dict()
        self._written.append(state)
        return {"kind": "state", "state": self.value(state, f"{place}.state")}

    def _buffer(self, obj: Any, place: str) -> dict[str, Any]:
        code = {"typecode": obj.typecode} if isinstance(obj, array.array) else {}
        return {"kind": "buffer", **code, **self._bits(_from_bytes(bytes(obj)), place)}

    def _array(self, obj: Any, place: str) -> dict[str, Any]:
        bits = self._bits(_from_bytes(obj.tobytes()), place)
        return {"kind": "array", "dtype": obj.dtype.str, "shape": list(obj.shape), **bits}

    def _generator(self, obj: Any, place: str) -> dict[str, Any]:
        if isinstance(obj, random.Random):
            version, words, gauss = obj.getstate()
            state: Any = (version, np.array(words, dtype=np.uint64), gauss)
        elif isinstance(obj, torch.Generator):
            state = obj.get_state()
        else:
            state = obj.get_state() if isinstance(obj, np.random.RandomState) else obj.bit_generator.state
        self._written.append(state)
        return {"kind": "generator", "state": self.value(state, f"{place}.state")}

    # --- tensors --------------------------------------------------------------------------------------------

    def _tensor(self, obj: Tensor, place: str) -> dict[str, Any]:
        value = obj.value if isinstance(obj, LazyTensor) else obj
        grad = value.grad if value.is_leaf else None
        entry: dict[str, Any] = {
            "kind": "tensor",
            "class": "torch.nn.Parameter" if isinstance(obj, nn.Parameter) else "torch.Tensor",
            "dtype": str(value.dtype).removeprefix("torch."),
            "shape": list(value.shape),
            "device": str(value.device),
            "requires_grad": bool(value.requires_grad and value.is_leaf),
            "grad": self.value(grad, f"{place}.grad"),
        }
        return {**entry, **self._bits(value.detach(), place, is_weight=isinstance(obj, nn.Parameter))}

    def _bits(self, tensor: Tensor, place: str, *, is_weight: bool = False) -> dict[str, Any]:
        """What holds the content of a tensor: hexadecimal digits, or the name of a tensor."""
        size = tensor.numel() * tensor.element_size()
        if size == 0 or (size <= _SMALL and not is_weight):
            return {"hex": _as_bytes(tensor).numpy().tobytes().hex()}
        name = place
        while name in self.table.tensors:
            name += "'"
        lasting = self.by_reference or is_weight or place.startswith("opt.")
        self.table.tensors[name] = tensor if lasting else tensor.clone()
        return {"tensor": name}


def _from_bytes(content: bytes) -> Tensor:
    if not content:
        return torch.empty(0, dtype=torch.uint8)
    return torch.frombuffer(bytearray(content), dtype=torch.uint8)


def _is_dense(tensor: Tensor) -> bool:
    known = type(tensor) in (Tensor, nn.Parameter) or isinstance(tensor, LazyTensor)
    return known and tensor.layout is torch.strided and not (tensor.is_quantized or tensor.is_meta)


def _is_ours_to_see(obj: Any) -> bool:
    """Whether the attributes of an object are all there is to it."""
    root = type(obj).__module__.partition(".")[0]
    if isinstance(obj, (Iterator, Generator)) or root in _FOREIGN:
        return False
    if root in sys.stdlib_module_names and root not in (*_FOREIGN_SAFE, "__main__"):
        return False
    return hasattr(obj, "__dict__") or any(hasattr(cls, "__slots__") for cls in type(obj).__mro__[:-1])


def _sorted(items: Collection[Any]) -> list[Any]:
    return sorted(items, key=repr)


def _ends(obj: range | slice) -> tuple[Any, Any, Any]:
    return obj.start, obj.stop, obj.step
