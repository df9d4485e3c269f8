"""Training with less than a Learner: the least that `fit` takes, and an epoch without callbacks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

__all__ = ["BasicLearner", "train_epoch"]


@dataclass
class BasicLearner:
    """The least that `fit` needs: a model, a loss function, an optimizer and data."""

    model: Any
    loss_func: Any
    opt: Any
    data: Any


def train_epoch(model: nn.Module, dl: Any, opt: Any, loss_func: Callable[..., Any]) -> None:
    """Train one epoch without callbacks."""
    model.train()
    for xb, yb in dl:
        loss = loss_func(model(xb), yb)
        loss.backward()
        opt.step()
        opt.zero_grad()
