"""`Task`: a workload made of tensors, the same for every loop: weights, batches, optimizer and schedule."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from .data_sets import Batched, MappedRows, as_it_is, samples, write_rows
from .models import MODELS
from .workloads import Case, Workload

__all__ = ["Task"]

_SEED = 42
_MOST_BATCHES = 40  # of 512 samples, that the final losses are taken of
_CLASSES: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "sgd": torch.optim.SGD,
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}


class Task:
    """What a loop is given.

    Args:
        case: the workload, in order or shuffled.
        folder: where arrays on disk are, or are written to by whoever needs them first.
    """

    loss_func = staticmethod(F.cross_entropy)

    def __init__(self, case: Case, folder: Path) -> None:
        self.workload: Workload = case.workload
        self.shuffle, self._folder = case.shuffle, folder

    def model(self) -> nn.Module:
        """Return a model with the same first weights each time."""
        torch.manual_seed(_SEED)
        return MODELS[self.workload.model]()

    # --- data -----------------------------------------------------------------------------------------------

    def train_set(self) -> Dataset[Any]:
        """Return the training samples."""
        return self._data_set(self.workload.train, _SEED + 1, "train")

    def valid_set(self) -> Dataset[Any]:
        """Return the samples to validate with."""
        return self._data_set(self.workload.valid, _SEED + 2, "valid")

    def _data_set(self, rows: int, seed: int, name: str) -> Dataset[Any]:
        shape, classes = self.workload.shape, self.workload.classes
        if self.workload.storage == "disk":
            folder = self._folder / name
            if not folder.exists():
                write_rows(folder, rows, shape, classes, seed)
            return MappedRows(folder, rows)
        tensors = samples(rows, shape, classes, seed)
        return Batched(*tensors) if self.workload.storage == "batched" else TensorDataset(*tensors)

    def loading(self) -> dict[str, Any]:
        """Return the arguments of torch's DataLoader that differ between workloads."""
        collate = {"collate_fn": as_it_is} if self.workload.storage == "batched" else {}
        return {"batch_size": self.workload.batch, "num_workers": self.workload.workers, **collate}

    def order(self) -> dict[str, Any]:
        """Return the arguments that settle the order of training samples, the same in each run."""
        if not self.shuffle:
            return {"shuffle": False}
        return {"shuffle": True, "generator": torch.Generator().manual_seed(_SEED)}

    def train_loader(self) -> DataLoader[Any]:
        """Return torch's loader of training batches, without an incomplete last one."""
        return DataLoader(self.train_set(), drop_last=True, **self.order(), **self.loading())

    def valid_loader(self) -> DataLoader[Any]:
        """Return torch's loader of validation batches."""
        return DataLoader(self.valid_set(), **self.loading())

    # --- optimizer and schedule -----------------------------------------------------------------------------

    @property
    def optimizer_class(self) -> Callable[..., torch.optim.Optimizer]:
        """The class of torch."""
        return _CLASSES[self.workload.optimizer]

    def optimizer_options(self) -> dict[str, Any]:
        """Return its arguments besides the learning rate."""
        if self.workload.optimizer == "sgd":
            return {"momentum": 0.9, "weight_decay": self.workload.decay}
        return {"betas": (0.9, 0.99), "weight_decay": self.workload.decay}

    def optimizer(self, model: nn.Module, **options: Any) -> torch.optim.Optimizer:
        """Return the optimizer of a model."""
        return self.optimizer_class(
            model.parameters(), lr=self.workload.lr, **self.optimizer_options(), **options
        )

    def one_cycle(self) -> list[tuple[float, float]]:
        """Return learning rate and momentum of each batch, by the formula of fastai v1.

        Cosines from `lr / 25` up to `lr` in the first 30% of the batches and down to `lr / 250000` in the
        rest, momentum from 0.95 to 0.85 and back. Torch's `OneCycleLR` gets to its ends one batch earlier.
        """
        rising, top = int(self.workload.batches * 0.3), self.workload.lr
        falling = self.workload.batches - rising
        up = [_cosines((top / 25, top), (0.95, 0.85), n / rising) for n in range(rising)]
        return up + [_cosines((top, top / 25e4), (0.85, 0.95), n / falling) for n in range(falling)]

    def torch_one_cycle(self, optimizer: torch.optim.Optimizer) -> Any:
        """Return torch's scheduler, to be stepped after each batch."""
        return torch.optim.lr_scheduler.OneCycleLR(optimizer, **self.torch_one_cycle_options())

    def torch_one_cycle_options(self) -> dict[str, Any]:
        """Return the arguments of torch's scheduler besides the optimizer."""
        return {"max_lr": self.workload.lr, "total_steps": self.workload.batches}

    # --- the proof of equal work ----------------------------------------------------------------------------

    def final_losses(self, model: nn.Module) -> dict[str, float]:
        """Return the mean losses of trained weights on training and validation samples."""
        model.eval()
        with torch.no_grad():
            return {
                f"{name}_loss": _loss(model, DataLoader(data_set, **self.loading() | {"batch_size": 512}))
                for name, data_set in (("train", self.train_set()), ("valid", self.valid_set()))
            }


def _cosines(lr: tuple[float, float], momentum: tuple[float, float], done: float) -> tuple[float, float]:
    rest = (math.cos(math.pi * done) + 1) / 2
    return lr[1] + (lr[0] - lr[1]) * rest, momentum[1] + (momentum[0] - momentum[1]) * rest


def _loss(model: nn.Module, loader: Iterable[Any]) -> float:
    total, rows = 0.0, 0
    for x, y in islice(loader, _MOST_BATCHES):
        total += float(F.cross_entropy(model(x), y, reduction="sum").double())
        rows += len(y)
    return total / rows
