"""The import finder behind the alias: `fastai.x` is our module `x` itself, or a face made on the spot.

No file is read or written. A module of ours keeps its own name and spec, so that reloading, pickling and
tracebacks say where it really is.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder, PathEntryFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from .. import progress
from .faces import Dressed, dressed, dressed_progress, fill_face
from .v1_layout import FACES, HOMES

__all__ = ["AliasFinder"]

_PACKAGE = __package__.partition(".")[0]
_ORIGIN = __name__
_ALIAS = "fastai"
_BARS = "fastprogress"
# The folder the alias's modules seem to lie in: tools that wrap imports ask Python's own finder for it.
_FOLDER = "<fastai is fastloop_v1>"
_Dress = Callable[[ModuleType], Dressed]


class AliasFinder(MetaPathFinder):
    """Finds `fastai` and its modules, and `fastprogress` where it is asked to.

    Attributes:
        dressed: our modules imported through the alias, each with what undoes the changes to it.

    Args:
        bars: whether to answer for `fastprogress` too.
    """

    def __init__(self, *, bars: bool) -> None:
        self.dressed: dict[str, Dressed] = {}
        self._bars = bars

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how to load a module of the alias, None for any other.

        Raises:
            ModuleNotFoundError: v1 had no such module in a folder of which we have the others.
        """
        root, _, inside = fullname.partition(".")
        if root == _BARS and self._bars:
            return self._spec_of_bars(fullname, inside)
        if root != _ALIAS:
            return None
        if inside in HOMES:
            return self._spec_of_home(fullname, f"{_PACKAGE}.{inside}", lambda m: dressed(m, inside))
        if inside in FACES:
            is_package = not inside or any(face.startswith(f"{inside}.") for face in FACES)
            loader = _FaceLoader(lambda module: fill_face(module, inside))
            spec = ModuleSpec(fullname, loader, origin=_ORIGIN, is_package=is_package)
            spec.submodule_search_locations = [_FOLDER] if is_package else None
            return spec
        if inside.rpartition(".")[0] in HOMES:
            # The folder is ours: left to Python, its other files would load a second time under this name.
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return None

    def folder_hook(self, folder: str) -> PathEntryFinder:
        """Return what finds modules in the alias's own folder, for `sys.path_hooks`.

        Raises:
            ImportError: it is another folder.
        """
        if folder != _FOLDER:
            raise ImportError(f"{folder!r} is not of the alias.")
        return _FolderFinder(self)

    def _spec_of_home(self, alias: str, home: str, dress: _Dress) -> ModuleSpec | None:
        real = find_spec(home)
        if real is None:
            return None
        is_package = real.submodule_search_locations is not None
        return ModuleSpec(alias, _HomeLoader(self, real, dress), origin=real.origin, is_package=is_package)

    def _spec_of_bars(self, fullname: str, inside: str) -> ModuleSpec | None:
        if not inside:
            return ModuleSpec(fullname, _FaceLoader(_fill_bars), origin=_ORIGIN, is_package=True)
        if inside in ("core", "fastprogress"):
            return self._spec_of_home(fullname, progress.__name__, lambda _: dressed_progress())
        return None

    def dress(self, module: ModuleType, dress: _Dress) -> None:
        """Let a module of ours hand out what v1's did, once."""
        if module.__name__ not in self.dressed:
            self.dressed[module.__name__] = dress(module)

    def forget(self) -> None:
        """Undo what imports through the alias did: names in `sys.modules`, and the dress of our modules."""
        for worn in self.dressed.values():
            worn.undress()
        self.dressed.clear()
        for name in [name for name in sys.modules if self._answers_for(name)]:
            del sys.modules[name]
        sys.path_importer_cache.pop(_FOLDER, None)

    def _answers_for(self, name: str) -> bool:
        root = name.partition(".")[0]
        return root == _ALIAS or (root == _BARS and self._bars)


class _FolderFinder(PathEntryFinder):
    """Finds the modules of the alias for Python's own finder."""

    def __init__(self, finder: AliasFinder) -> None:
        self._finder = finder

    def find_spec(self, fullname: str, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return how to load a module of the alias."""
        return self._finder.find_spec(fullname, None, target)


class _Through(ModuleType):
    """The module thrown away; a tool that patches what it has seen loaded patches ours through it."""

    _ours: ModuleType

    def __getattr__(self, name: str) -> Any:
        return getattr(vars(self)["_ours"], name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._ours, name, value)


class _HomeLoader(Loader):
    """Puts a module of ours in the place of the new one the import system made."""

    def __init__(self, finder: AliasFinder, real: ModuleSpec, dress: _Dress) -> None:
        self._finder, self._real, self._dress = finder, real, dress

    def create_module(self, spec: ModuleSpec) -> None:
        """Let the import system make a module; it is thrown away."""

    def exec_module(self, module: ModuleType) -> None:
        """Import ours and let the import system find that under the alias's name."""
        ours = import_module(self._real.name)
        self._finder.dress(ours, self._dress)
        sys.modules[module.__name__] = ours
        vars(module)["_ours"] = ours
        module.__class__ = _Through


class _FaceLoader(Loader):
    """Fills a module made by the import system."""

    def __init__(self, fill: Callable[[ModuleType], None]) -> None:
        self._fill = fill

    def create_module(self, spec: ModuleSpec) -> None:
        """Let the import system make the module."""

    def exec_module(self, module: ModuleType) -> None:
        """Fill it."""
        self._fill(module)


def _fill_bars(module: ModuleType) -> None:
    """Give the package `fastprogress` its names."""
    bars = import_module(f"{_BARS}.{_BARS}")
    names = ("force_console_behavior", "master_bar", "progress_bar")
    found = {name: getattr(bars, name) for name in names}
    module.__dict__.update(found, __all__=list(names), __version__="0.2.7")
