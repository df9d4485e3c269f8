"""Every callback class of the package with how it is made on a tiny learner, and what a learner is like.

A class without a row in `SETTINGS` fails a test.
"""

from __future__ import annotations

import importlib
import pkgutil
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import fastloop_v1
from fastloop_v1 import callbacks, confusion_metrics, distributed, metrics
from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.callback import AverageMetric, Callback
from fastloop_v1.callbacks import amp, fp16, gradient_unscaling
from fastloop_v1.learner_callback import LearnerCallback
from fastloop_v1.recorder import Recorder
from fastloop_v1.resume.resuming import Resumption


@dataclass(frozen=True)
class Setting:
    """How a callback is made, and what a fit with it needs.

    Attributes:
        make: makes it of a learner.
        task: which learner it goes with, a name in `TASKS`.
        metric: whether it goes among the metrics.
        needs: a package it needs, or `cuda`.
        differs: whether its values differ from fit to fit, as times and memory do.
        ends: whether it ends a fit or takes it back, so that others see less of it.
        trains: whether it takes what only training gives, so that `Learner.validate` is not for it.
        group: of those with the same word here, a learner has one at most.
        slow: whether a fit with it takes a noticeable part of a second.
    """

    make: Callable[[Any], Any]
    task: str = "classes"
    metric: bool = False
    needs: str = ""
    differs: bool = False
    ends: bool = False
    trains: bool = False
    group: str = ""
    slow: bool = False


def metric(make, task="classes"):
    """A metric, which is made without the learner."""
    return Setting(lambda learn: make(), task=task, metric=True)


def hooked(learn):
    """A `HookCallback` with the method that subclasses have."""
    cb = callbacks.HookCallback(learn)
    cb.hook = output_shape
    return cb


def output_shape(module, given, output):
    """What that method does."""
    return output.shape


def half(learn):
    """What `to_fp16` puts on a learner."""
    return learn.to_fp16(loss_scale=128).mp_cb


def autocast(learn):
    """What `to_amp` puts on a learner."""
    return learn.to_amp(torch.bfloat16).callbacks[-1]


def phases(learn):
    """A scheduler of two short phases; training goes on for a batch after them."""
    first = callbacks.TrainingPhase(2).schedule_hp("lr", (0.01, 0.1)).schedule_hp("mom", 0.9)
    return callbacks.GeneralScheduler(
        learn, [first, callbacks.TrainingPhase(2).schedule_hp("mom", (0.9, 0.8))]
    )


def tracker(learn):
    """A tracker of MLflow with a store of files; `MLFLOW_ALLOW_FILE_STORE` has to be set."""
    return callbacks.MLFlowTracker(learn, "contract", {"lr": 0.1}, None, (learn.path / "runs").as_uri())


def board(cls, learn):
    """A writer for TensorBoard."""
    return cls(learn, learn.path, cls.__name__)


