"""`GeneralOptimizer`: an optimizer made of statistics it keeps of the gradients and a step that uses them.

A statistic belongs to a scope. Its buffer stands in `optimizer.state[key]`, where the key is the parameter
(`Weight`: a buffer of the parameter's shape; `Layer`: one number a parameter), `"group0"`, `"group1"`, ...
(`Group`: one number a parameter group) or `"global"` (`Global`: one number). Its `param` is a hyper-parameter
of every parameter group under the statistic's name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from .sequences import listify

__all__ = [
    "AvgSquare",
    "AvgStatistic",
    "ConstStatistic",
    "CounterStat",
    "GeneralOptimizer",
    "StatScope",
    "Statistic",
]

_STEP = "step"


class StatScope(Enum):
    """What one value of a statistic is kept for."""

    Global = 1
    Group = 2
    Layer = 3
    Weight = 4


@dataclass
class Statistic:
    """Base of what can be kept of gradients.

    Args:
        name: name of the hyper-parameter; the buffer is called `<name>_buffer`.
        param: value of the hyper-parameter, such as the share of the old average.
        scope: what one value is kept for.
        init: value of the buffer before the first step.
    """

    name: str
    param: float = 0.9
    scope: StatScope = StatScope.Weight
    init: float = 0.0

    @property
    def buf(self) -> str | None:
        """Name of the buffer, or None if the statistic keeps none."""
        return f"{self.name}_buffer"

    @property
    def hyper_params(self) -> dict[str, float]:
        """What every parameter group gets."""
        return {self.name: self.param}

    def first(self, like: Tensor) -> Any:
        """Return the buffer before the first step: as `like` in scope Weight, else of shape `()`."""
        shape = like.shape if self.scope is StatScope.Weight else ()
        return torch.full(shape, self.init, dtype=like.dtype, device=like.device)

    def new_step(self) -> None:
        """Forget what was accumulated; called before the gradients of a step are accumulated."""

    def accumulate(self, val: Tensor) -> None:
        """Take in one parameter's gradient `val`; called in every scope but Weight."""

    def update(self, state: Any, param: float, val: Tensor | None = None, step: int | None = None) -> Any:
        """Return the new buffer.

        Args:
            state: the old buffer, which may be changed in place.
            param: the hyper-parameter's value in the parameter group.
            val: the parameter's gradient in scope Weight, else None.
            step: number of this step from 1 on, if a `CounterStat("step")` of the same scope counts it.

        Raises:
            NotImplementedError: the class does not say how.
        """
        raise NotImplementedError(f"{type(self).__name__} has no update().")


class ConstStatistic(Statistic):
    """A hyper-parameter without a buffer."""

    @property
    def buf(self) -> None:
        """None: nothing is kept."""
        return None

    def update(self, state: Any, param: float, val: Tensor | None = None, step: int | None = None) -> Any:
        """Return `param`."""
        return param


@dataclass
class CounterStat(Statistic):
    """A count of steps, from 0 on, kept under its own name; it has no hyper-parameter."""

    def __post_init__(self) -> None:
        """Start at the integer 0."""
        self.init = 0

    @property
    def buf(self) -> str:
        """The counter's name itself."""
        return self.name

    @property
    def hyper_params(self) -> dict[str, float]:
        """Nothing."""
        return {}

    def first(self, like: Tensor) -> int:
        """Return 0."""
        return 0

    def update(self, state: int, param: float, val: Tensor | None = None, step: int | None = None) -> int:
        """Return the next number."""
        return state + 1


@dataclass
class AvgStatistic(Statistic):
    """Moving average of gradients: `buffer = param * buffer + share * gradient`.

    The share is 1, or `1 - param` with `decay`. In scope Weight the gradient enters as it is; in the other
    scopes as the mean over parameters of each parameter's mean.

    Args:
        name: see `Statistic`.
        param: share of the old average that stays, 0 to 1.
        scope: see `Statistic`.
        init: see `Statistic`.
        decay: True makes it a true average, the weights of all gradients adding up to 1 in the long run.
        debias: True divides by the weights so far, `1 - param**step` (Kingma and Ba 2014, arXiv 1412.6980),
            where a `CounterStat("step")` of the same scope counts the steps; without one it changes nothing.
    """

    decay: bool = False
    debias: bool = False

    def __post_init__(self) -> None:
        """Start with nothing accumulated."""
        self.new_step()

    def new_step(self) -> None:
        """Forget what was accumulated."""
        self.val: Tensor | None = None
        self.count = 0

    def accumulate(self, val: Tensor) -> None:
        """Take in the mean of one parameter's gradient."""
        mean = self._entry(val).mean()
        self.val = mean if self.val is None else self.val.to(mean.device) + mean
        self.count += 1

    def update(
        self, state: Tensor, param: float, val: Tensor | None = None, step: int | None = None
    ) -> Tensor:
        """Return `state`, moved on by `val`, or by the mean of what was accumulated if `val` is None.

        It stays as it is if nothing was accumulated.
        """
        if val is not None:
            new = self._entry(val)
        elif self.val is not None:
            new = self.val / self.count
        else:
            return state
        share = 1 - param if self.decay else 1.0
        # A buffer read from a file may be on another device than the gradients.
        state = state.to(new.device)
        if not self.debias or step is None:
            return state.mul_(param).add_(new, alpha=share)
        # The buffer holds the corrected average: undo the last correction before it moves on.
        return state.mul_(param * (1 - param ** (step - 1))).add_(new, alpha=share).div_(1 - param**step)

    def _entry(self, val: Tensor) -> Tensor:
        return val


