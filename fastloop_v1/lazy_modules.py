"""`pd`, `plt` and others that v1's star imports brought; their packages load on first use."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from .optional import optional_import

__all__ = [
    "DataFrame",
    "LazyClass",
    "LazyModule",
    "Patch",
    "Series",
    "patches",
    "patheffects",
    "pd",
    "plt",
    "scipy",
]


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


class LazyClass:
    """Stands for a class of an optional package: it is called, subclassed and asked like the class.

    Args:
        module: the package or module, imported on first use.
        name: name of the class in it.
    """

    def __init__(self, module: LazyModule, name: str) -> None:
        self._module = module
        self.__name__ = self.__qualname__ = name

    @property
    def _class(self) -> Any:
        return getattr(self._module, self.__name__)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Make an instance of the class."""
        return self._class(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        """Return the attribute of the class; tools that look through decorators load nothing."""
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(self._class, name)

    def __instancecheck__(self, instance: Any) -> bool:
        package = self._module.__name__.partition(".")[0]
        # Where the package was never loaded, nothing is of its classes.
        return package in sys.modules and isinstance(instance, self._class)

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[Any, ...]:
        return (self._class,)


pd = LazyModule("pandas", "pandas")
plt = LazyModule("matplotlib.pyplot", "plots")
patches = LazyModule("matplotlib.patches", "plots")
patheffects = LazyModule("matplotlib.patheffects", "plots")
scipy = LazyModule("scipy", "plots")
DataFrame = LazyClass(pd, "DataFrame")
Series = LazyClass(pd, "Series")
Patch = LazyClass(patches, "Patch")
