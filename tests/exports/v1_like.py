"""Writes exports as v1 wrote them, under v1's names, and what their models give, into a folder.

Run in a process of its own: the names are those of stand-ins that are put under `sys.modules` for it.
"""

from __future__ import annotations

import json
import sys
from collections import Counter, OrderedDict, defaultdict
from enum import Enum
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from types import ModuleType

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from fastloop_v1 import layers, losses, metrics


def named(dotted, made):
    """Give a class or function a name of v1, where pickle finds it."""
    module, _, name = dotted.rpartition(".")
    parts = module.split(".")
    for i in range(len(parts)):
        sys.modules.setdefault(".".join(parts[: i + 1]), ModuleType(".".join(parts[: i + 1])))
    made.__module__, made.__qualname__ = module, name
    setattr(sys.modules[module], name, made)
    return made


def kind(dotted, *bases, **members):
    """Make a class of that name, or return the one there is."""
    module, _, name = dotted.rpartition(".")
    found = vars(sys.modules.get(module, object)).get(name)
    return found or named(dotted, type(dotted.rpartition(".")[2], bases, members))


def made(dotted, *bases, **attributes):
    """Make an object of a class of that name with these attributes, as v1 had them."""
    found = object.__new__(kind(dotted, *bases))
    found.__dict__.update(attributes)
    return found


def twin(ours, dotted=None):
    """Make a class of v1 that does what ours does."""
    return kind(dotted or f"fastai.layers.{ours.__name__}", ours)


def function(dotted, ours):
    """Make a function of v1 that does what ours does, or return the one there is."""
    module, _, name = dotted.rpartition(".")
    found = vars(sys.modules.get(module, object)).get(name)
    if found:
        return found

    def stand_in(*args, **kwargs):
        return ours(*args, **kwargs)

    stand_in.__name__ = dotted.rpartition(".")[2]
    return named(dotted, stand_in)


def foreign(dotted, **attributes):
    """Make an object of a class whose layer is not offered here."""
    return made(dotted, **attributes)


LEARNER = kind("fastai.basic_train.Learner")
RECORDER = kind("fastai.basic_train.Recorder")
CALLBACKS = {
    name: kind(f"fastai.callbacks.{name}")
    for name in (
        *("csv_logger.CSVLogger", "fp16.MixedPrecision", "tracker.SaveModelCallback", "mixup.MixUpCallback"),
        *(
            "tracker.EarlyStoppingCallback",
            "tracker.ReduceLROnPlateauCallback",
            "one_cycle.OneCycleScheduler",
        ),
        *("general_sched.GeneralScheduler", "oversampling.OverSamplingCallback"),
        *("hooks.ActivationStats", "loss_metrics.LossMetrics", "misc.StopAfterNBatches", "mem.PeakMemMetric"),
        *("tracker.TerminateOnNaNCallback", "tracker.TrackEpochCallback", "flat_cos_anneal.Own"),
    )
}
TRACKED = {"monitor": "valid_loss", "mode": "auto", "operator": np.less, "best": np.float64(0.5)}


def export(model, **changed):
    """What v1 exported of a learner."""
    return {
        "opt_func": partial(torch.optim.Adam, betas=(0.9, 0.99)),
        "loss_func": flat(nn.CrossEntropyLoss()),
        "metrics": [function("fastai.metrics.accuracy", metrics.accuracy)],
        "true_wd": True,
        "bn_wd": True,
        "wd": 0.01,
        "train_bn": True,
        "model_dir": "models",
        "callback_fns": [partial(RECORDER, add_time=True, silent=False)],
        "cb_state": {},
        "model": model,
        "data": {},
        "cls": LEARNER,
        **changed,
    }


def open_item(cls):
    """Stands for a method of a class of v1, which is pickled by this name."""


def flat(func, **options):
    """A flattened loss, which has the texts of the loss it flattens."""
    loss = object.__new__(twin(losses.FlattenedLoss))
    texts = {"__module__": func.__module__, "__doc__": func.__doc__}
    loss.__dict__.update({"func": func, "axis": -1, "floatify": False, "is_2d": True, **options, **texts})
    return loss


def net():
    """A small net."""
    return nn.Sequential(nn.Linear(4, 5, bias=False), nn.BatchNorm1d(5), nn.ReLU(True), nn.Linear(5, 3))


