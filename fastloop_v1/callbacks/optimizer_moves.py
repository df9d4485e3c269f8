"""An optimizer moved from one set of parameters to another, with its hyper-parameters and state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ..optim import OptimWrapper

__all__ = ["move_optimizer"]

_Lists = Sequence[Sequence[Tensor]]


def move_optimizer(
    opt: OptimWrapper, sources: _Lists, targets: _Lists, *, joined: bool = False, split: bool = False
) -> None:
    """Put a new inner optimizer over `targets` into the wrapper, which stays the object it is.

    Hyper-parameters are taken over list by list, as many as there are in both.

    Args:
        opt: wrapper of the optimizer to move.
        sources: lists of parameters whose state is taken over; it is new for targets without a source.
        targets: lists of parameters, two for each layer group.
        joined: whether each list of targets is one vector of all its sources.
        split: whether each list of sources is one vector of all its targets.
    """
    old, new = opt.opt, opt.new_with_params(targets).opt
    for before, after in zip(old.param_groups, new.param_groups, strict=False):
        after.update({name: value for name, value in before.items() if name != "params"})
    for some, others in zip(sources, targets, strict=False):
        whole = joined or split
        pairs = [(some, others)] if whole else [([s], [t]) for s, t in zip(some, others, strict=True)]
        for parts, wholes in pairs:
            _move_state(old, new, parts, wholes)
    opt.opt = new


def _move_state(old: Any, new: Any, sources: Sequence[Tensor], targets: Sequence[Tensor]) -> None:
    states = [old.state.get(source) for source in sources]
    if not states or not all(states):
        return
    for name in states[0]:
        moved = _moved([state.get(name) for state in states], sources, targets)
        for target, value in zip(targets, moved, strict=True):
            new.state[target][name] = value


def _moved(values: list[Any], sources: Sequence[Tensor], targets: Sequence[Tensor]) -> list[Any]:
    """The values for the targets: element by element where they have one for each, else the first for all."""
    has_elements = all(
        isinstance(value, Tensor) and value.shape == source.shape
        for value, source in zip(values, sources, strict=True)
    )
    if not has_elements:
        first = values[0]
        return [first.clone() if isinstance(first, Tensor) else first for _ in targets]
    joined = torch.cat([value.detach().to(torch.float32).reshape(-1) for value in values])
    parts = joined.split_with_sizes([target.numel() for target in targets])
    return [part.view_as(target).clone() for part, target in zip(parts, targets, strict=True)]
