"""`Lookahead`: an optimizer whose weights are drawn back, every few steps, towards slowly moving ones."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..errors import ArgumentError
from .generic_optimizer import Optimizer

__all__ = ["Lookahead"]


class Lookahead(Optimizer):
    """Steps as another optimizer does, and after every `k` steps lets slow and fast weights meet.

    `slow = slow + alpha * (fast - slow)`, then `fast = slow`; the slow weights start as the weights before
    the first step. Source: Zhang et al., Lookahead Optimizer (arXiv:1907.08610), algorithm 1.

    Args:
        opt: an `Optimizer`, whose groups, states and steppers both share from now on.
        k: number of fast steps for one slow step, at least 1.
        alpha: share of the way that the slow weights go, 0 to 1.

    Raises:
        ArgumentError: `opt` is no `Optimizer` made of steppers, or `k` is below 1.
    """

    k: int
    alpha: float
    count: int
    slow_weights: list[list[Tensor]] | None

    def __init__(self, opt: Optimizer, k: int = 6, alpha: float = 0.5) -> None:
        if not isinstance(opt, Optimizer):
            raise ArgumentError(f"opt is a {type(opt).__name__}; Lookahead needs an Optimizer of steppers.")
        if k < 1:
            raise ArgumentError(f"k is {k}; it is a number of steps, at least 1.")
        # What torch does for a copy, which keeps groups and states the same objects.
        self.__setstate__({**opt.__getstate__(), "k": k, "alpha": alpha, "count": 0, "slow_weights": None})

    def __getstate__(self) -> dict[str, Any]:
        names = ("k", "alpha", "count", "slow_weights")
        return {**super().__getstate__(), **{name: getattr(self, name) for name in names}}

    def _take_step(self) -> None:
        if self.slow_weights is None:
            self.slow_weights = [[param.detach().clone() for param in params] for params in self.param_lists]
        super()._take_step()
        self.count += 1
        if self.count % self.k == 0:
            self._meet(self.slow_weights)

    def _meet(self, slow_weights: list[list[Tensor]]) -> None:
        for slows, fasts in zip(slow_weights, self.param_lists, strict=True):
            for slow, fast in zip(slows, fasts, strict=True):
                slow.add_(fast - slow, alpha=self.alpha)
                fast.copy_(slow)

    def clear_state(self) -> None:
        """Forget all states, the slow weights and the count of steps."""
        super().clear_state()
        self.count, self.slow_weights = 0, None

    def state_dict(self) -> dict[str, Any]:
        """The state of the optimizer, with `count` and `slow_weights`."""
        return {**super().state_dict(), "count": self.count, "slow_weights": self.slow_weights}

    @torch.no_grad()
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state; without slow weights in it, or any state, they start as the weights are then.

        Raises:
            AssertionError: as of `Optimizer`; ArgumentError too.
        """
        super().load_state_dict(state_dict)
        slow = state_dict.get("slow_weights")
        if slow is None or not state_dict["state"]:
            self.count, self.slow_weights = 0, None
            return
        self.count = state_dict.get("count", 0)
        self.slow_weights = [
            [weight.to(param.device, copy=True) for weight, param in zip(weights, params, strict=True)]
            for weights, params in zip(slow, self.param_lists, strict=True)
        ]
