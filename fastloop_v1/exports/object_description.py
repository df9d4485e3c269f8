"""Objects described as JSON: what each is made by, with which arguments and attributes, tensors by name.

A description is a number, a text, true, false, null, or an object with one of these keys:

| key | what it describes |
|---|---|
| `float` | `"NaN"`, `"Infinity"` or `"-Infinity"` |
| `bytes` | bytes, in base64 |
| `list`, `tuple` | the descriptions of the members |
| `dict` | values by name, or a list of pairs where a key is no text |
| `name` | dotted name of a class or function |
| `tensor` | name of a tensor kept beside; with `shape`, `stride` and `offset` if it shows a part of it |
| `new` | dotted name of a class, an object of which is made without running its `__init__` |
| `call` | what is called, with `args`: its arguments |
| `ref` | the number of an object that stands elsewhere |

An object made by `new` or `call` may have `state`, its attributes, `items`, its members, and `pairs`, its
keys and values. What is referred to has its number as `id`. Python's own protocol for copies and pickles
(`__reduce_ex__`) says how an object is taken apart, so whatever can be pickled by name can be described.
"""

from __future__ import annotations

import base64
import copyreg
import json
import math
import sys
from functools import reduce
from pickle import PicklingError
from types import BuiltinFunctionType, FunctionType, ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from .named_tensors import TensorShelf

__all__ = ["Description", "fresh_module_state"]

_PLAIN = (bool, int, str, type(None))
_PROTOCOL = 2


def fresh_module_state() -> dict[str, Any]:
    """Return the attributes that every module has, as they are before anything is put into it."""
    return vars(nn.Module())


class Description:
    """Describes objects that belong together, each once.

    Args:
        shelf: takes their tensors.
    """

    def __init__(self, shelf: TensorShelf) -> None:
        self._shelf = shelf
        self._seen: dict[
            int, tuple[Any, dict[str, Any]]
        ] = {}  # the object is kept, so that its id stays its own
        self._numbers = 0

    def of(self, value: Any, path: str = "") -> Any:
        """Return the description of a value.

        Args:
            value: what to describe.
            path: where it stands, which gives its tensors their names.

        Raises:
            PicklingError: it cannot be found by name, as a lambda, or is nothing that can be pickled.
        """
        if type(value) in _PLAIN:
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"float": json.dumps(value)}
        name = None if type(value) in copyreg.dispatch_table else _own_name(value)
        if name is not None:
            return {"name": _found_name(value, name)}
        if id(value) in self._seen:
            return self._reference(self._seen[id(value)][1])
        node: dict[str, Any] = {}
        self._seen[id(value)] = value, node
        self._fill(node, value, path)
        if "name" in node:
            del self._seen[id(value)]  # a name is not referred to but told again
        return node

    def _reference(self, node: dict[str, Any]) -> dict[str, int]:
        if "id" not in node:
            self._numbers += 1
            node["id"] = self._numbers
        return {"ref": node["id"]}

    def _fill(self, node: dict[str, Any], value: Any, path: str) -> None:
        kind = type(value)
        if kind is bytes:
            node["bytes"] = base64.b64encode(value).decode("ascii")
        elif kind in (list, tuple):
            node[kind.__name__] = [self.of(each, f"{path}/{i}") for i, each in enumerate(value)]
        elif kind is dict:
            node["dict"] = self._pairs(value, path)
        elif isinstance(value, Tensor):
            self._shelf.put(node, value, path)
        elif kind in copyreg.dispatch_table:
            self._taken_apart(node, value, copyreg.dispatch_table[kind](value), path)
        else:
            self._taken_apart(node, value, value.__reduce_ex__(_PROTOCOL), path)

    def _pairs(self, found: dict[Any, Any], path: str) -> Any:
        if all(type(key) is str for key in found):
            return {key: self.of(value, f"{path}/{key}") for key, value in found.items()}
        return [
            [self.of(key, path), self.of(value, f"{path}/{i}")]
            for i, (key, value) in enumerate(found.items())
        ]

    def _taken_apart(self, node: dict[str, Any], value: Any, reduced: Any, path: str) -> None:
        if type(reduced) is str:
            node["name"] = _found_name(value, reduced)
            return
        function, args, state, items, pairs = (*reduced, None, None, None)[:5]
        if function in (copyreg.__newobj__, copyreg.__newobj_ex__):  # type: ignore[attr-defined]
            kind, *rest = args
            args, kwargs = rest if function is copyreg.__newobj_ex__ else (rest, {})  # type: ignore[attr-defined]
            node["new"] = _found_name(kind, kind.__qualname__)
            if kwargs:
                node["kwargs"] = self._pairs(kwargs, path)
        else:
            node["call"] = self._called(function)
        if args:
            node["args"] = [self.of(each, f"{path}/{i}") for i, each in enumerate(args)]
        if state is not None:
            node["state"] = self.of(_short_state(value, state), path)
        if items is not None and (members := [self.of(each, f"{path}/{i}") for i, each in enumerate(items)]):
            node["items"] = members
        if pairs is not None and (found := [[self.of(k, path), self.of(v, f"{path}/{k}")] for k, v in pairs]):
            node["pairs"] = found

    def _called(self, function: Any) -> Any:
        described = self.of(function)
        return described["name"] if described.keys() == {"name"} else described


def _short_state(value: Any, state: Any) -> Any:
    """Return attributes without those of a module that are as in any new one."""
    if not isinstance(value, nn.Module) or type(state) is not dict:
        return state
    fresh = fresh_module_state()
    usual = {key for key, held in state.items() if key in fresh and type(held) is type(fresh[key])}
    return {key: held for key, held in state.items() if key not in usual or held != fresh[key]}


def _own_name(value: Any) -> str | None:
    """Return the name of a class or function, or None of anything else."""
    if isinstance(value, (type, FunctionType)):
        return value.__qualname__
    if not isinstance(value, BuiltinFunctionType):
        return None
    of_torch = getattr(torch, value.__name__, None) is value
    # A method of a class written in C is taken apart into the class and its name.
    of_module = isinstance(value.__self__, (ModuleType, type(None))) and "." not in value.__qualname__
    return value.__name__ if of_torch or of_module else None


def _found_name(value: Any, name: str) -> str:
    """Return the dotted name under which a class or function is found again.

    Raises:
        PicklingError: it is not found there.
    """
    module = getattr(value, "__module__", None) or _home_of(value, name)
    try:
        found = reduce(getattr, name.split("."), sys.modules[module])
    except (AttributeError, KeyError):
        found = None
    if found is not value:
        raise PicklingError(
            f"{module}.{name} cannot be written: it is not found under its name, as a lambda or a local is."
        )
    return f"{module}.{name}"


def _home_of(value: Any, name: str) -> str:
    """Return the module of ours or of torch's that has a value which does not know its own."""
    return "torch" if getattr(torch, name, None) is value else "builtins"
