"""The instructions of pickles, carried out one by one; what runs anything is left to rules.

`pickletools` of the standard library takes the bytes apart. The machine moves values about; names, calls, new
objects and their attributes all go through `Rules`, so that nothing happens that those do not allow.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pickle import HIGHEST_PROTOCOL, UnpicklingError
from typing import IO, Any, Protocol

__all__ = ["PickleMachine", "Rules", "names_in"]

_MOST_INSTRUCTIONS = 1_000_000


class Rules(Protocol):
    """What a pickle may name, call and fill; each method raises whatever says that it may not."""

    def check(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Look at the names in a pickle before anything else."""

    def find(self, module: str, name: str) -> Any:
        """Return what a name stands for."""

    def call(self, function: Any, args: Any) -> Any:
        """Return what a call gives."""

    def new(self, kind: Any, args: Any, kwargs: Any) -> Any:
        """Return a new object without running its `__init__`."""

    def build(self, made: Any, state: Any) -> None:
        """Set the attributes of an object."""

    def extend(self, made: Any, members: list[Any]) -> None:
        """Add members to a list or set."""

    def set_pairs(self, made: Any, pairs: Iterable[tuple[Any, Any]]) -> None:
        """Set keys of a dict."""


def names_in(file: IO[bytes]) -> Iterator[tuple[str, str]]:
    """Yield module and name of what a pickle names outright, to its end or to where it is damaged.

    Names that it puts together on its stack, as later protocols do, are not among them.

    Raises:
        UnpicklingError: it has more than a million instructions, several times those of any real file.
    """
    with suppress(ValueError, OverflowError):
        for count, (instruction, argument, _) in enumerate(pickletools.genops(file)):
            if count > _MOST_INSTRUCTIONS:
                raise UnpicklingError(f"it has more than {_MOST_INSTRUCTIONS} instructions")
            if instruction.name in ("GLOBAL", "INST"):
                module, _, name = str(argument).partition(" ")
                yield module, name


class PickleMachine:
    """Reads one pickle.

    Args:
        rules: what it may name, call and fill.
        persistent: answers ids of what is kept outside the pickle.
    """

    def __init__(self, rules: Rules, persistent: Callable[[Any], Any]) -> None:
        self.rules, self.persistent = rules, persistent
        self.stack: list[Any] = []
        self.below: list[list[Any]] = []
        self.memo: dict[int, Any] = {}

    def run(self, file: IO[bytes]) -> Any:
        """Return the object of the pickle that starts here, and leave the file open behind it.

        Raises:
            UnpicklingError: an instruction that no plain pickle has.
            IndexError, KeyError, TypeError, ValueError: damaged content.
        """
        start = file.tell()
        self.rules.check(names_in(file))
        file.seek(start)
        for instruction, argument, _ in pickletools.genops(file):
            if instruction.name in _PUSHING:
                self.push(argument)
            elif instruction.name in _MAKING:
                self.push(_MAKING[instruction.name]())
            elif instruction.name == "STOP":
                break
            elif instruction.name in _STEPS:
                _STEPS[instruction.name](self, argument)
            else:
                raise UnpicklingError(f"it has the instruction {instruction.name}, which no plain pickle has")
        return self.stack.pop()

    def push(self, value: Any) -> None:
        """Put a value on the stack."""
        self.stack.append(value)

    def pop(self, count: int) -> list[Any]:
        """Take that many values off the stack and return them, the deepest first."""
        if len(self.stack) < count:
            raise UnpicklingError("it takes more values than it has")
        taken = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return taken

    def pop_to_mark(self) -> list[Any]:
        """Take all values above the last mark off the stack and return them, the deepest first."""
        taken, self.stack = self.stack, self.below.pop()
        return taken


def _protocol(machine: PickleMachine, version: int) -> None:
    if version > HIGHEST_PROTOCOL:
        raise UnpicklingError(f"it has pickle protocol {version}, the last one known is {HIGHEST_PROTOCOL}")


def _frame(machine: PickleMachine, size: int) -> None:
    """Frames only say how far to read ahead, and all of the file is here."""


def _mark(machine: PickleMachine, _: None) -> None:
    machine.below.append(machine.stack)
    machine.stack = []


def _drop(machine: PickleMachine, _: None) -> None:
    if machine.stack:
        machine.stack.pop()
    else:
        machine.pop_to_mark()


def _drop_to_mark(machine: PickleMachine, _: None) -> None:
    machine.pop_to_mark()


def _put(machine: PickleMachine, index: int) -> None:
    machine.memo[index] = machine.stack[-1]


def _memoize(machine: PickleMachine, _: None) -> None:
    machine.memo[len(machine.memo)] = machine.stack[-1]


def _get(machine: PickleMachine, index: int) -> None:
    machine.push(machine.memo[index])


