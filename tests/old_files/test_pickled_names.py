"""Names in exported files stand for what is harmless here, or for nothing."""

from __future__ import annotations

import sys
from collections import OrderedDict

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastloop_v1 import layers, losses, metrics, schedule
from fastloop_v1.basic_data import DatasetType
from fastloop_v1.callbacks.hooks import HookCallback
from fastloop_v1.inert_record import InertRecord, InertType
from fastloop_v1.old_files.pickled_names import find_attribute, find_named, is_of_states, name_today

VALUES = {
    "builtins.set": set,
    "builtins.int": int,
    "collections.OrderedDict": OrderedDict,
    "numpy.dtype": np.dtype,
    "numpy.float32": np.float32,
    "numpy.bool_": np.bool_,
    "numpy.ndarray": np.ndarray,
    "numpy.less": np.less,
    "torch.Size": torch.Size,
    "torch.float16": torch.float16,
    "torch.LongStorage": torch.int64,
    "torch.Tensor": torch.Tensor,
    "torch.nn.modules.linear.Linear": nn.Linear,
    "torch.nn.Linear": nn.Linear,
    "torch.nn.modules.container.Sequential": nn.Sequential,
    "torch.nn.parallel.data_parallel.DataParallel": nn.DataParallel,
    "torch.nn.functional.relu": F.relu,
    "torch.nn.functional.gelu": F.gelu,
    "torch.optim.adam.Adam": torch.optim.Adam,
    "fastai.layers.FlattenedLoss": losses.FlattenedLoss,
    "fastai.layers.CrossEntropyFlat": losses.CrossEntropyFlat,
    "fastai.layers.Lambda": layers.Lambda,
    "fastai.metrics.accuracy": metrics.accuracy,
    "fastai.metrics.AUROC": metrics.AUROC,
    "fastai.callback.annealing_cos": schedule.annealing_cos,
    "fastai.basic_data.DatasetType": DatasetType,
    "fastloop_v1.losses.FlattenedLoss": losses.FlattenedLoss,
}


@pytest.mark.parametrize(("name", "value"), VALUES.items(), ids=VALUES)
def test_name_stands_for_its_value(name, value):
    assert find_named(name).value is value


MADE = [
    "torch.nn.modules.linear.Linear",
    "fastai.layers.FlattenedLoss",
    "torch.nn.utils.weight_norm.WeightNorm",
]


@pytest.mark.parametrize("name", MADE)
def test_object_is_made_bare_and_class_not_called(name):
    named = find_named(name)
    made = named.new()
    assert (type(made), vars(made), named.call) == (named.value, {}, None)
    with pytest.raises(TypeError, match="takes no arguments"):
        named.new(1)


@pytest.mark.parametrize(
    "name", ["fastai.metrics.accuracy", "torch.optim.adam.Adam", "numpy.less", "builtins.int"]
)
def test_value_is_neither_called_nor_made(name):
    named = find_named(name)
    assert (named.call, named.new) == (None, None)


def test_member_of_an_enum_is_called_for_by_value():
    named = find_named("fastai.basic_data.DatasetType")
    assert named.call(2) is DatasetType(2)
    assert named.new is None
    with pytest.raises(TypeError):
        named.call("New", "a b")


def test_object_that_does_something_when_it_goes_is_not_made():
    named = find_named("fastai.callbacks.hooks.HookCallback")
    assert (named.value, named.new) == (HookCallback, None)


@pytest.mark.parametrize(
    "name",
    [
        "fastai.vision.image.Image",
        "fastai.data_block.CategoryProcessor",
        "fastai.core.download_url",
        "fastai.basic_train.load_learner",
        "fastai.layers._private",
        "fastai.no_such_module.Thing",
    ],
)
def test_name_of_v1_without_a_harmless_twin_becomes_a_record(name):
    named = find_named(name)
    assert type(named.value) is InertType
    assert f"{named.value.__module__}.{named.value.__name__}" == name
    assert isinstance(named.call(1, 2), InertRecord)
    assert named.new(1).args == (1,)


NOTHING = [
    "os.system",
    "posix.system",
    "builtins.eval",
    "builtins.getattr",
    "sys.modules",
    "numpy.load",
    "numpy.sys",
    "numpy.lib.load",
    "torch.load",
    "torch.ops",
    "torch.nn.functional.torch",
    "torch.nn.functional._pad",
    "torch.nn.modules.module.torch",
    "torch.nn.parallel.distributed.DistributedDataParallel",
    "torch.optim.lr_scheduler.LambdaLR",
    "torch.no_such_module.Thing",
    "torch.storage._load_from_bytes",
    "fastloop_v1.checkpoint.os",
    "fastloop_v1.checkpoint.save_state",
    "fastloop_v1.losses._SHORT_INTEGERS",
    "fastloop_v1.no_such_module.Thing",
    "fastloop_v1.__main__.main",
    "fastai.__main__.Thing",
    "fastai..Thing",
    "fastai.core.",
    "fastaix.core.Thing",
    "__main__.Model",
    "",
    "Model",
]


@pytest.mark.parametrize("name", NOTHING)
def test_other_name_stands_for_nothing(name):
    assert find_named(name) is None


def test_looking_for_a_name_imports_nothing_foreign(tmp_path, monkeypatch):
    (tmp_path / "foreign_module.py").write_text("raise SystemExit", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    for package in ("", "torch.", "numpy.", "fastloop_v1.", "fastai."):
        find_named(f"{package}foreign_module.Thing")
    assert not [module for module in sys.modules if module.endswith("foreign_module")]


TODAY = {
    ("__builtin__", "set"): "builtins.set",
    ("__builtin__", "xrange"): "builtins.range",
    ("__builtin__", "long"): "builtins.int",
    ("copy_reg", "_reconstructor"): "copyreg._reconstructor",
    ("numpy._core.multiarray", "scalar"): "numpy.core.multiarray.scalar",
    ("numpy.core.multiarray", "scalar"): "numpy.core.multiarray.scalar",
    ("torch._C._nn", "gelu"): "torch.nn.functional.gelu",
    ("torch.nn.modules.linear", "_LinearWithBias"): "torch.nn.modules.linear.NonDynamicallyQuantizableLinear",
    ("posix", "system"): "posix.system",
}


@pytest.mark.parametrize(("pair", "today"), TODAY.items(), ids=lambda found: str(found))
def test_old_name_is_known_under_today_s(pair, today):
    assert name_today(*pair) == today


def test_method_of_v1_is_a_record_by_its_name():
    found = find_attribute(object(), "fastai.basic_data.DataBunch", "create")
    assert f"{type(found).__module__}.{type(found).__name__}" == "fastai.basic_data.DataBunch.create"
    for owner, dotted, name in [
        (nn.Linear, "torch.nn.Linear", "apply"),
        (1, None, "real"),
        (1, "fastai.x", "a.b"),
    ]:
        assert find_attribute(owner, dotted, name) is None


@pytest.mark.parametrize(
    "name", ["collections.OrderedDict", "torch.float16", "torch._utils._rebuild_tensor_v2"]
)
def test_states_hold_tensors_and_containers(name):
    assert is_of_states(name)


@pytest.mark.parametrize(
    "name", ["functools.partial", "torch.nn.functional.relu", "builtins.getattr", "pathlib.Path"]
)
def test_states_hold_nothing_else(name):
    assert not is_of_states(name)
