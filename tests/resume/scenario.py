"""Ways to train a tiny net with much that is random, stopped and resumed, and what comes out of it."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib import import_module
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.callback import Callback
from fastloop_v1.callbacks import (
    AccumulateScheduler,
    CheckpointCallback,
    CSVLogger,
    EarlyStoppingCallback,
    GeneralScheduler,
    GradientClipping,
    MixUpCallback,
    ReduceLROnPlateauCallback,
    RNNTrainer,
    SaveModelCallback,
    TrainingPhase,
)
from fastloop_v1.metrics import accuracy

EPOCHS, ROWS, BATCH = 3, 37, 8


@dataclass(frozen=True)
class Scenario:
    """What a fit is made of.

    Attributes:
        every: as for `CheckpointCallback`.
        precision: `fp32`, `fp16`, `flat`, `bf16` or `amp`.
        table: whether there is a file with the rows of the table.
        stateful: whether the loader is torchdata's, which keeps a state of its own.
    """

    shuffle: bool = True
    workers: int = 0
    drop_last: bool = False
    augment: bool = True
    schedule: str = "one_cycle"
    n_step: int = 1
    tracker: str = ""
    mixup: bool = False
    precision: str = "fp32"
    recurrent: bool = False
    optimizer: str = "adam"
    every: Any = "epoch"
    table: bool = True
    stateful: bool = False

    @classmethod
    def drawn(cls, draw: random.Random, **given: Any) -> Scenario:
        """One of many, with these values given."""
        drawn = cls(
            shuffle=draw.random() < 0.8,
            workers=draw.choice([0, 0, 0, 2]),
            drop_last=draw.random() < 0.5,
            augment=draw.random() < 0.8,
            schedule=draw.choice(["one_cycle", "one_cycle", "flat", "general", "constant"]),
            n_step=draw.choice([1, 1, 2, 3]),
            tracker=draw.choice(["", "early", "plateau", "save", "save each"]),
            mixup=draw.random() < 0.3,
            precision=draw.choice(["fp32", "fp32", "fp16", "flat", "bf16", "amp"]),
            optimizer=draw.choice(["adam", "sgd", "rmsprop"]),
            recurrent=draw.random() < 0.2,
            every=draw.choice(["epoch", 1, 2, 3, 7]),
        )
        drawn = replace(drawn, **given)
        return replace(drawn, mixup=False, precision="fp32") if drawn.recurrent else drawn


class Points(Dataset):
    """Points in four dimensions, shifted at random each time one is asked for."""

    def __init__(self, rows: int, augment: bool) -> None:
        drawn = torch.Generator().manual_seed(rows)
        self.x = torch.randn(rows, 4, generator=drawn)
        self.y = (self.x[:, 0] > self.x[:, 1]).long()
        self.targets, self.augment, self.asked = self.y, augment, 0
        self.own = np.random.default_rng(rows)

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, i: int) -> Any:
        self.asked += 1
        if not self.augment:
            return self.x[i], self.y[i]
        shift = random.random() + np.random.rand() + self.own.random()
        return self.x[i] + 0.1 * torch.randn(4) + 0.01 * shift, self.y[i]


class Recurrent(nn.Module):
    """A net that remembers what it saw in the batch before, and what it saw in validation too."""

    def __init__(self) -> None:
        super().__init__()
        self.inner, self.out = nn.GRU(4, 5, batch_first=True), nn.Linear(5, 2)
        self.drop, self.seen = nn.Dropout(0.2), None

    def reset(self) -> None:
        """Forget."""
        self.seen = None

    def forward(self, x: Any) -> Any:
        before = (
            None if self.seen is None else self.seen.mean(1, keepdim=True).expand(-1, len(x), -1).contiguous()
        )
        raw, last = self.inner(x.reshape(len(x), 1, 4).repeat(1, 3, 1), before)
        self.seen = last.detach()
        dropped = self.drop(raw)
        return self.out(dropped[:, -1]), [raw], [dropped]


class BatchLog(Callback):
    """Writes down what went into the model, and a total with many names."""

    def on_train_begin(self, **state: Any) -> None:
        """Start empty."""
        self.lines: list[str] = []
        self.totals = {"all": torch.zeros(3), "kept": []}
        self.same, self.drawn = self.totals, random.Random(3)

    def on_loss_begin(self, last_input: Any, train: bool, **state: Any) -> None:
        """Note a batch."""
        content = last_input.detach().float().numpy().tobytes()
        self.lines.append(f"{train} {hashlib.sha256(content).hexdigest()[:12]} {self.drawn.random()}")
        self.same["all"] += 1
        self.same["kept"].append((len(self.lines), {1, 2}))


class Stopped(Exception):
    """Training was stopped on purpose."""


class Stop(Callback):
    """Raises at the n-th call of an event."""

    outside_of_state = True

    def __init__(self, event: str, n: int, order: int = 2**32, error: Any = Stopped) -> None:
        self._order, self.left, self.error = order, n, error
        setattr(self, f"on_{event}", self._count)

    def _count(self, **state: Any) -> None:
        self.left -= 1
        if self.left == 0:
            raise self.error


def _optimizer(name: str) -> Callable[..., Any]:
    return {
        "adam": partial(torch.optim.Adam, betas=(0.9, 0.99)),
        "sgd": partial(torch.optim.SGD, momentum=0.9),
        "rmsprop": torch.optim.RMSprop,
    }[name]


def stateful_loader(*args: Any, **options: Any) -> Any:
    """A loader of torchdata; torch warns of what it calls."""
    return import_module("torchdata.stateful_dataloader").StatefulDataLoader(*args, **options)


def learner(path: Any, of: Scenario, seed: int = 0) -> Learner:
    """A learner as a new process makes it; `seed` is that of its random numbers."""
    torch.manual_seed(seed)
    random.seed(seed)
    np.random.seed(seed)
    train, valid = Points(ROWS, of.augment), Points(11, False)
    kind = stateful_loader if of.stateful else DataLoader
    loader = kind(train, BATCH, shuffle=of.shuffle, drop_last=of.drop_last, num_workers=of.workers)
    data = DataBunch(loader, DataLoader(valid, BATCH), path=path, device="cpu")
    layers = nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, 2)
    model = Recurrent() if of.recurrent else nn.Sequential(*layers)
    fns = [BatchLogs, partial(CheckpointCallback, every=of.every), *_fns(of)]
    learn = Learner(
        data,
        model,
        opt_func=_optimizer(of.optimizer),
        loss_func=nn.CrossEntropyLoss(),
        metrics=[accuracy],
        callback_fns=fns,
        silent=True,
    )
    precision = {"fp16": learn.to_fp16, "flat": partial(learn.to_fp16, flat_master=True)}
    precision.update(bf16=learn.to_bf16, amp=learn.to_amp)
    return precision.get(of.precision, lambda: learn)()


def BatchLogs(learn: Learner) -> list[Any]:
    """The first of two logs of one class; the second one is below."""
    learn.batch_log = BatchLog()
    return learn.batch_log


def _fns(of: Scenario) -> list[Any]:
    found: list[Any] = [lambda learn: BatchLog(), partial(GradientClipping, clip=0.5)]
    if of.table:
        found.append(CSVLogger)
    if of.mixup:
        found.append(MixUpCallback)
    if of.recurrent:
        found.append(partial(RNNTrainer, alpha=1.0, beta=1.0))
    if of.n_step > 1:
        found.append(partial(AccumulateScheduler, n_step=of.n_step))
    trackers = {
        "early": partial(EarlyStoppingCallback, monitor="accuracy", patience=0),
        "plateau": partial(ReduceLROnPlateauCallback, min_delta=0.5, min_lr=1e-9),
        "save": partial(SaveModelCallback, monitor="train_loss"),
        "save each": partial(SaveModelCallback, every="epoch"),
    }
    return [*found, *([trackers[of.tracker]] if of.tracker else [])]


def train(learn: Learner, of: Scenario, *stops: Callback, resume: Any = None) -> None:
    """Train as the scenario says."""
    if of.schedule == "one_cycle":
        learn.fit_one_cycle(EPOCHS, 0.02, callbacks=list(stops), resume=resume)
    elif of.schedule == "flat":
        learn.fit_fc(EPOCHS, 0.02, callbacks=list(stops), resume=resume)
    elif of.schedule == "general":
        first = TrainingPhase(4).schedule_hp("lr", (0.01, 0.03)).schedule_hp("mom", 0.9)
        second = TrainingPhase(8).schedule_hp("lr", (0.03, 0.001)).schedule_hp("mom", (0.9, 0.8))
        scheduler = GeneralScheduler(learn, [first, second])
        learn.fit(EPOCHS, 0.02, callbacks=[scheduler, *stops], resume=resume)
    else:
        learn.fit(EPOCHS, 0.02, callbacks=list(stops), resume=resume)


def outcome(learn: Learner) -> dict[str, str]:
    """Digests of all that should be as without an interruption."""
    recorder, opt = learn.recorder, learn.opt
    found = {
        "weights": learn.model.state_dict(),
        "optimizer": opt.opt.state_dict(),
        "hyper": [opt._lr, opt._mom, opt._beta, opt._wd],
        "losses": recorder.losses,
        "rates": [recorder.lrs, recorder.moms, recorder.nb_batches],
        "validation": [recorder.val_losses, recorder.metrics],
        "batches": learn.batch_log.lines,
        "totals": learn.batch_log.same,
        "random": [random.random(), np.random.rand(), torch.rand(1)],
        "own random": learn.data.train_ds.own.random() if learn.data.train_dl.num_workers == 0 else None,
        "rows": _rows(learn.path / "history.csv"),
        "training": [module.training for module in learn.model.modules()],
    }
    return {name: _digest(value) for name, value in found.items()}


def undisturbed(of: Scenario) -> dict[str, str]:
    """The outcome of a fit that nobody stops; checkpoints are not part of it."""
    return _undisturbed(replace(of, every="epoch"))


@cache
def _undisturbed(of: Scenario) -> dict[str, str]:
    with TemporaryDirectory() as folder:
        learn = learner(folder, of)
        train(learn, of)
        return outcome(learn)


def _rows(path: Any) -> list[str]:
    """The rows of a table, less the time."""
    return [row.rsplit(",", 1)[0] for row in path.read_text().splitlines()] if path.is_file() else []


def _digest(value: Any) -> str:
    return hashlib.sha256(repr(_plain(value)).encode()).hexdigest()[:16]


def _plain(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return str(value.dtype), tuple(value.shape), value.detach().double().numpy().tobytes().hex()
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return float(value).hex() if isinstance(value, (float, np.floating)) else value