SETTINGS = {
    Callback: Setting(lambda learn: Callback()),
    LearnerCallback: Setting(LearnerCallback),
    AverageMetric: metric(partial(AverageMetric, metrics.error_rate)),
    Recorder: Setting(Recorder, trains=True),
    # --- callbacks/ ---
    callbacks.AccumulateScheduler: Setting(partial(callbacks.AccumulateScheduler, n_step=2)),
    callbacks.ActivationStats: Setting(callbacks.ActivationStats),
    amp.Autocast: Setting(autocast, group="precision"),
    callbacks.BalancedSampling: Setting(callbacks.BalancedSampling),
    callbacks.BnFreeze: Setting(callbacks.BnFreeze),
    callbacks.CheckpointCallback: Setting(callbacks.CheckpointCallback, trains=True),
    callbacks.CpuPeakMemMetric: Setting(callbacks.CpuPeakMemMetric, differs=True),
    callbacks.CSVLogger: Setting(callbacks.CSVLogger),
    callbacks.EarlyStoppingCallback: Setting(partial(callbacks.EarlyStoppingCallback, patience=5)),
    fp16.MixedPrecision: Setting(half, group="precision"),
    callbacks.GeneralScheduler: Setting(phases, ends=True),
    callbacks.GradientClipping: Setting(partial(callbacks.GradientClipping, clip=0.1)),
    gradient_unscaling.GradientUnscaling: Setting(gradient_unscaling.GradientUnscaling),
    gradient_unscaling.LossScaling: Setting(gradient_unscaling.LossScaling),
    callbacks.HookCallback: Setting(hooked),
    callbacks.LossMetrics: Setting(callbacks.LossMetrics),
    callbacks.LRFinder: Setting(callbacks.LRFinder, ends=True, trains=True),
    callbacks.PeakMemMetric: Setting(callbacks.PeakMemMetric, needs="cuda", differs=True),
    callbacks.MixUpCallback: Setting(callbacks.MixUpCallback),
    callbacks.MLFlowTracker: Setting(tracker, needs="mlflow", slow=True),
    callbacks.OneCycleScheduler: Setting(partial(callbacks.OneCycleScheduler, lr_max=0.1)),
    callbacks.OverSamplingCallback: Setting(callbacks.OverSamplingCallback),
    callbacks.RecordOnCPU: Setting(lambda learn: callbacks.RecordOnCPU()),
    callbacks.ReduceLROnPlateauCallback: Setting(callbacks.ReduceLROnPlateauCallback),
    callbacks.RNNTrainer: Setting(partial(callbacks.RNNTrainer, alpha=1.0, beta=1.0), task="activations"),
    callbacks.SaveModelCallback: Setting(callbacks.SaveModelCallback),
    callbacks.ShowGraph: Setting(callbacks.ShowGraph),
    callbacks.StopAfterNBatches: Setting(lambda learn: callbacks.StopAfterNBatches(3), ends=True),
    callbacks.TerminateOnNaNCallback: Setting(lambda learn: callbacks.TerminateOnNaNCallback()),
    Resumption: Setting(lambda learn: Resumption(True)),
    callbacks.TrackEpochCallback: Setting(partial(callbacks.TrackEpochCallback, epoch_offset=0)),
    callbacks.TrackerCallback: Setting(callbacks.TrackerCallback),
    callbacks.UnderSamplingCallback: Setting(callbacks.UnderSamplingCallback),
    **{
        cls: Setting(partial(board, cls), task=task, needs="tensorboard", slow=True)
        for cls, task in (
            (callbacks.LearnerTensorboardWriter, "classes"),
            (callbacks.ImageGenTensorboardWriter, "images"),
            (callbacks.GANTensorboardWriter, "images"),
        )
    },
    # --- distributed ---
    distributed.DistributedRecorder: Setting(distributed.DistributedRecorder),
    distributed.DistributedTrainer: Setting(distributed.DistributedTrainer),
    distributed.ParallelTrainer: Setting(distributed.ParallelTrainer),
    # --- metrics ---
    metrics.AUROC: metric(metrics.AUROC),
    metrics.MultiLabelFbeta: metric(metrics.MultiLabelFbeta, task="labels"),
    metrics.Perplexity: metric(metrics.Perplexity),
    **{
        cls: metric(cls, task="values")
        for cls in (
            metrics.ExpRMSPE,
            metrics.ExplainedVariance,
            metrics.R2Score,
            metrics.RMSE,
            metrics.RegMetrics,
        )
    },
    **{
        cls: metric(cls)
        for cls in (
            confusion_metrics.CMScores,
            confusion_metrics.ConfusionMatrix,
            confusion_metrics.FBeta,
            confusion_metrics.KappaScore,
            confusion_metrics.MatthewsCorreff,
            confusion_metrics.Precision,
            confusion_metrics.Recall,
        )
    },
}


def _is_there(setting):
    if setting.needs == "cuda":
        return torch.cuda.is_available()
    return not setting.needs or find_spec(setting.needs) is not None


def _callback_classes():
    """Every callback class that a module of the package makes known."""
    modules = pkgutil.walk_packages(fastloop_v1.__path__, "fastloop_v1.")
    # What stands for v2's callbacks is made by the learner, in place of each of them.
    wanted = (each.name for each in modules if "__main__" not in each.name and ".v2." not in each.name)
    public = [vars(importlib.import_module(name)) for name in wanted]
    named = [value for names in public for name, value in names.items() if not name.startswith("_")]
    return {value for value in named if isinstance(value, type) and issubclass(value, Callback)}


# --- learners -----------------------------------------------------------------------------------------------


class MeasuredLoss(nn.CrossEntropyLoss):
    """A loss that computes a second value, for `LossMetrics`."""

    metric_names = ("twice",)

    def forward(self, output, target):
        """Return the loss."""
        loss = super().forward(output, target)
        self.metrics = {"twice": 2 * loss.detach().mean()}
        return loss


class Recurrent(nn.Module):
    """Returns its output, and as activations its input times a weight."""

    def __init__(self):
        super().__init__()
        self.scale, self.out = nn.Linear(1, 1), nn.Linear(2, 2)

    def forward(self, x):
        """Return `(output, raw activations, activations after dropout)`."""
        raw = self.scale(x[:, :, None]).expand(-1, -1, 2)
        return self.out(raw[:, -1]), [raw], [raw * 0.9]


class Generator(nn.Module):
    """Makes an image of an image; has a critic that is not used."""

    def __init__(self):
        super().__init__()
        self.critic, self.generator = nn.Linear(2, 1), nn.Conv2d(1, 1, 1)

    def forward(self, x):
        """Return the image."""
        return self.generator(x)


def layers(outputs):
    """A model with a batch norm."""
    return nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, outputs))


def _classes(n):
    return (torch.arange(n) % 3 == 0).long()


TASKS = {
    "classes": (lambda n: (torch.randn(n, 4), _classes(n)), partial(layers, 2), MeasuredLoss),
    "values": (lambda n: (torch.randn(n, 4), torch.rand(n, 1)), partial(layers, 1), nn.MSELoss),
    "labels": (
        lambda n: (torch.randn(n, 4), torch.randint(2, (n, 2)).float()),
        partial(layers, 2),
        nn.BCEWithLogitsLoss,
    ),
    "activations": (lambda n: (torch.randn(n, 4), _classes(n)), Recurrent, nn.CrossEntropyLoss),
    "images": (lambda n: (torch.rand(n, 1, 4, 4), torch.rand(n, 1, 4, 4)), Generator, nn.MSELoss),
}


