"""What the modules of `fastai` hand out: faces made for imports, and our own modules with v1's neighbours.

v1's modules star-imported one another, so that nearly every name could be taken from nearly every module, and
legacy code does. Here a name that a module does not have is looked for in `basics` while the alias is on.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from importlib import import_module
from types import MappingProxyType, ModuleType
from typing import Any

from .. import activation, progress
from ..recorder import format_time
from .not_offered import NOT_OFFERED
from .plain_values import PLAIN_VALUES
from .stand_ins import stand_in
from .star_names import THIRD_PARTY
from .torchvision_nets import TORCHVISION_NETS, torchvision_net
from .v1_layout import FACES, HOMES, STARS_WITH_BASICS, V1_VERSION

__all__ = ["Dressed", "dressed", "dressed_progress", "fill_face", "force_console_behavior", "names_of"]

# What v1's modules had in common; a face, which only this module hands on.
_BASICS: ModuleType = import_module("..basics", __package__)
_STAR: tuple[str, ...] = tuple(_BASICS.__all__)
_VALUES = {name: value for values in PLAIN_VALUES.values() for name, value in values.items()}
_ALWAYS_IMPORTED = (
    *("core", "torch_core", "basic_data", "callback", "layers", "basic_train", "metrics", "train"),
    "callbacks",
)
_NONE: Mapping[str, Any] = MappingProxyType({})
# v1's private names that legacy code imports.
_PRIVATE = {"_loss_func2activ": activation.loss_func2activ}


def names_of(modules: Iterable[str]) -> list[str]:
    """Names that v1 defined in these modules and that are not offered, or plain values."""
    found: list[str] = []
    for module in modules:
        found += [entry.name for entry in NOT_OFFERED.values() if entry.module == module]
        found += PLAIN_VALUES.get(module, ())
    return found


def _neighbour(module: str, name: str) -> Any:
    """What v1 handed out under a name that `module` does not define itself.

    Raises:
        AttributeError: nothing.
    """
    if name in _PRIVATE:
        return _PRIVATE[name]
    if name in _VALUES:
        return _VALUES[name]
    if name in NOT_OFFERED:
        return stand_in(name)
    if not name.startswith("_") and name in vars(_BASICS):
        return vars(_BASICS)[name]
    raise AttributeError(f"module {module!r} has no attribute {name!r}")


def fill_face(module: ModuleType, face: str) -> None:
    """Give a new module what v1's module of this name handed out.

    Args:
        module: the module, empty but for what the import system sets.
        face: a key of `FACES`.
    """
    brought = THIRD_PARTY if face.startswith("imports") else _STAR
    inside = [name for name in ("models",) if f"{face}.{name}" in FACES]
    own = [name for name in names_of(FACES[face]) if name not in inside]
    nets = sorted(TORCHVISION_NETS) if face == "vision.models" else []

    def getattr_of_face(name: str) -> Any:
        dotted = f"{face}.{name}".lstrip(".")
        if dotted in FACES or dotted in HOMES:
            return import_module(f"{module.__name__}.{name}")
        if face == "vision.models" and name in TORCHVISION_NETS:
            return torchvision_net(name)
        return _neighbour(module.__name__, name)

    module.__doc__ = f"Stands for v1's module `{module.__name__}` in imports."
    module.__dict__.update(
        __all__=sorted({*brought, *own, *inside, *nets}),
        __getattr__=getattr_of_face,
        __version__=V1_VERSION,
    )
    if not face:
        # Importing any of v1 imported these, and tools that patch them wait for it.
        for home in _ALWAYS_IMPORTED:
            import_module(f"{module.__name__}.{home}")
    if face == "imports":
        # Its module `torch` must not stay in the way of the package.
        import_module(f"{module.__name__}.torch")
        vars(module)["torch"] = vars(_BASICS)["torch"]


class Dressed:
    """A module of ours that, until it is undressed, hands out what v1's module of that name did.

    Args:
        module: the module.
        star: names that its star import brings beyond its own.
        more: values of names it does not define, asked before `basics`.
    """

    def __init__(self, module: ModuleType, star: Iterable[str] = (), more: Mapping[str, Any] = _NONE) -> None:
        self.module = module
        self._own = {name: vars(module).get(name) for name in ("__all__", "__getattr__")}
        own_getattr: Callable[[str], Any] | None = self._own["__getattr__"]

        def getattr_of_home(name: str) -> Any:
            inside = f"{module.__name__}.{name}".partition(".")[2]
            if inside in HOMES:
                # v1: a folder had imported its modules.
                return import_module(f"fastai.{inside}")
            if own_getattr is not None:
                with suppress(AttributeError):
                    return own_getattr(name)
            return more[name] if name in more else _neighbour(module.__name__, name)

        added = {"__all__": sorted({*module.__dict__["__all__"], *star}), "__getattr__": getattr_of_home}
        vars(module).update(added)

    def undress(self) -> None:
        """Give the module back the names it had."""
        for name, value in self._own.items():
            if value is None:
                del vars(self.module)[name]
            else:
                vars(self.module)[name] = value


def dressed(module: ModuleType, home: str) -> Dressed:
    """Dress one of our modules.

    Args:
        module: the module.
        home: a name in `HOMES`.
    """
    star = names_of(FACES[""]) if home == "basics" else _STAR if home in STARS_WITH_BASICS else ()
    return Dressed(module, star)


def dressed_progress() -> Dressed:
    """Dress `progress`, which answers for the package fastprogress."""
    more = {
        "ConsoleMasterBar": progress.MasterBar,
        "ConsoleProgressBar": progress.ProgressBar,
        "NBMasterBar": progress.MasterBar,
        "NBProgressBar": progress.ProgressBar,
        "IN_NOTEBOOK": False,
        "MAX_COLS": 160,
        "SAVE_APPEND": False,
        "SAVE_PATH": None,
        "WRITER_FN": print,
        "force_console_behavior": force_console_behavior,
        "format_time": format_time,
        "isnotebook": lambda: progress.display_mode(sys.stderr) == "notebook",
    }
    return Dressed(progress, more, more)


def force_console_behavior() -> tuple[Any, Any]:
    """Return `master_bar` and `progress_bar`; fastprogress gave those of a terminal.

    The environment variable `FASTLOOP_PROGRESS=plain` is what keeps a notebook from drawing.
    """
    return progress.master_bar, progress.progress_bar
