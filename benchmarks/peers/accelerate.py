"""Accelerate: the loop of its documentation.

`usual`: model, optimizer, loaders and torch's one-cycle prepared, a tqdm bar, running loss, validation with
`gather_for_metrics`. `bare`: model, optimizer and loader prepared, `backward` by the accelerator.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from tqdm.auto import tqdm

from ..task import Task

__all__ = ["prepare"]


def prepare(task: Task, variant: str) -> Callable[[], nn.Module]:
    """Make everything; what is returned trains and returns the model."""
    inner = task.model()
    optimizer = task.optimizer(inner)
    parts: list[Any] = [inner, optimizer, task.train_loader()]
    if variant == "usual":
        parts += [task.torch_one_cycle(optimizer), task.valid_loader()]
    accelerator = Accelerator(cpu=True)
    parts = list(accelerator.prepare(*parts))
    train = _usual if variant == "usual" else _bare

    def run() -> nn.Module:
        train(task, accelerator, *parts)
        return inner

    return run


def _bare(task: Task, accelerator: Any, model: Any, optimizer: Any, loader: Any) -> None:
    loss_func = task.loss_func
    for _ in range(task.workload.epochs):
        model.train()
        for x, y in loader:
            optimizer.zero_grad()
            accelerator.backward(loss_func(model(x), y))
            optimizer.step()


def _usual(
    task: Task, accelerator: Any, model: Any, optimizer: Any, loader: Any, scheduler: Any, valid_loader: Any
) -> None:
    loss_func = task.loss_func
    for epoch in range(task.workload.epochs):
        model.train()
        total = torch.zeros(())
        for x, y in tqdm(loader):
            with accelerator.accumulate(model):
                optimizer.zero_grad()
                loss = loss_func(model(x), y)
                total = total + loss.detach().float()
                accelerator.backward(loss)
                optimizer.step()
                scheduler.step()
        found = _validated(task, accelerator, model, valid_loader)
        accelerator.print(epoch, total.item() / len(loader), *found)


def _validated(task: Task, accelerator: Any, model: Any, loader: Any) -> tuple[float, float]:
    model.eval()
    rows, loss, right = 0, torch.zeros(()), torch.zeros(())
    for x, y in loader:
        with torch.no_grad():
            out: Tensor = model(x)
        found, wanted = accelerator.gather_for_metrics((out.argmax(dim=-1), y))
        loss += task.loss_func(out, y) * len(y)
        right += (found == wanted).sum()
        rows += len(wanted)
    return float(loss) / rows, float(right) / rows
