"""Modules that stand for a client's server and for packages that were not installed with it."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

__all__ = ["folder_of", "shell", "stand_in", "stand_in_if_missing"]


def folder_of(package):
    """The installed folder of a package, found without importing it."""
    return next(folder for entry in sys.path if (folder := Path(entry) / package).is_dir())


def shell(package, **names):
    """Put an empty package in place of one, that finds its modules but does not run its `__init__`."""
    folder = folder_of(package)
    module = stand_in(package, __path__=[str(folder)], __file__=str(folder / "__init__.py"), **names)
    module.__spec__.submodule_search_locations = module.__path__
    return module


def stand_in(module, **names):
    """Put a module with these names in place of one, also as attribute of its package."""
    made = sys.modules[module] = ModuleType(module)
    made.__spec__ = ModuleSpec(module, None)
    vars(made).update(names)
    package, _, last = module.rpartition(".")
    if package in sys.modules:
        setattr(sys.modules[package], last, made)
    return made


def stand_in_if_missing(module, **names):
    """The same for a package that may be there."""
    if find_spec(module) is None:
        stand_in(module, **names)