def of_layers():
    """Most layers that v1 model code was built of."""
    made = nn.Sequential(
        twin(layers.Lambda)(F.relu),
        twin(layers.ResizeBatch)(1, 2, 2),
        nn.Conv2d(1, 8, 3, padding=1),
        twin(layers.SequentialEx)(nn.Conv2d(8, 8, 1), twin(layers.MergeLayer)()),
        twin(layers.SelfAttention)(8),
        twin(layers.PooledSelfAttention2d)(8),
        twin(layers.PixelShuffle_ICNR)(8, 4),
        twin(layers.PartialLayer)(F.leaky_relu, negative_slope=0.1),
        twin(layers.AdaptiveConcatPool2d)(1),
        twin(layers.Flatten)(),
        twin(layers.BatchNorm1dFlat)(8),
        nn.Linear(8, 3),
        twin(layers.SigmoidRange)(-1, 1),
    )
    made[0].func = torch.sigmoid
    return made


PLAIN = [
    torch.device("cuda:0"),
    torch.float16,
    torch.Size([3, 2]),
    np.float32(2),
    np.int64(3),
    np.array([1.5]),
    np.array(["x", None], object),
    OrderedDict(a=1),
    defaultdict(list, a=[1]),
    Counter("aab"),
    {1, 2},
    3 + 1j,
    range(3),
    b"\xff",
    bytearray(b"a"),
    frozenset("a"),
    slice(1, 2),
    Ellipsis,
    np.dtype("float32"),
    np.float64,
]


def data_of_layers():
    """What image, text and tabular data sets of v1 said of themselves."""
    transform = foreign(
        "fastai.vision.image.TfmPixel", order=10, func=named("fastai.vision.transform._x", lambda x: x)
    )
    subset = Enum("DatasetType", "Train Valid Test Single Fix")
    named("fastai.basic_data.DatasetType", subset)
    return {
        "x_cls": kind("fastai.vision.data.ImageList"),
        "x_proc": [foreign("fastai.text.data.TokenizeProcessor", chunksize=10_000, include_bos=True)],
        "y_cls": kind("fastai.data_block.CategoryList"),
        "y_proc": [
            foreign("fastai.data_block.CategoryProcessor", classes=["a", "b", "c"], c2i={"a": 0}, warns=[])
        ],
        "tfms": [foreign("fastai.vision.image.RandTransform", tfm=transform, kwargs={}, p=1.0, resolved={})],
        "tfm_y": False,
        "tfmargs": {"size": 224, "padding_mode": "reflection", "resize": slice(None)},
        "bar": foreign("fastprogress.fastprogress.ConsoleMasterBar", total=3),
        "method": kind("fastai.vision.data.SegmentationLabelList", open=classmethod(open_item)).open,
        "subset": subset.Valid,
        "paths": [Path("a/b"), PurePosixPath("c"), PureWindowsPath("d\\e")],
        "plain": PLAIN,
    }


STATES = {
    CALLBACKS["csv_logger.CSVLogger"]: {
        "filename": "history",
        "path": Path("h.csv"),
        "append": False,
        "add_time": True,
    },
    CALLBACKS["fp16.MixedPrecision"]: {
        "flat_master": False,
        "dynamic": True,
        "max_noskip": 1000,
        "clip": None,
        "max_scale": 2.0**24,
        "loss_scale": 65536,
        "noskip": 3,
    },
    CALLBACKS["tracker.SaveModelCallback"]: {**TRACKED, "every": "improvement", "name": "bestmodel"},
    CALLBACKS["tracker.EarlyStoppingCallback"]: {**TRACKED, "min_delta": 0, "patience": 3, "wait": 0},
    CALLBACKS["tracker.ReduceLROnPlateauCallback"]: {
        **TRACKED,
        "patience": 0,
        "factor": 0.2,
        "min_delta": 0,
        "min_lr": 0.001,
    },
    CALLBACKS["one_cycle.OneCycleScheduler"]: {
        "lr_max": np.array([1e-3]),
        "moms": (0.95, 0.85),
        "div_factor": 25.0,
        "pct_start": 0.3,
        "final_div": 1e4,
        "start_epoch": None,
        "tot_epochs": None,
    },
    CALLBACKS["mixup.MixUpCallback"]: {"alpha": 0.4, "stack_x": False, "stack_y": True},
    CALLBACKS["general_sched.GeneralScheduler"]: {
        "phases": [made("fastai.callbacks.general_sched.TrainingPhase", length=3, scheds={})],
        "start_epoch": None,
    },
    CALLBACKS["oversampling.OverSamplingCallback"]: {"weights": None},
    CALLBACKS["hooks.ActivationStats"]: {"modules": None, "do_remove": True},
    CALLBACKS["loss_metrics.LossMetrics"]: {},
    CALLBACKS["misc.StopAfterNBatches"]: {"stop": True, "n": 1},
    CALLBACKS["tracker.TerminateOnNaNCallback"]: {"stop": False},
    CALLBACKS["tracker.TrackEpochCallback"]: {"name": "epoch", "path": Path("models/epoch")},
    CALLBACKS["flat_cos_anneal.Own"]: {"x": 1},
}

