"""Items of data sets: the data a model sees, with the object a person sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .errors import ArgumentError
from .sequences import recurse_eq

__all__ = ["Category", "EmptyLabel", "FloatItem", "ItemBase", "MultiCategory"]


class ItemBase:
    """An item of a data set: `data` is what goes into a batch, `obj` what is shown.

    Args:
        data: a number, an array, a tensor, or nested lists of them.
    """

    def __init__(self, data: Any) -> None:
        self.data: Any = data
        self.obj: Any = data

    def __repr__(self) -> str:
        """Return class name and text of the item."""
        return f"{type(self).__name__} {self}"

    def __str__(self) -> str:
        """Return the shown object as text."""
        return str(self.obj)

    def show(self, ax: Any, **kwargs: Any) -> None:
        """Write the item as the title of a matplotlib axis."""
        ax.set_title(str(self))

    def apply_tfms(self, tfms: Any, **kwargs: Any) -> ItemBase:
        """Return the item itself; subclasses that know transforms apply them.

        Raises:
            ArgumentError: `tfms` is not empty; this kind of item takes none.
        """
        if tfms:
            raise ArgumentError(f"tfms={tfms!r}: a {type(self).__name__} takes no transforms.")
        return self

    def __eq__(self, other: object) -> bool:
        """Whether the data of both items is equal, tensors and nested lists included."""
        return recurse_eq(self.data, getattr(other, "data", other))

    def __hash__(self) -> int:
        """Equal for equal text."""
        return hash(str(self))


class EmptyLabel(ItemBase):
    """The label of an item without a label; its data is 0."""

    def __init__(self) -> None:
        self.obj, self.data = None, 0

    def __str__(self) -> str:
        """Return an empty text."""
        return ""

    def apply_tfms(self, tfms: Any = None, *args: Any, **kwargs: Any) -> EmptyLabel:
        """Return the label itself, whatever the transforms."""
        return self


class Category(ItemBase):
    """One class out of several.

    Args:
        data: index of the class.
        obj: name of the class.
    """

    def __init__(self, data: Any, obj: Any) -> None:
        self.data, self.obj = data, obj

    def __int__(self) -> int:
        """Return the index of the class."""
        return int(self.data)

    def __str__(self) -> str:
        """Return the name of the class."""
        return str(self.obj)


class MultiCategory(ItemBase):
    """Any number of classes out of several.

    Args:
        data: one-hot vector.
        obj: names of the classes.
        raw: indices of the classes.
    """

    def __init__(self, data: Any, obj: Sequence[Any], raw: Any) -> None:
        self.data, self.obj, self.raw = data, obj, raw

    def __str__(self) -> str:
        """Return the names of the classes, with semicolons between."""
        return ";".join(str(o) for o in self.obj)


class FloatItem(ItemBase):
    """A number, or several, to be predicted; the data is float32.

    Args:
        obj: a number or a list of numbers.
    """

    def __init__(self, obj: Any) -> None:
        self.data, self.obj = np.array(obj).astype(np.float32), obj

    def __str__(self) -> str:
        """Return the numbers as text."""
        return str(self.obj)
