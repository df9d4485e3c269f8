"""Stand-ins for v1's names that are not offered: they can be imported and subclassed; using one raises."""

from __future__ import annotations

from abc import ABCMeta
from collections.abc import Iterator
from functools import cache
from typing import Any

from ..errors import NotOfferedError
from ..module_class import PrePostInitMeta
from .not_offered import NOT_OFFERED, NotOffered

__all__ = ["StandInType", "stand_in"]


class StandInType(PrePostInitMeta, ABCMeta):
    """Class of the stand-ins and of what is derived from them: any use but naming raises.

    Its bases are the metaclasses that legacy code mixes in: those of `Module` and of abstract classes.
    """

    _stands_for: NotOffered

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """Refuse to make an instance, or to be called as the function v1 had.

        Raises:
            NotOfferedError: always.
        """
        raise cls._refusal()

    def __getattr__(cls, name: str) -> Any:
        """Refuse a public attribute; others, which tools ask for, are not there.

        Raises:
            NotOfferedError: the name is public.
            AttributeError: the name begins with an underscore.
        """
        if name.startswith("_"):
            raise AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}")
        raise cls._refusal()

    def __iter__(cls) -> Iterator[Any]:
        raise cls._refusal()

    def __len__(cls) -> int:
        raise cls._refusal()

    def __getitem__(cls, key: Any) -> Any:
        """Refuse an item.

        Raises:
            NotOfferedError: always.
        """
        raise cls._refusal()

    def __bool__(cls) -> bool:
        return True

    def _refusal(cls) -> NotOfferedError:
        """The error that says what is not offered, and which class of the user's builds on it."""
        sentence = cls._stands_for.sentence
        own = cls.__name__ != cls._stands_for.name
        return NotOfferedError(f"{cls.__name__} builds on a missing class: {sentence}" if own else sentence)


@cache
def stand_in(name: str) -> StandInType:
    """Return the class that stands for a name of `NOT_OFFERED`, the same one each time.

    Raises:
        KeyError: the name is none of these.
    """
    entry = NOT_OFFERED[name]
    content = {"__module__": f"fastai.{entry.module}", "__doc__": entry.sentence, "_stands_for": entry}
    return StandInType(name, (), content)