METRICS = [
    made(
        "fastai.metrics.Precision",
        average="binary",
        pos_label=1,
        eps=1e-9,
        n_classes=0,
        cm=None,
        x=torch.arange(2),
    ),
    made("fastai.metrics.FBeta", average="micro", pos_label=1, eps=1e-9, beta=2, n_classes=3),
    made("fastai.metrics.KappaScore", weights=None),
    made("fastai.metrics.RMSE"),
    made("fastai.metrics.AUROC"),
    partial(function("fastai.metrics.accuracy_thresh", metrics.accuracy_thresh), thresh=0.2),
    partial(function("fastai.metrics.top_k_accuracy", metrics.top_k_accuracy), k=2),
    F.mse_loss,
    made("fastai.callback.AverageMetric", func=F.mse_loss, name="mse_loss", world=1),
]


def of_optimizers():
    """Exports by name that differ in the optimizer, and the shape of an input."""
    return {
        "sgd": (export(net(), opt_func=torch.optim.SGD, loss_func=nn.NLLLoss(), wd=None), (2, 4)),
        "rms": (
            export(net(), opt_func=partial(torch.optim.RMSprop, alpha=0.9), metrics=[], wd=np.float64(0.1)),
            (2, 4),
        ),
        "optimizer": (
            export(net(), opt_func=partial(kind("fastai.general_optimizer.GeneralOptimizer"), on_step=None)),
            (2, 4),
        ),
    }


def exports():
    """All exports by name, and the shape of an input of their model."""
    old = export(net())
    del old["cls"], old["callback_fns"]
    recurrent = nn.Sequential(
        nn.LSTM(4, 3, 2, bidirectional=True),
        twin(layers.Lambda)(named("fastai.core.first_el", lambda x: x[0])),
    )
    return {
        **of_optimizers(),
        "callbacks": (export(net(), cb_state=STATES), (2, 4)),
        "metrics": (export(net(), metrics=METRICS, loss_func=F.cross_entropy), (2, 4)),
        "layers": (export(of_layers(), loss_func=flat(nn.MSELoss(), floatify=True, is_2d=False)), (2, 4)),
        "data": (export(net(), data=data_of_layers()), (2, 4)),
        "older": (old, (2, 4)),
        "parallel": (export(nn.DataParallel(net())), (2, 4)),
        "recurrent": (export(recurrent, loss_func=nn.CrossEntropyLoss(weight=torch.ones(3))), (2, 3, 4)),
        "smoothing": (export(net(), loss_func=twin(losses.LabelSmoothingCrossEntropy)()), (2, 4)),
        "text learner": (export(net(), cls=kind("fastai.text.learner.RNNLearner")), (2, 4)),
    }


def main(folder):
    """Write all exports in both formats, and inputs with what the models give for them."""
    torch.manual_seed(0)
    expected = {}
    for name, (state, shape) in exports().items():
        x = torch.randn(shape)
        with torch.no_grad():
            expected[name] = [x.tolist(), state["model"].eval()(x).tolist()]
        for ending, zip_format in ((".pkl", False), (".zip.pkl", True)):
            path = Path(folder, name + ending)
            torch.save(state, path, _use_new_zipfile_serialization=zip_format)
    Path(folder, "expected.json").write_text(json.dumps(expected), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
