"""The `defaults` object: what a Learner, a loader or a plot takes when nothing else is said."""

from __future__ import annotations

import os
from typing import Any

import torch

__all__ = ["DefaultDevice", "Defaults", "defaults", "num_cpus"]


def num_cpus() -> int:
    """Number of processors this process may run on."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


class Defaults:
    """v1's `defaults` namespace; every attribute may be assigned and new ones may be added.

    Attributes:
        lr: learning rate of `fit` and `fit_one_cycle` when none is given, `slice(3e-3)`.
        wd: weight decay of a Learner, 1e-2.
        cpus: workers of loaders made here, at most 16.
        cmap: colour map of pictures.
        silent: True keeps new Learners from printing.
        return_fig: True makes plots return their figure.
        extra_callbacks: callbacks every new Learner gets, or None.
        extra_callback_fns: factories every new Learner gets, or None.
        v1_quirks: True brings v1's faulty behaviour back where the right one changes results; the rows of
            `docs/differences.md` say where.
    """

    def __init__(self) -> None:
        self.lr: Any = slice(3e-3)
        self.wd: Any = 1e-2
        self.cpus: int = min(16, num_cpus())
        self.cmap: str = "viridis"
        self.silent: bool = False
        self.return_fig: bool = False
        self.extra_callbacks: list[Any] | None = None
        self.extra_callback_fns: list[Any] | None = None
        self.v1_quirks: bool = False
        self._device: torch.device | None = None

    @property
    def device(self) -> torch.device:
        """Where batches go: the first accelerator, else the CPU; asked for on first use, not at import."""
        if self._device is None:
            self._device = torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
        return self._device

    @device.setter
    def device(self, device: torch.device | str) -> None:
        self._device = torch.device(device)


defaults = Defaults()


class DefaultDevice:
    """Stands in a signature for `defaults.device` at the time of the call, and equals it."""

    def __eq__(self, other: object) -> bool:
        return defaults.device == other

    def __hash__(self) -> int:
        return hash(DefaultDevice)

    def __repr__(self) -> str:
        return "defaults.device"

    @staticmethod
    def resolve(device: Any) -> torch.device:
        """`device` as a torch device, `defaults.device` if it is None or a `DefaultDevice`."""
        given = device is not None and not isinstance(device, DefaultDevice)
        return torch.device(device) if given else defaults.device
