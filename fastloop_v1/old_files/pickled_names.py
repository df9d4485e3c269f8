"""What the names in an exported file stand for: torch's, numpy's and Python's values, and v1's twins here.

A name is looked up in modules that are loaded already, or in this package; none makes a foreign module load.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pkgutil import resolve_name
from types import FunctionType
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn, optim
from torch.nn.modules.module import _WrappedHook
from torch.nn.utils.spectral_norm import (
    SpectralNorm,
    SpectralNormLoadStateDictPreHook,
    SpectralNormStateDictHook,
)
from torch.nn.utils.weight_norm import WeightNorm

from ..inert_record import InertRecord, InertType, inert_class, inert_record
from .pickled_containers import CONTAINER_CALLS
from .pickled_numbers import NUMBER_CALLS
from .torch_file import STORAGE_TYPES

__all__ = ["Named", "find_attribute", "find_named", "is_of_states", "name_today"]

_PACKAGE = __name__.partition(".")[0]
_V1, _V1_BARS = "fastai", "fastprogress"
_MODULE = re.compile(r"[a-z]\w*(\.[a-z]\w*)*", re.ASCII)
# Modules of ours whose functions only compute: a model, loss or metric may hold any of them.
_COMPUTING = {
    f"{_PACKAGE}.{module}"
    for module in (
        *("activation", "arrays", "attention", "convolutions", "layers", "losses", "metric_functions"),
        *("metrics", "modules", "names", "nested", "schedule", "sequences", "weight_init"),
        *("v2.optimizers", "v2.steppers"),
    )
}
_WRITTEN_IN_C = "torch._C._nn"
# Where torch keeps the functions that it has written in C; stands for the place, and has none of them itself.
_TORCH_FUNCTIONS = object()
_BY_NUMBER = (
    *("abs", "acos", "asin", "atan", "ceil", "clamp", "cos", "cosh", "erf", "exp", "expm1", "floor", "log"),
    *("log10", "log1p", "log2", "log_softmax", "neg", "reciprocal", "relu", "round", "rsqrt", "selu"),
    *("sigmoid", "sign", "sin", "sinh", "softmax", "sqrt", "square", "tan", "tanh", "trunc"),
)
_MOVED_MODULES = {
    "__builtin__": "builtins",
    "copy_reg": "copyreg",
    "numpy._core": "numpy.core",
    "numpy._core.multiarray": "numpy.core.multiarray",
    _WRITTEN_IN_C: F.__name__,
}
_MOVED = {
    "builtins.long": "builtins.int",
    "builtins.unicode": "builtins.str",
    "builtins.xrange": "builtins.range",
    "torch.nn.modules.linear._LinearWithBias": "torch.nn.modules.linear.NonDynamicallyQuantizableLinear",
}
# What may be called under these names is a class, which may also stand in the data as such.
_CLASSES = (
    "builtins.",
    "collections.",
    "numpy.dtype",
    "pathlib.P",
    "pathlib.W",
    "torch.Size",
    "torch.device",
)


@dataclass(frozen=True)
class Named:
    """What a dotted name in a pickle stands for.

    Attributes:
        dotted: the name.
        value: what stands in the data for it.
        call: answers a call, or None if it may not be called.
        new: makes an object without running its `__init__`, or None if it may not.
        trusted: whether the user said that anything may be done with it.
    """

    dotted: str
    value: Any
    call: Callable[..., Any] | None = None
    new: Callable[..., Any] | None = None
    trusted: bool = False


def name_today(module: str, name: str) -> str:
    """Return the dotted name under which today's Python, numpy and torch know what a pickle names."""
    dotted = f"{_MOVED_MODULES.get(module, module)}.{name}"
    return _MOVED.get(dotted, dotted)


def find_named(dotted: str) -> Named | None:
    """Return what a name stands for, or None if an exported file may not hold it.

    A name of v1 stands for its public twin in this package, and for a class that makes inert records if there
    is none. Nothing else is looked up in a module that is not loaded.
    """
    found = _FIXED.get(dotted)
    if found is not None:
        return found
    module, _, name = dotted.rpartition(".")
    if not _MODULE.fullmatch(module):
        return None
    package = module.partition(".")[0]
    if package in (_V1, _V1_BARS):
        return (_twin(dotted, module, name) if package == _V1 else None) or _inert(dotted)
    finder = _FINDERS.get(package)
    return finder(dotted, module, name) if finder else None


def is_of_states(dotted: str) -> bool:
    """Whether a name may stand in a file of weights: of a plain container, a number or a tensor."""
    found = _FIXED.get(dotted)
    if dotted.startswith("pathlib.") or dotted == "numpy.core.multiarray._reconstruct":
        return False
    plain = dotted.startswith("collections.") or isinstance(found and found.value, torch.dtype)
    return plain or dotted in CONTAINER_CALLS or dotted in NUMBER_CALLS or dotted in _TENSORS


def find_attribute(owner: Any, dotted: str | None, name: Any) -> Any:
    """Return what an attribute of something in a file stands for, or None if a file may not ask for it.

    It stands for a function of torch that computes number by number, which files ask for in this way, or for
    a record of a method of v1. No attribute is read.

    Args:
        owner: what is asked.
        dotted: the name under which the file knows it, if it is a class or function.
        name: of the attribute.
    """
    if type(name) is not str or not name.isidentifier() or name.startswith("_"):
        return None
    if owner is _TORCH_FUNCTIONS:
        return getattr(torch, name) if name in _BY_NUMBER else None
    if isinstance(owner, InertRecord):
        dotted = f"{type(owner).__module__}.{type(owner).__name__}"
    elif type(owner) is InertType:
        dotted = f"{owner.__module__}.{owner.__name__}"
    is_of_v1 = dotted is not None and dotted.partition(".")[0] in (_V1, _V1_BARS)
    return inert_class(f"{dotted}.{name}")(owner) if is_of_v1 else None


