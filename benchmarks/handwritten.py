"""The loop written by hand: the base of every ratio.

`usual` sets a one-cycle schedule by fastai v1's formula, computed before, keeps each loss without looking at
it, validates with accuracy and prints a line an epoch. `usual_torch` has torch's `OneCycleLR` for schedule.
`bare` goes forward and backward, steps and clears the gradients. `fused` is `usual` with a fused optimizer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from .task import Task

__all__ = ["prepare"]


def prepare(task: Task, variant: str) -> Callable[[], nn.Module]:
    """Make everything; what is returned trains and returns the model."""
    model, loader = task.model(), task.train_loader()
    optimizer = task.optimizer(model, **({"fused": True} if variant == "fused" else {}))
    if variant == "bare":
        return lambda: _bare(task, model, loader, optimizer)
    train = _train_by_torch(task, optimizer) if variant == "usual_torch" else _train_by_list(task, optimizer)
    valid_loader = task.valid_loader()

    def run() -> nn.Module:
        for epoch in range(task.workload.epochs):
            model.train()
            loss = train(model, loader)
            print(epoch, float(loss), *_validated(task, model, valid_loader))
        return model

    return run


def _bare(
    task: Task, model: nn.Module, loader: DataLoader[Any], optimizer: torch.optim.Optimizer
) -> nn.Module:
    loss_func = task.loss_func
    for _ in range(task.workload.epochs):
        model.train()
        for x, y in loader:
            loss: Any = loss_func(model(x), y)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
    return model


_Epoch = Callable[[nn.Module, "DataLoader[Any]"], Tensor]


def _train_by_list(task: Task, optimizer: torch.optim.Optimizer) -> _Epoch:
    """Return a function that trains an epoch by a list of rates and momentums."""
    group, cycle, losses = optimizer.param_groups[0], iter(task.one_cycle()), list[Tensor]()
    loss_func, momentum_alone = task.loss_func, "momentum" in group

    def train(model: nn.Module, loader: DataLoader[Any]) -> Tensor:
        for x, y in loader:
            group["lr"], momentum = next(cycle)
            if momentum_alone:
                group["momentum"] = momentum
            else:
                group["betas"] = (momentum, 0.99)
            loss: Any = loss_func(model(x), y)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.detach())
        return losses[-1]

    return train


def _train_by_torch(task: Task, optimizer: torch.optim.Optimizer) -> _Epoch:
    """Return a function that trains an epoch by torch's scheduler."""
    scheduler, losses, loss_func = task.torch_one_cycle(optimizer), list[Tensor](), task.loss_func

    def train(model: nn.Module, loader: DataLoader[Any]) -> Tensor:
        for x, y in loader:
            loss: Any = loss_func(model(x), y)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            scheduler.step()
            losses.append(loss.detach())
        return losses[-1]

    return train


def _validated(task: Task, model: nn.Module, loader: DataLoader[Any]) -> tuple[float, float]:
    """Mean loss and accuracy."""
    model.eval()
    rows, loss, right = 0, torch.zeros(()), torch.zeros(())
    with torch.no_grad():
        for x, y in loader:
            out = model(x)
            loss += task.loss_func(out, y) * len(y)
            right += (out.argmax(1) == y).sum()
            rows += len(y)
    return float(loss) / rows, float(right) / rows
