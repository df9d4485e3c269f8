"""The states of all global random generators: of Python, numpy and torch on every device."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch

__all__ = ["has_device", "random_state", "set_random_state"]

_DEVICES = ("cuda", "xpu", "mps")


def random_state(*, devices: bool = True) -> dict[str, Any]:
    """Return the states of all global generators, as numbers, tuples and tensors that nobody else changes.

    Args:
        devices: False leaves accelerators out, which a forked process must not touch.
    """
    version, words, gauss = random.getstate()
    return {
        "python": (version, np.array(words, dtype=np.uint64), gauss),
        "numpy": np.random.get_state(),
        "torch": torch.get_rng_state(),
        **{name: _device_states(name) for name in _DEVICES if devices and has_device(name)},
    }


def set_random_state(state: dict[str, Any]) -> None:
    """Put states of `random_state` back; those of devices that are not here are left out."""
    version, words, gauss = state["python"]
    random.setstate((version, tuple(words.tolist()), gauss))
    np.random.set_state(state["numpy"])
    torch.set_rng_state(state["torch"])
    for name in _DEVICES:
        if name in state and has_device(name):
            _set_device_states(name, state[name])


def has_device(name: str) -> bool:
    """Whether a type of devices, such as `"cuda"`, can be used here."""
    for place in (torch, torch.backends):  # torch 2.4 asks for MPS in backends only
        if is_available := getattr(getattr(place, name, None), "is_available", None):
            return bool(is_available())
    return False


def _device_states(name: str) -> list[torch.Tensor]:
    module = getattr(torch, name)
    return list(module.get_rng_state_all()) if name != "mps" else [module.get_rng_state()]


def _set_device_states(name: str, states: list[torch.Tensor]) -> None:
    module = getattr(torch, name)
    if name == "mps":
        module.set_rng_state(states[0])
        return
    for device, state in zip(range(module.device_count()), states, strict=False):
        module.set_rng_state(state, device)