def _twin(dotted: str, module: str, name: str) -> Named | None:
    """Return the public class or computing function that this package has in a module of that name."""
    try:
        home = importlib.import_module(f"{_PACKAGE}.{module.partition('.')[2]}".rstrip("."))
    except ImportError:
        return None
    found = vars(home).get(name) if name in getattr(home, "__all__", ()) else None
    origin = str(getattr(found, "__module__", ""))
    if isinstance(found, FunctionType):
        return Named(dotted, found) if origin in _COMPUTING else None
    if not isinstance(found, type) or origin.partition(".")[0] != _PACKAGE:
        return None
    if issubclass(found, Enum):
        return Named(dotted, found, partial(_member, found))
    # An object that does something when it goes would do it to whatever attributes a file gave it.
    return Named(dotted, found, None, None if hasattr(found, "__del__") else partial(_bare, found))


def _inert(dotted: str) -> Named | None:
    if not dotted.rpartition(".")[2].isidentifier():
        return None
    stand_in = inert_class(dotted)
    return Named(dotted, stand_in, stand_in, stand_in)


def _torch(dotted: str, module: str, name: str) -> Named | None:
    """Return a module class, an optimizer class, or a function that modules are built from."""
    home = sys.modules.get(module)
    found = vars(home).get(name) if home else None
    origin = str(getattr(found, "__module__", ""))
    if isinstance(found, type) and issubclass(found, nn.Module):
        known = origin.startswith("torch.nn.modules.") or found is nn.DataParallel
        return Named(dotted, found, None, partial(_bare, found)) if known else None
    if isinstance(found, type) and issubclass(found, optim.Optimizer):
        return Named(dotted, found) if origin.startswith("torch.optim") else None
    functional = home is F and callable(found) and not name.startswith("_")
    return Named(dotted, found) if functional and origin in (F.__name__, _WRITTEN_IN_C) else None


def _numpy(dotted: str, module: str, name: str) -> Named | None:
    """Return a class of numbers."""
    found = vars(np).get(name)
    of_numbers = isinstance(found, type) and issubclass(found, (np.number, np.bool_))
    return Named(dotted, found) if module == "numpy" and of_numbers else None


def _bare(kind: type, *args: Any) -> Any:
    """Return an object of that class and nothing else; neither `__new__` nor `__init__` of the class runs."""
    if args:
        raise TypeError(f"{kind.__name__} takes no arguments when it is read from a file")
    return object.__new__(kind)


def _member(kind: type[Enum], value: Any) -> Enum:
    if type(value) not in (int, str):
        raise TypeError(f"a member of {kind.__name__} has no plain value")
    return kind(value)


def _inert_class(dotted: Any) -> InertType:
    if type(dotted) is not str:
        raise TypeError("a record has no name")
    return inert_class(dotted)


def _fixed() -> dict[str, Named]:
    """Return what stands for a name that does not depend on the installed torch or on this package."""
    calls = {**CONTAINER_CALLS, **NUMBER_CALLS}
    calls[f"{_PACKAGE}.inert_record.inert_class"] = _inert_class
    calls[f"{_PACKAGE}.inert_record.inert_record"] = inert_record
    fixed = {name: Named(name, call, call) for name, call in calls.items()}
    for name in [name for name in calls if name.startswith(_CLASSES)]:
        fixed[name] = Named(name, resolve_name(name), calls[name])
    values: dict[str, Any] = {
        **{f"builtins.{kind.__name__}": kind for kind in (bool, float, int, object, str)},
        **{f"numpy.{function.__name__}": function for function in (np.greater, np.less)},
        "builtins.Ellipsis": ...,
        "numpy.ndarray": np.ndarray,
        "torch._C._VariableFunctions": _TORCH_FUNCTIONS,
        "torch._C._VariableFunctionsClass": _TORCH_FUNCTIONS,
        **{f"torch.{name}": getattr(torch, name) for name in _BY_NUMBER},
        "torch.Tensor": torch.Tensor,
        "torch._tensor.Tensor": torch.Tensor,
        "torch.nn.parameter.Parameter": nn.Parameter,
        **{f"torch.{name}": kind for name, kind in vars(torch).items() if isinstance(kind, torch.dtype)},
        **STORAGE_TYPES,
    }
    fixed.update({name: Named(name, value) for name, value in values.items()})
    for hook in _HOOKS:
        name = f"{hook.__module__}.{hook.__name__}"
        fixed[name] = Named(name, hook, None, partial(_bare, hook))
    return fixed


_TENSORS = ("torch.Tensor", "torch._tensor.Tensor")
# What torch itself hangs on a module: normed weights, and the wrapping of hooks since torch 2.
_HOOKS = (
    SpectralNorm,
    SpectralNormLoadStateDictPreHook,
    SpectralNormStateDictHook,
    WeightNorm,
    _WrappedHook,
)
_FIXED = _fixed()
_FINDERS: dict[str, Callable[[str, str, str], Named | None]] = {
    _PACKAGE: _twin,
    "numpy": _numpy,
    "torch": _torch,
}
