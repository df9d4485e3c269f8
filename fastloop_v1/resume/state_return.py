"""A table of `state_table` put back into live objects, which stay the objects they are.

Nothing is made that the table could choose: an object of a class is filled where the new process has one of
that class at the same place; containers, tensors, numbers and a few of our own records are made anew.
"""

from __future__ import annotations

import array
import collections
import enum
import random
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MemberDescriptorType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ..errors import FastloopError
from .random_state import has_device
from .state_table import CONTAINERS, MODULE_PARTS, StateTable, attributes_of, class_name

__all__ = ["MISSING", "MismatchError", "StateReturn"]


class MismatchError(FastloopError, RuntimeError):
    """A saved state does not fit the objects it should go into; nothing was changed."""


class _Missing:
    """Stands for what is not there."""


MISSING: Any = _Missing()


class StateReturn:
    """Works out what to change in live objects, and then changes it.

    Args:
        table: the saved state.
        makes: classes of plain records that may be made anew, by their full name.
        strict: first parts of places where everything has to fit, such as `model`.

    Attributes:
        problems: places that could not be put back, with the reason.
    """

    def __init__(
        self, table: StateTable, makes: Mapping[str, type] | None = None, strict: tuple[str, ...] = ()
    ) -> None:
        self.table, self.makes, self.strict = table, makes or {}, strict
        self.problems: list[str] = []
        self._fatal: list[str] = []
        self._made: dict[int, Any] = {}
        self._taken: set[int] = set()
        self._kept_alive: list[Any] = []
        self._memory: set[int] = set()
        self._actions: list[Callable[[], object]] = []

    def reserve(self, tensors: Iterable[Tensor]) -> None:
        """Let nothing but these tensors themselves be put into their memory, whoever else shows it."""
        self._memory |= {_memory(tensor) for tensor in tensors}

    def root(self, name: str, live: Any = MISSING) -> Any:
        """Return a root as it will be once `apply` was called: the live object, filled, or a new one."""
        return self._value(self.table.roots[name], live, name)

    def apply(self) -> None:
        """Change the live objects.

        Raises:
            MismatchError: a place that has to fit does not; nothing was changed.
        """
        if self._fatal:
            shown = "; ".join(self._fatal[:5])
            raise MismatchError(f"The saved state does not fit: {shown}. Nothing was changed.")
        for action in self._actions:
            action()

    def _problem(self, place: str, text: str) -> None:
        listed = self._fatal if place.startswith(self.strict or "\0") else self.problems
        listed.append(f"{place} {text}")

    # --- values ---------------------------------------------------------------------------------------------

    def _value(self, node: Any, live: Any, place: str) -> Any:
        if not isinstance(node, dict):
            return node
        if "ref" in node:
            return self._entry(node["ref"], live, place)
        if "live" in node:
            return live
        if "opaque" in node:
            self.problems.append(f"{place} is a {node['opaque']}, whose state is not kept")
            return live
        return self._plain(node, live, place)

    def _plain(self, node: dict[str, Any], live: Any, place: str) -> Any:
        kind = next(iter(node))
        content = node[kind]
        if kind == "tuple":
            return self._tuple(node, live, place)
        if kind == "enum":
            return self._member(node, live, place)
        if kind in ("frozenset", "range", "slice"):
            items = self._items(content, (), place)
            return frozenset(items) if kind == "frozenset" else (range if kind == "range" else slice)(*items)
        simple: dict[str, Callable[[], Any]] = {
            "float": lambda: float(content),
            "complex": lambda: complex(*map(float, content)),
            "numpy": lambda: np.frombuffer(bytes.fromhex(node["hex"]), dtype=np.dtype(content))[0],
            "bytes": lambda: bytes.fromhex(content),
            "dtype": lambda: getattr(torch, content),
            "device": lambda: torch.device(content),
            "path": lambda: Path(content),
        }
        return simple[kind]()

    def _items(self, nodes: list[Any], live: Any, place: str) -> list[Any]:
        """The items that are there; `live` are those that stand at the same positions now."""
        values = [
            self._value(node, live[at] if at < len(live) else MISSING, f"{place}.{at}")
            if isinstance(node, dict)
            else node
            for at, node in enumerate(nodes)
        ]
        if any(value is MISSING for value in values):
            self.problems.append(f"{place} held code or objects that are not there")
        return [value for value in values if value is not MISSING]

    def _tuple(self, node: dict[str, Any], live: Any, place: str) -> Any:
        items = self._items(node["tuple"], live if isinstance(live, tuple) else (), place)
        wanted = node.get("class")
        if wanted is None:
            return tuple(items)
        if wanted == "torch.Size":
            return torch.Size(items)
        if isinstance(live, tuple) and class_name(live) == wanted and hasattr(live, "_make"):
            return live._make(items)
        self._problem(place, f"is a {wanted}, which is not there to be made again")
        return live

    def _member(self, node: dict[str, Any], live: Any, place: str) -> Any:
        if isinstance(live, enum.Enum) and class_name(live) == node["enum"]:
            return type(live)[node["name"]]
        self._problem(place, f"is a {node['enum']}, which is not there to be made again")
        return live

    # --- entries --------------------------------------------------------------------------------------------

    def _entry(self, number: int, live: Any, place: str) -> Any:
        if number in self._made:
            return self._made[number]
        entry = self.table.entries[number]
        fill: dict[str, Callable[[Any, int, dict[str, Any], Any, str], Any]] = {
            "list": StateReturn._list,
            "dict": StateReturn._dict,
            "set": StateReturn._set,
            "buffer": StateReturn._buffer,
            "array": StateReturn._array,
            "tensor": StateReturn._tensor,
            "generator": StateReturn._generator,
            "state": StateReturn._state,
            "object": StateReturn._object,
        }
        return fill[entry["kind"]](self, number, entry, live, place)

    def _claim(self, number: int, live: Any, *, fits: bool) -> bool:
        """Whether the live object becomes this entry; one that is another entry already does not."""
        if not fits or id(live) in self._taken:
            return False
        self._taken.add(id(live))
        self._kept_alive.append(live)
        self._made[number] = live
        return True

    def _container(self, number: int, entry: dict[str, Any], live: Any, place: str) -> Any:
        """The live container, or a new one of a class that everybody knows; None if neither is there."""
        wanted = entry["class"]
        if self._claim(number, live, fits=class_name(live) == wanted):
            return live
        if wanted not in CONTAINERS:
            self._problem(place, f"is a {wanted}, which is not there to be filled")
            return None
        longest = {"maxlen": entry["maxlen"]} if "maxlen" in entry else {}
        self._made[number] = CONTAINERS[wanted](**longest)
        return self._made[number]

    def _list(self, number: int, entry: dict[str, Any], live: Any, place: str) -> Any:
        result = self._container(number, entry, live, place)
        now = live if isinstance(live, (list, collections.deque)) else ()
        items = self._items(entry["items"], now, place)
        if result is None:
            return live
        self._actions.append(lambda: (result.clear(), result.extend(items)))
        self._own(entry, result, place)
        return result

    def _dict(self, number: int, entry: dict[str, Any], live: Any, place: str) -> Any:
        result = self._container(number, entry, live, place)
        now = live if isinstance(live, dict) else {}
        found: dict[Any, Any] = {}
        for at, (key_node, node) in enumerate(entry["items"]):
            key = self._value(key_node, MISSING, f"{place}.key")
            at_key = f"{place}.{key if type(key) in (str, int) else at}"
            value = MISSING if key is MISSING else self._value(node, now.get(key, MISSING), at_key)
            if value is MISSING:
                self.problems.append(f"{place} held code or objects that are not there")
            else:
                found[key] = value
        if result is None:
            return live
        self._actions.append(lambda: (result.clear(), result.update(found)))
        self._own(entry, result, place)
        return result

    def _own(self, entry: dict[str, Any], result: Any, place: str) -> None:
        if "attributes" in entry:
            self._attributes(entry["attributes"], result, place)

    def _set(self, number: int, entry: dict[str, Any], live: Any, place: str) -> Any:
        result = self._container(number, entry, live, place)
        items = self._items(entry["items"], (), place)
        if result is None:
            return live
        self._actions.append(lambda: (result.clear(), result.update(items)))
        return result

    def _buffer(self, number: int, entry: dict[str, Any], live: Any, place: str) -> Any:
        content = self._bits(entry).numpy().tobytes()
        code = entry.get("typecode")
        new: Any = bytearray(content) if code is None else array.array(code, content)
        same = class_name(live) == entry["class"] and getattr(live, "typecode", None) == code
        if not self._claim(number, live, fits=same):
            self._made[number] = new
            return new
        self._actions.append(lambda: live.__setitem__(slice(None), new))
        return live

    def _array(self, number: int, entry: dict[str, Any], live: Any, place: str) -> Any:
        content = self._bits(entry).numpy().tobytes()
        new = np.frombuffer(content, dtype=np.dtype(entry["dtype"])).reshape(entry["shape"]).copy()
        same = type(live) is np.ndarray and (live.dtype, live.shape) == (new.dtype, new.shape)
        if not self._claim(number, live, fits=same and live.flags.writeable):
            self._made[number] = new
            return new
        self._actions.append(lambda: live.__setitem__(..., new))
        return live

    def _generator(self, number: int, entry: dict[str, Any], live: Any, place: str) -> Any:
        state = self._value(entry["state"], MISSING, f"{place}.state")
        if not self._claim(number, live, fits=class_name(live) == entry["class"]):
            if entry["class"] != "random.Random":
                self._problem(place, f"is a {entry['class']}, which is not there to be set")
                return live
            live = self._made[number] = random.Random()
        self._actions.append(lambda: _set_generator(live, state))
        return live

    def _state(self, number: int, entry: dict[str, Any], live: Any, place: str) -> Any:
        state = self._value(entry["state"], MISSING, f"{place}.state")
        if not self._claim(number, live, fits=class_name(live) == entry["class"]):
            self._problem(place, f"is a {entry['class']}, which is not there to be filled")
            return live
        # The state is filled by actions before this one; an empty one says that there is nothing to load.
        self._actions.append(lambda: live.load_state_dict(state) if state else None)
        return live

    # --- objects --------------------------------------------------------------------------------------------

    def _object(self, number: int, entry: dict[str, Any], live: Any, place: str) -> Any:
        wanted = entry["class"]
        if not self._claim(number, live, fits=class_name(live) == wanted):
            if wanted not in self.makes:
                what = "nothing" if live in (None, MISSING) else f"a {class_name(live)}"
                self._problem(place, f"was a {wanted} and is {what} here")
                return live
            live = self._made[number] = object.__new__(self.makes[wanted])
        self._attributes(entry["attributes"], live, place)
        return live

    def _attributes(self, nodes: dict[str, Any], live: Any, place: str) -> None:
        now = attributes_of(live)
        if isinstance(live, nn.Module):
            self._check_names(nodes, now, place)
        parts = MODULE_PARTS if isinstance(live, nn.Module) else ()
        values = {
            name: self._value(node, now.get(name, MISSING), place if name in parts else f"{place}.{name}")
            for name, node in nodes.items()
        }
        gone = [] if isinstance(live, (nn.Module, Optimizer)) else [name for name in now if name not in nodes]
        self._actions.append(lambda: _set_attributes(live, values, gone))

    def _check_names(self, nodes: dict[str, Any], now: dict[str, Any], place: str) -> None:
        """See that a module has the parameters, buffers and modules it had."""
        for kind in MODULE_PARTS:
            entry = self.table.entries[nodes[kind]["ref"]] if "ref" in nodes.get(kind, ()) else {"items": ()}
            had = {(key, node is None) for key, node in entry["items"]}
            differing = had ^ {(key, value is None) for key, value in now.get(kind, {}).items()}
            if differing:
                names = ", ".join(sorted({str(key) for key, _ in differing}))
                self._problem(f"{place}.{kind}", f"differ in {names}")

    # --- tensors --------------------------------------------------------------------------------------------

    def _bits(self, entry: dict[str, Any]) -> Tensor:
        if "tensor" in entry:
            return self.table.tensors[entry["tensor"]]
        content = bytearray.fromhex(entry["hex"])
        return torch.tensor(content, dtype=torch.uint8)

    def _tensor(self, number: int, entry: dict[str, Any], live: Any, place: str) -> Any:
        saved = self._bits(entry)
        if "hex" in entry:
            saved = saved.view(getattr(torch, entry["dtype"])).reshape(entry["shape"])
        is_parameter = entry["class"] == "torch.nn.Parameter"
        fits = type(live) is (nn.Parameter if is_parameter else Tensor) and _can_take(live, saved)
        if not self._claim(number, live, fits=fits and (is_parameter or self._is_free(live))):
            if is_parameter and (isinstance(live, Tensor) or place.startswith(self.strict or "\0")):
                self._problem(place, f"is {_shape(saved)} in the checkpoint and {_shape(live)} here")
            return self._new_tensor(number, entry, saved, place)
        wants_grad = entry["requires_grad"]
        grad = self._value(entry["grad"], live.grad if live.is_leaf else MISSING, f"{place}.grad")
        self._actions.append(lambda: _fill(live, saved, grad, wants_grad=wants_grad))
        return live

    def _is_free(self, live: Tensor) -> bool:
        """Whether nothing else was put into the memory of a tensor; from here on, it was."""
        memory = _memory(live)
        is_free = memory not in self._memory
        self._memory.add(memory)
        return is_free

    def _new_tensor(self, number: int, entry: dict[str, Any], saved: Tensor, place: str) -> Tensor:
        new = saved.clone().to(_available(entry["device"]))
        wants_grad = entry["requires_grad"]
        if entry["class"] == "torch.nn.Parameter":
            new = nn.Parameter(new, wants_grad)
        self._made[number] = new.requires_grad_(wants_grad)
        new.grad = self._value(entry["grad"], MISSING, f"{place}.grad")
        return new


