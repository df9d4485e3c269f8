"""What a pickle may do while it is read: only what its names allow, or anything if the user trusts it."""

from __future__ import annotations

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Collection, Iterable
from functools import partial
from pickle import UnpicklingError
from pkgutil import resolve_name
from typing import Any

import numpy as np
from torch import nn

from ..inert_record import InertRecord, InertType
from .old_modules import renew
from .pickled_containers import CONTAINER_CALLS, KeyGuard, checked_state
from .pickled_names import Named, find_attribute, find_named, is_of_states, name_today
from .pickled_numbers import set_array, set_dtype
from .torch_file import STORAGE_TYPES

__all__ = ["NamedRules", "NotAllowedError", "StateRules", "TrustingRules"]

_DICTS = (dict, OrderedDict, defaultdict, Counter)
_SIZED = (str, bytes, bytearray, list, tuple, dict, set, frozenset)
_MOST_LAYERS = _MOST_DEFAULTDICTS = _MOST_NAMES = 1000


class NotAllowedError(UnpicklingError):
    """A pickle wants something that is not allowed, and it was not done.

    Attributes:
        names: dotted names of the classes and functions, the first one first.
    """

    def __init__(self, verb: str, *names: str) -> None:
        super().__init__(f"it {verb} {', '.join(names)}")
        self.names = names