class AvgSquare(AvgStatistic):
    """Moving average of squared gradients; arguments as of `AvgStatistic`, with `decay` on."""

    def __init__(
        self,
        name: str,
        param: float = 0.9,
        scope: StatScope = StatScope.Weight,
        init: float = 0.0,
        decay: bool = True,
        debias: bool = False,
    ) -> None:
        super().__init__(name, param=param, scope=scope, init=init, decay=decay, debias=debias)

    def _entry(self, val: Tensor) -> Tensor:
        return val * val


class GeneralOptimizer(Optimizer):
    """Keeps statistics of the gradients, then calls `on_step` for each parameter that has a gradient.

    Args:
        params: parameters or parameter groups; plain SGD reads `lr` from each group, which a Learner gives.
        stats: statistics to keep, a list or one.
        on_step: called as `on_step(optimizer, p, group, group_idx)` without recording gradients; changes `p`
            in place by `p.grad`, `optimizer.state` and the hyper-parameters in `group`. Default: plain SGD.
    """

    def __init__(
        self,
        params: Any,
        stats: Statistic | Sequence[Statistic] | None = None,
        on_step: Callable[..., None] | None = None,
    ) -> None:
        # Counters first: a statistic of the same step reads the number of this step.
        self.stats: list[Statistic] = sorted(
            listify(stats), key=lambda stat: not isinstance(stat, CounterStat)
        )
        self._on_step = on_step
        super().__init__(params, {k: v for stat in self.stats for k, v in stat.hyper_params.items()})
        self.init_stats()

    def __getstate__(self) -> dict[str, Any]:
        # torch's own list leaves out what a subclass adds.
        return {**super().__getstate__(), "stats": self.stats, "_on_step": self._on_step}

    def on_step(self, p: Tensor, group: dict[str, Any], group_idx: int) -> None:
        """Change `p` by one step: the function given at construction, or plain SGD, `p -= lr * p.grad`."""
        if self._on_step is not None:
            self._on_step(self, p, group, group_idx)
        elif p.grad is not None:
            p.add_(p.grad, alpha=-group["lr"])

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the statistics, then every parameter that has a gradient.

        Args:
            closure: computes the loss and its gradients; its result is returned.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        self.update_stats()
        for i, group in enumerate(self.param_groups):
            for p in group["params"]:
                if p.grad is not None:
                    self.on_step(p, group, i)
        return loss

    @torch.no_grad()
    def init_stats(self) -> None:
        """Set every buffer to its first value; one that is missing later gets it when first used."""
        self.state.clear()
        for i, group in enumerate(self.param_groups):
            for p in group["params"]:
                self._ensure(p, StatScope.Layer, p)
                self._ensure(p, StatScope.Weight, p)
            self._ensure(f"group{i}", StatScope.Group, _one_of(group["params"]))
        self._ensure("global", StatScope.Global, _one_of(self.param_groups[0]["params"]))

    @torch.no_grad()
    def update_stats(self) -> None:
        """Move every statistic on by the gradients that are there."""
        self._new_step(StatScope.Global)
        for i, group in enumerate(self.param_groups):
            self._new_step(StatScope.Group)
            for p in group["params"]:
                if p.grad is not None:
                    self._take_in(p, p.grad, group)
            self._update(f"group{i}", StatScope.Group, group, _one_of(group["params"]))
        first = self.param_groups[0]
        self._update("global", StatScope.Global, first, _one_of(first["params"]))

    def _take_in(self, p: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        """Give one parameter's gradient to the statistics of all scopes."""
        self._new_step(StatScope.Layer)
        for stat in self.stats:
            if stat.scope is not StatScope.Weight:
                stat.accumulate(grad)
        self._update(p, StatScope.Layer, group, p)
        self._update(p, StatScope.Weight, group, p, grad)

    def _update(
        self, key: Any, scope: StatScope, group: dict[str, Any], like: Tensor, val: Tensor | None = None
    ) -> None:
        self._ensure(key, scope, like)
        for stat in self._kept(scope):
            buffers = self.state[key]
            param = group.get(stat.name, stat.param)
            buffers[stat.buf] = stat.update(buffers[stat.buf], param, val, buffers.get(_STEP))

    def _ensure(self, key: Any, scope: StatScope, like: Tensor) -> None:
        for stat in self._kept(scope):
            if stat.buf not in self.state[key]:
                self.state[key][stat.buf] = stat.first(like)

    def _new_step(self, scope: StatScope) -> None:
        for stat in self._kept(scope):
            stat.new_step()

    def _kept(self, scope: StatScope) -> list[Statistic]:
        return [stat for stat in self.stats if stat.scope is scope and stat.buf is not None]


def _one_of(params: list[Tensor]) -> Tensor:
    """Return a tensor whose type and device a number kept for all of `params` has; a group may be empty."""
    return params[0] if params else torch.zeros(())