def _memory(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr() or id(tensor)


def _can_take(live: Tensor, saved: Tensor) -> bool:
    """Whether a tensor has room for another one, element by element in memory of its own."""
    repeats = any(step == 0 and size > 1 for step, size in zip(live.stride(), live.shape, strict=True))
    same = (live.dtype, live.shape) == (saved.dtype, saved.shape)
    return same and live.layout is torch.strided and not (repeats or live.is_inference() or not live.is_leaf)


def _fill(live: Tensor, saved: Tensor, grad: Any, *, wants_grad: bool) -> None:
    live.detach().copy_(saved)
    if live.requires_grad is not wants_grad:
        live.requires_grad_(wants_grad)
    live.grad = grad


def _shape(value: Any) -> str:
    return f"{tuple(value.shape)} of {value.dtype}" if isinstance(value, Tensor) else "nothing"


def _available(device: str) -> torch.device:
    wanted = torch.device(device)
    return wanted if has_device(wanted.type) else torch.device("cpu")


def _set_attributes(live: Any, values: dict[str, Any], gone: list[str]) -> None:
    own = getattr(live, "__dict__", {})
    for name, value in values.items():
        if value is MISSING:
            continue
        if isinstance(getattr(type(live), name, None), MemberDescriptorType):
            setattr(live, name, value)
        else:
            own[name] = value
    for name in gone:
        own.pop(name, None)


def _set_generator(live: Any, state: Any) -> None:
    if isinstance(live, random.Random):
        version, words, gauss = state
        live.setstate((version, tuple(words.tolist()), gauss))
    elif isinstance(live, np.random.Generator):
        live.bit_generator.state = state
    else:
        live.set_state(state)
