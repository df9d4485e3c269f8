"""Objects made again from their descriptions in JSON, as far as rules for pickles allow what they name."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

from torch import nn

from ..old_files.pickle_machine import Rules
from .named_tensors import Tensors, placed_tensor
from .object_description import fresh_module_state

__all__ = ["Rebuilding", "names_described", "strict_json"]

_OPTIONS: dict[str, set[str]] = {
    "bytes": set(),
    "call": {"args", "items", "pairs", "state"},
    "dict": set(),
    "float": set(),
    "list": set(),
    "name": set(),
    "new": {"args", "items", "kwargs", "pairs", "state"},
    "ref": set(),
    "tensor": {"offset", "parameter", "requires_grad", "shape", "stride"},
    "tuple": set(),
}
_FLOATS = {text: float(text) for text in ("NaN", "Infinity", "-Infinity")}
_NAMING = ("call", "name", "new")
_KEYED = ("dict", "kwargs")


def strict_json(content: bytes) -> Any:
    """Return what is in the bytes of a JSON file.

    Raises:
        ValueError: it is no JSON, has a number that JSON does not have, or the same key twice.
        RecursionError: it is nested too deep.
    """
    return json.loads(content.decode("utf-8"), parse_constant=_no_constant, object_pairs_hook=_no_key_twice)


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has a key twice")
    return found


def names_described(description: Any) -> Iterator[tuple[str, str]]:
    """Yield module and name of all that a description names; what is no description is passed over."""
    left = [description]
    while left:
        part = left.pop()
        if isinstance(part, list):
            left += part
        elif isinstance(part, dict):
            yield from (_split(part[key]) for key in _NAMING if type(part.get(key)) is str)
            left += [each for key, value in part.items() for each in _parts_of(key, value)]


def _parts_of(key: str, value: Any) -> list[Any]:
    """Return the descriptions in what stands under a key of one."""
    return list(value.values()) if key in _KEYED and isinstance(value, dict) else [value]


def _split(dotted: str) -> tuple[str, str]:
    module, _, name = dotted.rpartition(".")
    return module, name


class Rebuilding:
    """Makes objects that belong together.

    Args:
        rules: what a description may name, call and fill.
        tensor: returns what a description of a tensor stands for.
    """

    def __init__(self, rules: Rules, tensor: Callable[[dict[str, Any]], Any]) -> None:
        self._rules, self._tensor = rules, tensor
        self._made: dict[int, Any] = {}

    @classmethod
    def over(cls, rules: Rules, tensors: Tensors) -> Rebuilding:
        """Return one that takes tensors by name."""
        return cls(rules, lambda node: placed_tensor(node, tensors))

    def of(self, node: Any) -> Any:
        """Return what is described.

        Raises:
            NotAllowedError: the rules do not allow something it names.
            AttributeError, LookupError, RuntimeError, TypeError, ValueError: it is no description, or of
                nothing that can be made.
        """
        if node is None or type(node) in (bool, int, float, str):
            return node
        if type(node) is not dict:
            raise TypeError(f"a {type(node).__name__} stands where a description should")
        kinds = node.keys() & _OPTIONS.keys()
        kind = kinds.pop() if len(kinds) == 1 else ""
        if not kind or node.keys() - {kind, "id"} - _OPTIONS[kind]:
            raise ValueError(f"an object with the keys {', '.join(sorted(node)[:5])} describes nothing")
        return _MAKERS[kind](self, node)

    def note(self, node: dict[str, Any], made: Any) -> Any:
        """Keep what others may refer to."""
        if "id" in node:
            if type(node["id"]) is not int or node["id"] in self._made:
                raise ValueError(f"the number {node['id']!r} is none, or stands for two objects")
            self._made[node["id"]] = made
        return made

    def _listed(self, found: Any) -> list[Any]:
        if type(found) is not list:
            raise TypeError(f"a {type(found).__name__} stands where a list should")
        return [self.of(each) for each in found]

    def _paired(self, found: Any) -> list[tuple[Any, Any]]:
        if type(found) is dict:
            return [(key, self.of(value)) for key, value in found.items()]
        if type(found) is not list or not all(type(pair) is list and len(pair) == 2 for pair in found):
            raise TypeError("keys and values are no list of pairs")
        return [(self.of(key), self.of(value)) for key, value in found]

    def _named(self, dotted: Any) -> Any:
        if type(dotted) is not str:
            raise TypeError(f"a {type(dotted).__name__} stands where a name should")
        return self._rules.find(*_split(dotted))

    def _bytes(self, node: dict[str, Any]) -> Any:
        return self.note(node, base64.b64decode(node["bytes"], validate=True))

    def _float(self, node: dict[str, Any]) -> float:
        return _FLOATS[node["float"]]

    def _list(self, node: dict[str, Any]) -> Any:
        made = self.note(node, [])
        made += self._listed(node["list"])
        return made

    def _tuple(self, node: dict[str, Any]) -> Any:
        return self.note(node, tuple(self._listed(node["tuple"])))

    def _dict(self, node: dict[str, Any]) -> Any:
        made = self.note(node, {})
        self._rules.set_pairs(made, self._paired(node["dict"]))
        return made

    def _name(self, node: dict[str, Any]) -> Any:
        return self.note(node, self._named(node["name"]))

    def _ref(self, node: dict[str, Any]) -> Any:
        return self._made[node["ref"]]

    def _tensors(self, node: dict[str, Any]) -> Any:
        return self.note(node, self._tensor(node))

    def _new(self, node: dict[str, Any]) -> Any:
        args, kwargs = self._listed(node.get("args", [])), dict(self._paired(node.get("kwargs", {})))
        return self._filled(node, self._rules.new(self._named(node["new"]), tuple(args), kwargs))

    def _call(self, node: dict[str, Any]) -> Any:
        called = node["call"]
        function = self._named(called) if type(called) is str else self.of(called)
        return self._filled(node, self._rules.call(function, tuple(self._listed(node.get("args", [])))))

    def _filled(self, node: dict[str, Any], made: Any) -> Any:
        self.note(node, made)
        if "items" in node:
            self._rules.extend(made, self._listed(node["items"]))
        if "pairs" in node:
            self._rules.set_pairs(made, self._paired(node["pairs"]))
        if "state" in node:
            self._rules.build(made, _full_state(made, self.of(node["state"])))
        return made


def _full_state(made: Any, state: Any) -> Any:
    """Return the attributes of a module with those that every module has."""
    if not isinstance(made, nn.Module) or type(state) is not dict:
        return state
    # Behind the others, so that a second description has the order of the first.
    return {**state, **{name: held for name, held in fresh_module_state().items() if name not in state}}


_MAKERS: dict[str, Callable[[Rebuilding, dict[str, Any]], Any]] = {
    "bytes": Rebuilding._bytes,
    "call": Rebuilding._call,
    "dict": Rebuilding._dict,
    "float": Rebuilding._float,
    "list": Rebuilding._list,
    "name": Rebuilding._name,
    "new": Rebuilding._new,
    "ref": Rebuilding._ref,
    "tensor": Rebuilding._tensors,
    "tuple": Rebuilding._tuple,
}
