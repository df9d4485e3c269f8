"""v1's modules and names and what became of each; neither torch nor v1 is loaded to read it.

The names of the training layer lie in `data/v1_names.json`, which `python -m fastloop_v1.migrate.v1_names`
prints anew from this package. The layers above are those of `v1_layout` and `not_offered`.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from .not_offered import NOT_OFFERED, NotOffered
from .plain_values import PLAIN_VALUES
from .star_names import THIRD_PARTY
from .torchvision_nets import TORCHVISION_NETS
from .v1_layout import FACES, HOMES, STARS_WITH_BASICS

__all__ = [
    "V1Name",
    "callback_classes",
    "find",
    "find_by_star",
    "is_module",
    "keywords",
    "module_by_star",
    "renewed_data",
    "v1_data",
]

_FILE = Path(__file__).parents[1] / "data" / "v1_names.json"
_NO_NAMES: dict[str, frozenset[str]] = {"v1": frozenset(), "star": frozenset(), "other": frozenset()}


@dataclass(frozen=True)
class V1Name:
    """A name that v1 code can import.

    Attributes:
        name: as it is imported.
        module: v1's module that defined it, without `fastai.`; the one it is imported from if none did.
        status: `here`, `not offered`, `gone` (v1 had it, here it cannot even be imported), or `foreign` (of
            another package, handed on by v1's star imports).
        offer: what is to be said of a name that is not offered.
    """

    name: str
    module: str
    status: str
    offer: NotOffered | None = None

    @property
    def dotted(self) -> str:
        """The name with its module."""
        return f"{self.module}.{self.name}".lstrip(".")


@lru_cache(maxsize=1)
def v1_data() -> dict[str, Any]:
    """The data as it lies in the file.

    `homes` has per module the names `v1` had, those of our `star` import, and `other` ones that can be read;
    `callbacks` are the callback classes, `keywords` the arguments that callables without `**` take.
    """
    data: dict[str, Any] = json.loads(_FILE.read_text(encoding="utf-8"))
    for names in data["homes"].values():
        names.update({key: frozenset(found) for key, found in names.items()})
    return data


def is_module(module: str) -> bool:
    """Whether v1 had a module of this dotted name, given without `fastai.`; the empty name is v1 itself."""
    return module in FACES or module in HOMES


@lru_cache(maxsize=4096)
def find(module: str, name: str) -> V1Name | None:
    """What `from fastai.<module> import <name>` gives; None if that fails and v1 is not known to have had it.

    As in v1, nearly every name can be imported from nearly every module.
    """
    if not is_module(module):
        return None
    own = v1_data()["homes"].get(module, _NO_NAMES)
    if name in own["star"] or name in own["other"]:
        return _here(module, name)
    if module == "vision.models" and name in TORCHVISION_NETS:
        return V1Name(name, module, "here")
    if name in _values():
        return V1Name(name, _values()[name], "here")
    if name in NOT_OFFERED:
        return V1Name(name, NOT_OFFERED[name].module, "not offered", NOT_OFFERED[name])
    if name in _basics() or name in ("__version__", "_loss_func2activ"):
        return _here(module, name)
    return V1Name(name, module, "gone") if name in own["v1"] else None


def find_by_star(modules: Iterable[str], name: str) -> V1Name | None:
    """What a name is that was brought by star imports of these modules; None if none of them brings it."""
    for module in modules:
        if _is_brought(module, name):
            return find(module, name)
    return None


def module_by_star(modules: Iterable[str], name: str) -> str:
    """The v1 module that star imports bring under a name, such as `callbacks`; empty if they bring none."""
    for module in modules:
        if name == "models" and module == "vision":
            return "vision.models"
        if name == "callbacks" and _is_brought(module, name):
            return "callbacks"
    return ""


def callback_classes() -> frozenset[str]:
    """Names of the callback classes."""
    return frozenset(v1_data()["callbacks"])


def keywords(name: str) -> list[str] | None:
    """The arguments that a callable of this name takes; None if it takes any, or is not known.

    Args:
        name: such as `TrainingPhase`, or `Learner.fit` for a method.
    """
    found: list[str] | None = v1_data()["keywords"].get(name)
    return found


def _here(module: str, name: str) -> V1Name:
    home = _defined().get(name)
    return V1Name(name, module if home is None else home, "foreign" if home is None else "here")


def _is_brought(module: str, name: str) -> bool:
    """Whether a star import of the module brings the name."""
    if module in HOMES:
        brought = v1_data()["homes"][module]["star"]
        if module == "basics":
            return name in brought or _is_of(FACES[""], name)
        return name in brought or (module in STARS_WITH_BASICS and name in _basics())
    if module.partition(".")[0] == "imports":
        return name in THIRD_PARTY
    nets = module == "vision.models" and name in TORCHVISION_NETS
    return module in FACES and (name in _basics() or nets or _is_of(FACES[module], name))


def _is_of(modules: Iterable[str], name: str) -> bool:
    """Whether the name is not offered, or a plain value, of one of these modules."""
    module = NOT_OFFERED[name].module if name in NOT_OFFERED else _values().get(name, "-")
    return module in modules


def _basics() -> frozenset[str]:
    names: frozenset[str] = v1_data()["homes"]["basics"]["star"]
    return names


@lru_cache(maxsize=1)
def _values() -> dict[str, str]:
    """The module of each plain value."""
    return {name: module for module, values in PLAIN_VALUES.items() for name in values}


@lru_cache(maxsize=1)
def _defined() -> dict[str, str]:
    """The module that defined each name of v1's training layer."""
    homes = reversed(v1_data()["homes"].items())
    return {name: module for module, names in homes for name in names["v1"]}


def renewed_data(data: dict[str, Any]) -> dict[str, Any]:
    """The data with v1's modules and names as they are in it, and all else as it is in this package now."""
    modules = {module: import_module(f"fastloop_v1.{module}") for module in data["homes"]}
    lists = [[*names["v1"], *modules[module].__all__] for module, names in data["homes"].items()]
    known = set(THIRD_PARTY).union(*lists)
    homes = {module: _renewed(data["homes"][module]["v1"], here, known) for module, here in modules.items()}
    found = {
        name: getattr(here, name)
        for module, here in modules.items()
        for name in homes[module]["v1"]
        if callable(getattr(here, name, None))
    }
    callback = found["Callback"]
    classes = {name: value for name, value in found.items() if isinstance(value, type)}
    methods = inspect.getmembers(found["Learner"], inspect.isfunction)
    taken = {**classes, **{f"Learner.{name}": method for name, method in methods if name[0] != "_"}}
    arguments = {name: _arguments(value) for name, value in sorted(taken.items())}
    return {
        "homes": homes,
        "callbacks": sorted(name for name, cls in classes.items() if issubclass(cls, callback)),
        "keywords": {name: taken for name, taken in arguments.items() if taken is not None},
    }


def _renewed(v1: Iterable[str], here: Any, known: set[str]) -> dict[str, list[str]]:
    star = set(here.__all__)
    other = {name for name in known if hasattr(here, name)} - star
    return {"v1": sorted(v1), "star": sorted(star), "other": sorted(other)}


def _arguments(function: Any) -> list[str] | None:
    """Names of the arguments; None if it takes any."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:
        return None  # a class of another package, written in C
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in parameters):
        return None
    return [p.name for p in parameters if p.kind is not inspect.Parameter.VAR_POSITIONAL and p.name != "self"]


if __name__ == "__main__":
    json.dump(renewed_data(v1_data()), sys.stdout, separators=(",", ":"))
    sys.stdout.write("\n")
