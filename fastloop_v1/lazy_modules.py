"""`pd` and `plt` for code that takes them from v1's star imports; the packages load on first use."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from .optional import optional_import

__all__ = ["LazyModule", "pd", "plt"]


class LazyModule(ModuleType):
    """Stands for an optional package and imports it when one of its names is first read.

    Args:
        name: dotted name of the package or module.
        extra: the extra of this distribution that brings it.
    """

    def __init__(self, name: str, extra: str) -> None:
        super().__init__(name)
        self._extra = extra

    def __getattr__(self, name: str) -> Any:
        """Return the name from the package.

        Raises:
            MissingExtraError: the package is not installed.
            AttributeError: the package has no such name.
        """
        if name == "__wrapped__":
            # Tools that look through decorators ask every object for this; that is no use of the package.
            raise AttributeError(name)
        return getattr(optional_import(self.__name__, self._extra), name)


pd = LazyModule("pandas", "pandas")
plt = LazyModule("matplotlib.pyplot", "plots")
