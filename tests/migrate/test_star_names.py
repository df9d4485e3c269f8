"""Names of other packages come with v1's star imports, and mean what they meant."""

from __future__ import annotations

import importlib
from pkgutil import resolve_name

import pytest

from fastloop_v1 import basics
from fastloop_v1.lazy_modules import LazyClass, LazyModule
from fastloop_v1.migrate.star_names import THIRD_PARTY

USED = [
    "torch",
    "np",
    "partial",
    "Path",
    "pd",
    "nn",
    "F",
    "Any",
    "plt",
    "os",
    "Collection",
    "Tensor",
    "Callable",
    "Optional",
    "math",
    "Tuple",
    "List",
    "optim",
    "Union",
    "DataLoader",
    "gc",
    "random",
    "dataclass",
    "sys",
    "warn",
    "warnings",
    "Iterator",
    "re",
    "pickle",
    "Counter",
    "DataFrame",
    "shutil",
    "LongTensor",
]


def _found(dotted):
    """What a dotted name stands for, its module imported."""
    module, _, name = dotted.rpartition(".")
    try:
        return importlib.import_module(dotted)
    except ImportError:
        return getattr(importlib.import_module(module), name)


@pytest.mark.parametrize("name", USED)
def test_name_of_real_code_is_listed(name):
    assert name in THIRD_PARTY


@pytest.mark.parametrize(("name", "dotted"), THIRD_PARTY.items(), ids=THIRD_PARTY)
def test_basics_hands_it_out(name, dotted):
    handed = getattr(basics, name)
    assert name in basics.__all__
    if isinstance(handed, LazyModule):
        assert handed.__name__ == dotted
    elif isinstance(handed, LazyClass):
        assert handed.mro() == resolve_name(dotted).mro()
    else:
        assert handed is _found(dotted)