def _tuple_of(count: int) -> Callable[[PickleMachine, None], None]:
    return lambda machine, _: machine.push(tuple(machine.pop(count)))


def _dict(machine: PickleMachine, _: None) -> None:
    found = machine.pop_to_mark()
    machine.push({})
    machine.rules.set_pairs(machine.stack[-1], _paired(found))


def _frozenset(machine: PickleMachine, _: None) -> None:
    members: set[Any] = set()
    machine.rules.extend(members, machine.pop_to_mark())
    machine.push(frozenset(members))


def _append(machine: PickleMachine, _: None) -> None:
    members = machine.pop(1)
    machine.rules.extend(machine.stack[-1], members)


def _extend(machine: PickleMachine, _: None) -> None:
    members = machine.pop_to_mark()
    machine.rules.extend(machine.stack[-1], members)


def _set_item(machine: PickleMachine, _: None) -> None:
    pair = machine.pop(2)
    machine.rules.set_pairs(machine.stack[-1], _paired(pair))


def _set_items(machine: PickleMachine, _: None) -> None:
    pairs = machine.pop_to_mark()
    machine.rules.set_pairs(machine.stack[-1], _paired(pairs))


def _paired(found: list[Any]) -> Iterable[tuple[Any, Any]]:
    return zip(found[::2], found[1::2], strict=True)


def _find(machine: PickleMachine, pair: str) -> None:
    module, name = pair.split(" ")
    machine.push(machine.rules.find(module, name))


def _find_on_stack(machine: PickleMachine, _: None) -> None:
    module, name = machine.pop(2)
    if type(module) is not str or type(name) is not str:
        raise UnpicklingError("it has a name that is no string")
    machine.push(machine.rules.find(module, name))


def _call(machine: PickleMachine, _: None) -> None:
    function, args = machine.pop(2)
    machine.push(machine.rules.call(function, _arguments(args)))


def _call_above_mark(machine: PickleMachine, _: None) -> None:
    function, *args = machine.pop_to_mark()
    machine.push(machine.rules.call(function, tuple(args)))


def _find_and_call(machine: PickleMachine, pair: str) -> None:
    _find(machine, pair)
    function = machine.stack.pop()
    machine.push(machine.rules.call(function, tuple(machine.pop_to_mark())))


def _new(machine: PickleMachine, _: None) -> None:
    kind, args = machine.pop(2)
    machine.push(machine.rules.new(kind, _arguments(args), {}))


def _new_with_keywords(machine: PickleMachine, _: None) -> None:
    kind, args, kwargs = machine.pop(3)
    machine.push(machine.rules.new(kind, _arguments(args), kwargs))


def _arguments(found: Any) -> tuple[Any, ...]:
    if type(found) is not tuple:
        raise UnpicklingError("it gives arguments that are no tuple")
    return found


def _build(machine: PickleMachine, _: None) -> None:
    (state,) = machine.pop(1)
    machine.rules.build(machine.stack[-1], state)


def _outside(machine: PickleMachine, _: None) -> None:
    (asked,) = machine.pop(1)
    machine.push(machine.persistent(asked))


_PUSHING = {
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
    *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
_MAKING: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_LIST": list,
    "EMPTY_TUPLE": tuple,
    "EMPTY_DICT": dict,
    "EMPTY_SET": set,
}
_STEPS: dict[str, Callable[[PickleMachine, Any], None]] = {
    "PROTO": _protocol,
    "FRAME": _frame,
    "MARK": _mark,
    "POP": _drop,
    "POP_MARK": _drop_to_mark,
    "DUP": lambda machine, _: machine.push(machine.stack[-1]),
    "PUT": _put,
    "BINPUT": _put,
    "LONG_BINPUT": _put,
    "MEMOIZE": _memoize,
    "GET": _get,
    "BINGET": _get,
    "LONG_BINGET": _get,
    "LIST": lambda machine, _: machine.push(machine.pop_to_mark()),
    "TUPLE": lambda machine, _: machine.push(tuple(machine.pop_to_mark())),
    "TUPLE1": _tuple_of(1),
    "TUPLE2": _tuple_of(2),
    "TUPLE3": _tuple_of(3),
    "DICT": _dict,
    "FROZENSET": _frozenset,
    "APPEND": _append,
    "APPENDS": _extend,
    "ADDITEMS": _extend,
    "SETITEM": _set_item,
    "SETITEMS": _set_items,
    "GLOBAL": _find,
    "STACK_GLOBAL": _find_on_stack,
    "INST": _find_and_call,
    "OBJ": _call_above_mark,
    "REDUCE": _call,
    "NEWOBJ": _new,
    "NEWOBJ_EX": _new_with_keywords,
    "BUILD": _build,
    "BINPERSID": _outside,
}
