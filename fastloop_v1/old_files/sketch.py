"""Rules that let a file be read without making anything of it: what it names is only written down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from math import prod
from typing import Any

from .pickle_rules import NamedRules, NotAllowedError
from .pickled_containers import KeyGuard
from .pickled_names import name_today

__all__ = [
    "Sketch",
    "SketchRules",
    "children_of",
    "dotted_name",
    "keyed",
    "members_of",
    "numbers_in",
    "shape_of",
    "status_of",
]

_TENSORS = ("torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2")
_PARAMETERS = ("torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state")


@dataclass(eq=False)
class Sketch:
    """What a file says of one object.

    Attributes:
        dotted: name of what it is, or of what it would have been made by.
        args: what it would have been made with.
        state: its attributes, as a rule a dict.
        members: what would have been appended to it.
        pairs: what would have been set in it by key.
    """

    dotted: str
    args: tuple[Any, ...] = ()
    state: Any = None
    members: list[Any] = field(default_factory=list)
    pairs: list[tuple[Any, Any]] = field(default_factory=list)


class SketchRules:
    """Makes a sketch of whatever is named, called or made.

    Attributes:
        names: all that was named so far, as module and name, in order.
    """

    def __init__(self) -> None:
        self.names: dict[tuple[str, str], None] = {}
        self._keys = KeyGuard()

    def check(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Write down names that a pickle holds."""
        self.names.update(dict.fromkeys(pairs))

    def find(self, module: str, name: str) -> Sketch:
        """Write down a name and return a sketch of what it stands for."""
        self.check([(module, name)])
        return Sketch(name_today(module, name))

    def call(self, function: Any, args: tuple[Any, ...]) -> Sketch:
        """Return a sketch of what a call would give."""
        return Sketch(dotted_name(function), args)

    def new(self, kind: Any, args: tuple[Any, ...], kwargs: Any) -> Sketch:
        """Return a sketch of a new object."""
        return Sketch(dotted_name(kind), args)

    def build(self, made: Any, state: Any) -> None:
        """Write down the attributes of an object."""
        if isinstance(made, Sketch):
            made.state = state

    def extend(self, made: Any, members: list[Any]) -> None:
        """Write down members, or add them if it is a list."""
        if type(made) is list:
            made += members
        elif isinstance(made, Sketch):
            made.members += members

    def set_pairs(self, made: Any, pairs: Iterable[tuple[Any, Any]]) -> None:
        """Write down keys, or set them if it is a dict."""
        if type(made) is dict:
            made.update((self._keys.checked(made, key), value) for key, value in pairs)
        elif isinstance(made, Sketch):
            made.pairs += pairs

    def persistent(self, asked: Any) -> Any:
        """Return what stands for a storage, or the class whose source is quoted."""
        return (
            asked[1]
            if type(asked) is tuple and asked[:1] == ("module",) and len(asked) > 1
            else Sketch("storage")
        )


def status_of(module: str, name: str) -> str:
    """Return what a name in a file would be: `allowed`, a `record`, or `refused`."""
    rules = NamedRules((), 0)
    try:
        rules.check([(module, name)])
        found = rules.find(module, name)
    except (NotAllowedError, ValueError):
        return "refused"
    return "record" if type(type(found)) is type and type(found).__name__ == "InertType" else "allowed"


def dotted_name(found: Any) -> str:
    """Return the name of what a sketch is of; of other values, their type."""
    if isinstance(found, Sketch):
        # What is made by the first argument of a partial, or of a reconstruction, is named for it.
        inner = found.args[:1] if found.dotted in ("functools.partial", "copyreg._reconstructor") else ()
        return dotted_name(inner[0]) if inner and isinstance(inner[0], Sketch) else found.dotted
    return type(found).__name__


def keyed(found: Any) -> dict[Any, Any]:
    """Return what a dict, or the sketch of one, holds by key."""
    if type(found) is dict:
        return found
    pairs: Iterable[tuple[Any, Any]] = found.pairs if isinstance(found, Sketch) else ()
    return {key: value for key, value in pairs if type(key) is str}


def members_of(found: Any) -> list[Any]:
    """Return the members of a list, or nothing."""
    return found if type(found) is list else []


def children_of(module: Any) -> Iterator[tuple[str, Any]]:
    """Yield the modules right below a module by name."""
    for name, child in keyed(keyed(getattr(module, "state", None)).get("_modules")).items():
        if isinstance(child, Sketch):
            yield str(name), child


def numbers_in(module: Any) -> dict[int, int]:
    """Return how many numbers each parameter of a module itself has, by the identity of the parameter."""
    attributes = keyed(getattr(module, "state", None))
    found = {id(each): shape_of(each) for each in keyed(attributes.get("_parameters")).values()}
    return {key: prod(shape) for key, shape in found.items() if shape is not None}


def shape_of(tensor: Any) -> tuple[int, ...] | None:
    """Return the shape of a tensor or parameter, or None of anything else."""
    while isinstance(tensor, Sketch) and tensor.dotted in _PARAMETERS and tensor.args:
        tensor = tensor.args[0]
    if not isinstance(tensor, Sketch) or tensor.dotted not in _TENSORS or len(tensor.args) < 3:
        return None
    size = tensor.args[2]
    if isinstance(size, Sketch):
        size = size.args[0] if size.args else ()
    plain = type(size) is tuple and all(type(n) is int and 0 <= n < 1 << 62 for n in size)
    return size if plain else None