class NamedRules:
    """Rules that allow what is known to be harmless, and what the user trusts by name.

    Args:
        trust: dotted names of classes and functions with which the pickle may do anything.
        copies: how many characters, bytes and members may be copied while reading; copies of copies, of which
            a short pickle can ask for any number, end there.
    """

    def __init__(self, trust: Collection[str], copies: int) -> None:
        self._trust, self._copies = frozenset(trust), copies
        self._known: dict[int, Named] = {}
        self._looked_up: dict[tuple[str, str], Named | None] = {}
        self._keys = KeyGuard()
        self._defaultdicts = 0
        own = [
            Named("builtins.getattr", object(), self._attribute),
            Named("collections.defaultdict", defaultdict, self._defaultdict),
            Named("copyreg._reconstructor", object(), self._reconstructed),
            Named("functools.partial", partial, self._partial),
        ]
        self._own = {named.dotted: named for named in own}

    def check(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Go through modules and names that a pickle holds, before any of it is carried out.

        Raises:
            NotAllowedError: some of them may not be there; it names them all.
        """
        dotted = {name_today(*pair): pair[1] for pair in dict.fromkeys(pairs)}
        if len(dotted) > _MOST_NAMES:
            raise UnpicklingError(f"it names {len(dotted)} classes and functions; allowed are {_MOST_NAMES}")
        refused = [each for each, name in dotted.items() if self._found(each, name) is None]
        if refused:
            raise NotAllowedError("names", *refused)

    def find(self, module: str, name: str) -> Any:
        """Return what the name stands for.

        Raises:
            NotAllowedError: it stands for nothing a file may hold.
        """
        dotted = name_today(module, name)
        named = self._found(dotted, name)
        if named is None:
            raise NotAllowedError("names", dotted)
        return self._remember(named)

    def _found(self, dotted: str, name: str) -> Named | None:
        if (dotted, name) not in self._looked_up:
            if len(self._looked_up) > _MOST_NAMES:
                raise UnpicklingError(f"it names more than {_MOST_NAMES} classes and functions")
            self._looked_up[dotted, name] = self._named(dotted, name)
        return self._looked_up[dotted, name]

    def _named(self, dotted: str, name: str) -> Named | None:
        if dotted in self._trust:
            return _imported(dotted)
        return None if "." in name else self._own.get(dotted) or find_named(dotted)

    def _remember(self, named: Named) -> Any:
        # Kept with the rules, so that no other object can get its id while they are in use.
        return self._known.setdefault(id(named.value), named).value

    def call(self, function: Any, args: tuple[Any, ...]) -> Any:
        """Return what a call of a known function or class gives.

        Raises:
            NotAllowedError: it may be held but not called.
            UnpicklingError: it is nothing that was named.
        """
        named = self._known_or_refused("calls", function)
        if named.call is None:
            raise NotAllowedError("calls", named.dotted)
        self._spend(args)
        return named.call(*args)

    def new(self, kind: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Return a new object of a known class.

        Raises:
            NotAllowedError: it may be held but not made.
            UnpicklingError: it is nothing that was named.
        """
        named = self._known_or_refused("makes", kind)
        if named.new is None:
            raise NotAllowedError("makes", named.dotted)
        return named.new(*args, **checked_state(kwargs))

    def _known_or_refused(self, verb: str, value: Any) -> Named:
        if type(value) is InertType:
            return Named(str(value), value, value, value)
        return self._known.get(id(value)) or self._unknown(verb, value)

    def _unknown(self, verb: str, value: Any) -> Named:
        raise UnpicklingError(f"it {verb} an object of {_type_name(value)}")

    def build(self, made: Any, state: Any) -> None:
        """Set the attributes of an object that was made by these rules.

        Raises:
            NotAllowedError: it was not made but named.
            UnpicklingError: its class has no attributes to set.
        """
        self._check_filled(made)
        self._spend([state, *state] if type(state) is tuple else [state])
        if isinstance(made, InertRecord):
            made.state = state
        elif self._is_trusted(made):
            _set_state(made, state)
        elif type(made) is partial:
            self._set_partial(made, *state)
        elif type(made) is np.ndarray:
            set_array(made, state)
        elif isinstance(made, np.dtype):
            set_dtype(made, state)
        elif type(made) is OrderedDict or self._is_made(made):
            _set_state(made, _harmless_state(made, state))
        else:
            raise UnpicklingError(f"it fills an object of {_type_name(made)}")

    def extend(self, made: Any, members: list[Any]) -> None:
        """Add members to a list, set or record.

        Raises:
            NotAllowedError: it was not made but named.
            UnpicklingError: it is none of them.
        """
        self._check_filled(made)
        if type(made) is list:
            made.extend(members)
        elif type(made) is set:
            made.update([self._keys.checked(made, member) for member in members])
        elif isinstance(made, InertRecord):
            made.members.extend(members)
        elif self._is_trusted(made):
            add = getattr(made, "append", None) or made.add
            for member in members:
                add(member)
        else:
            raise UnpicklingError(f"it fills an object of {_type_name(made)}")

    def set_pairs(self, made: Any, pairs: Iterable[tuple[Any, Any]]) -> None:
        """Set keys of a dict or record.

        Raises:
            NotAllowedError: it was not made but named.
            UnpicklingError: it is neither.
        """
        self._check_filled(made)
        if type(made) in _DICTS or self._is_trusted(made):
            for key, value in pairs:
                made[self._keys.checked(made, key)] = value
        elif isinstance(made, InertRecord):
            made.pairs.extend(pairs)
        else:
            raise UnpicklingError(f"it fills an object of {_type_name(made)}")

    def _check_filled(self, made: Any) -> None:
        # What a name stands for belongs to all; a file fills only what it has made.
        if id(made) in self._known and not self._is_trusted(made):
            raise NotAllowedError("fills", self._known[id(made)].dotted)

    def _is_made(self, made: Any) -> bool:
        named = self._known.get(id(type(made)))
        return named is not None and named.new is not None

    def _is_trusted(self, made: Any) -> bool:
        named = self._known.get(id(type(made)))
        return named is not None and named.trusted

    def _spend(self, parts: Iterable[Any]) -> None:
        self._copies -= sum(len(part) for part in parts if type(part) in _SIZED)
        if self._copies < 0:
            raise UnpicklingError("it copies more than it holds")

    def _attribute(self, owner: Any, name: Any) -> Any:
        known = self._known.get(id(owner))
        found = find_attribute(owner, known.dotted if known else None, name)
        if found is None:
            raise NotAllowedError("names", "builtins.getattr")
        return found if isinstance(found, InertRecord) else self._remember(Named(f"torch.{name}", found))

    def _partial(self, function: Any, *args: Any, **kwargs: Any) -> Any:
        return partial(self._harmless(function), *args, **kwargs)

    def _set_partial(self, made: Any, function: Any, args: Any, kwargs: Any, attributes: Any) -> None:
        keywords = checked_state(kwargs or {})
        own = None if attributes is None else checked_state(attributes)
        # Asked of the class: an attribute of the object may have the name of its method.
        set_state: Callable[..., None] = vars(partial)["__setstate__"]
        set_state(made, (self._harmless(function), args, keywords, own))

    def _harmless(self, function: Any) -> Any:
        self._known_or_refused("calls", function)
        return function

    def _defaultdict(self, *factory: Any) -> Any:
        # Python frees a chain of them by recursion, without the guard that other containers have.
        self._defaultdicts += 1
        if self._defaultdicts > _MOST_DEFAULTDICTS:
            raise UnpicklingError(f"it has more than {_MOST_DEFAULTDICTS} dicts with a default")
        return CONTAINER_CALLS["collections.defaultdict"](*factory)

    def _reconstructed(self, kind: Any, base: Any, state: Any) -> Any:
        if base is not object or state is not None:
            raise UnpicklingError(f"it makes an object from one of {_type_name(base)}")
        return self.new(kind, (), {})


class StateRules(NamedRules):
    """Rules that allow tensors, numbers and plain containers, and what torch was told to trust.

    Args:
        trust: as for `NamedRules`.
        size: bytes of the file.
    """

    def __init__(self, trust: Iterable[str], size: int) -> None:
        super().__init__(frozenset(trust), 8 * size)

    def _named(self, dotted: str, name: str) -> Named | None:
        if dotted in self._trust:
            return _imported(dotted)
        return super()._named(dotted, name) if is_of_states(dotted) else None


class TrustingRules(NamedRules):
    """Rules that allow everything; v1's names still stand for their twins here.

    Args:
        copies: as for `NamedRules`.
    """

    def __init__(self, copies: int) -> None:
        super().__init__((), copies)

    def _named(self, dotted: str, name: str) -> Named | None:
        known = find_named(dotted)
        if known is not None and (dotted.startswith("fastai.") or dotted in STORAGE_TYPES):
            return known
        try:
            return _imported(dotted)
        except (AttributeError, ImportError):
            if known is None:
                raise
            return known  # gone from today's torch or numpy

    def _unknown(self, verb: str, value: Any) -> Named:
        return _trusted(_type_name(value), value)

    def _is_trusted(self, made: Any) -> bool:
        return True


def _imported(dotted: str) -> Named:
    # numpy 2 warns when it is asked for what it moved.
    today = dotted.replace("numpy.core.", "numpy._core.", 1) if hasattr(np, "_core") else dotted
    return _trusted(dotted, resolve_name(today))


def _trusted(dotted: str, value: Any) -> Named:
    new = partial(value.__new__, value) if isinstance(value, type) else None
    return Named(dotted, value, value, new, trusted=True)


def _type_name(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _harmless_state(made: Any, state: Any) -> dict[str, Any]:
    attributes = checked_state(state)
    if isinstance(made, nn.RNNBase):
        # torch counts up to this number while it sets the state.
        layers = attributes.get("num_layers")
        if type(layers) is not int or layers > _MOST_LAYERS:
            raise ValueError(f"a recurrent network has {layers} layers")
    return attributes


def _set_state(made: Any, state: Any) -> None:
    """Set attributes as pickle does; asks the class, because a state may have set attributes of any name."""
    set_state = getattr(type(made), "__setstate__", None)
    if set_state is not None:
        set_state(made, state)
    else:
        attributes, slots = state if type(state) is tuple else (state, None)
        if attributes:
            made.__dict__.update(attributes)
        for name, value in (slots or {}).items():
            setattr(made, name, value)
    if isinstance(made, nn.Module):
        renew(made)