@pytest.fixture
def learner(tmp_path):
    """Makes a learner, its first layer group frozen with its batch norm: `learner("values", valid=True)`."""

    def make(task="classes", *, valid=True):
        torch.manual_seed(0)
        make_data, make_model, make_loss = TASKS[task]
        train, held = (TensorDataset(*make_data(n)) for n in (10, 6))
        loaders = DataLoader(train, batch_size=4, shuffle=True), DataLoader(held, batch_size=4)
        data = DataBunch(loaders[0], loaders[1] if valid else None, path=tmp_path, device="cpu")
        learn = Learner(data, make_model(), loss_func=make_loss(), train_bn=False, silent=True)
        learn.metrics = [metrics.accuracy] if task == "classes" else []
        learn.split(lambda model: [list(model.children())[-1]])
        learn.freeze()
        learn.create_opt(0.05)
        return learn

    return make


@pytest.fixture
def put_on(monkeypatch):
    """Puts the callback of a setting on a learner, in the place it has there, and returns it."""
    for name in ("MLFLOW_ALLOW_FILE_STORE", "MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
        monkeypatch.setenv(name, "true")

    def put(setting, learn, cb=None):
        cb = setting.make(learn) if cb is None else cb
        place = learn.metrics if setting.metric else learn.callbacks
        if not any(cb is other for other in place):
            place.append(cb)
        return cb

    return put


# --- what a learner is like ---------------------------------------------------------------------------------


class Same:
    """Equal to the same object only, which it keeps alive."""

    def __init__(self, held):
        self.held = held

    def __eq__(self, other):
        return self.held is other.held

    def __hash__(self):
        return id(self.held)

    def __repr__(self):
        return f"{type(self.held).__name__} at {id(self.held):x}"


FIELDS = tuple(name for name in Learner.__dataclass_fields__ if name not in ("callbacks", "metrics"))
LOADERS = ("train_dl", "valid_dl", "fix_dl", "test_dl", "single_dl")
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def condition_of(learn):
    """What has to be as found when a fit ends: all but weights, statistics and the optimizer's numbers."""
    model, data = learn.model, learn.data
    loaders = [getattr(data, name) for name in LOADERS]
    return {
        "fields": {name: Same(getattr(learn, name)) for name in (*FIELDS, "opt")},
        "lists": [list(map(Same, each)) for each in (learn.callbacks, learn.metrics, learn.callback_fns)],
        "loss": getattr(learn.loss_func, "reduction", None),
        "loaders": [Same(dl) for dl in loaders],
        "inner loaders": [Same(getattr(dl, "dl", None)) for dl in loaders],
        "transforms": [list(getattr(dl, "tfms", ())) for dl in (data, *loaders)],
        "parameters": [(n, Same(p), p.requires_grad, p.dtype) for n, p in model.named_parameters()],
        "hooks": [(n, [len(getattr(m, h)) for h in HOOKS]) for n, m in model.named_modules()],
        "forward": [n for n, m in model.named_modules() if "forward" in vars(m)],
        "modes": {module.training == model.training for module in model.modules()},
        "threads": threading.active_count(),
        "torch": (torch.is_grad_enabled(), torch.is_autocast_enabled("cpu")),
    }


@pytest.fixture(name="condition_of")
def _condition_of():
    """What has to be as found when a fit ends: `condition_of(learn)`."""
    return condition_of


@pytest.fixture
def fitted():
    """Fits from given weights and random numbers; returns the recorded numbers and the weights."""

    def fit(learn, start, *, metrics=True):
        learn.model.load_state_dict({name: value.clone() for name, value in start.items()})
        learn.opt.clear()
        random.seed(0)
        np.random.seed(0)
        torch.manual_seed(0)
        learn.fit(2, 0.05, strict=True)
        recorder = learn.recorder
        rows = recorder.metrics if metrics else []
        numbers = [*recorder.losses, *recorder.val_losses, *(value for row in rows for value in row)]
        numbers += [lr for lr in recorder.lrs if metrics]
        return list(map(str, numbers)), [str(value) for value in learn.model.state_dict().values()]

    return fit


@pytest.fixture(scope="session")
def settings():
    """The table."""
    return SETTINGS


@pytest.fixture(scope="session")
def callback_classes():
    """Every callback class of the package."""
    return _callback_classes()


def pytest_generate_tests(metafunc):
    """Run a test that takes `setting` for each callback that this machine has what it needs for."""
    if "setting" in metafunc.fixturenames:
        there = {cls.__name__: each for cls, each in SETTINGS.items() if _is_there(each)}
        metafunc.parametrize("setting", there.values(), ids=there)


@pytest.fixture(scope="session")
def combinable():
    """Settings of what can be in one learner on one task, by class."""
    return {cls: each for cls, each in SETTINGS.items() if each.task == "classes" and _is_there(each)}
