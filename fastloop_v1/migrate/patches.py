"""What importing v1 changed in other packages and legacy code leans on: set by the alias, taken back exactly.

v1 also set numpy's print options, silenced warnings, and changed how a `DataLoader` is made: pinned memory by
default, its arguments kept. The first two change no result and would hide what other code says; pinning warns
on a CPU; the arguments are worked out when `init_kwargs` is read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import spawn
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader

from ..data_loading import loader_options
from ..defaults import defaults
from ..distributed import rnn_reset
from ..nested import pca
from ..paths import ls
from .children import preparation_with_alias

__all__ = ["Patch", "patches"]

_set_device: Callable[..., None] = torch.cuda.set_device


@dataclass
class Patch:
    """One attribute to set on a class or module of another package.

    Attributes:
        owner: the class or module.
        name: the attribute.
        value: what it is while the alias is on.
    """

    owner: Any
    name: str
    value: Any

    def put(self) -> None:
        """Set the attribute, and remember what was there."""
        self._had = self.name in vars(self.owner)
        self._before = vars(self.owner).get(self.name)
        setattr(self.owner, self.name, self.value)

    def take_back(self) -> None:
        """Put back what was there, unless someone has put something else there since."""
        if vars(self.owner).get(self.name) is not self.value:
            return
        if self._had:
            setattr(self.owner, self.name, self._before)
        else:
            delattr(self.owner, self.name)


def patches() -> list[Patch]:
    """All changes, not yet made."""
    return [
        Patch(Path, "ls", ls),
        Patch(torch.Tensor, "pca", pca),
        Patch(nn.DataParallel, "reset", rnn_reset),
        Patch(nn.parallel.DistributedDataParallel, "reset", rnn_reset),
        Patch(DataLoader, "__getattr__", _ask_the_data_set),
        Patch(torch.cuda, "set_device", _set_default_device),
        Patch(spawn, "get_preparation_data", preparation_with_alias),
    ]


def _ask_the_data_set(self: DataLoader[Any], k: str) -> Any:
    """v1: what a loader does not have, its data set has; `init_kwargs` would make the loader again."""
    if k.startswith("__") or k == "dataset":
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {k!r}")
    return loader_options(self) if k == "init_kwargs" else getattr(self.dataset, k)


def _set_default_device(device: Any) -> None:
    """v1: the GPU chosen for torch is `defaults.device` too."""
    _set_device(device)
    index = device if isinstance(device, int) else torch.device(device).index
    if index is not None and index >= 0:  # torch does nothing for a negative number
        defaults.device = torch.device("cuda", index)
