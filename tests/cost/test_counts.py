"""What a batch costs, counted: no wait for a device, no copy from it, one call for each event overridden."""

from __future__ import annotations

import gc
import sys
import weakref

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import TensorDataset

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.callback import Callback, CallbackHandler
from fastloop_v1.callbacks.terminate_on_nan import TerminateOnNaNCallback
from fastloop_v1.events import EVENTS
from fastloop_v1.metrics import accuracy
from fastloop_v1.v2 import Callback as SecondCallback

# What makes the host wait for a device, or takes a tensor from it.
READS = {
    "aten::_local_scalar_dense",
    "aten::equal",
    "aten::nonzero",
    "aten::masked_select",
    "aten::is_nonzero",
}
LOOKS = {
    Tensor.cpu,
    Tensor.item,
    Tensor.numpy,
    Tensor.tolist,
    Tensor.__float__,
    Tensor.__bool__,
    Tensor.__format__,
}


class Reads(TorchDispatchMode):
    """Counts reads of numbers inside torch."""

    count = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        self.count += func.name().partition(".")[0] in READS
        return func(*args, **(kwargs or {}))


class Looks(TorchFunctionMode):
    """Counts looks at tensors, on a CPU too, where `cpu()` copies nothing."""

    count = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.count += func in LOOKS
        return func(*args, **(kwargs or {}))


def learner(n_train=8, n_valid=8, **options):
    torch.manual_seed(0)
    train, valid = (TensorDataset(torch.randn(n, 3), torch.randint(0, 2, (n,))) for n in (n_train, n_valid))
    data = DataBunch.create(train, valid, bs=2, num_workers=0)
    options = {"opt_func": torch.optim.SGD, "metrics": [accuracy], "loss_func": F.cross_entropy} | options
    return Learner(data, nn.Linear(3, 2), **options)


def reads(n_train, n_valid, **options):
    """Reads of an epoch with the usual callbacks: one-cycle, recorder, progress bar, accuracy."""
    learn = learner(n_train, n_valid)
    with Looks() as looks, Reads() as dispatched:
        learn.fit_one_cycle(1, 1e-2, **options)
    return looks.count, dispatched.count


@pytest.mark.usefixtures("capsys")
def test_bug_16_a_training_batch_waits_for_nothing():
    assert reads(200, 8) == reads(8, 8)


@pytest.mark.usefixtures("capsys")
def test_a_validation_batch_waits_for_nothing():
    assert reads(8, 200) == reads(8, 8)


@pytest.mark.usefixtures("capsys")
@pytest.mark.parametrize("on_nan", ["stop", "skip", "raise"])
def test_a_watch_for_bad_losses_waits_once_an_epoch_and_at_intervals(on_nan):
    def reads_of(*sizes, every):
        return reads(*sizes, callbacks=TerminateOnNaNCallback(on_nan=on_nan, read_every=every))

    assert reads_of(200, 8, every=1000) == reads_of(8, 8, every=1000)
    assert reads_of(8, 200, every=1000) == reads_of(8, 8, every=1000)
    late, often = reads_of(200, 8, every=1000), reads_of(200, 8, every=25)
    assert [now - before for before, now in zip(late, often, strict=True)] == [3, 0]


class Device(TorchDispatchMode):
    """Counts copies between devices."""

    def __init__(self):
        super().__init__()
        self.copies = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        given = [arg.device.type for arg in args if isinstance(arg, Tensor)]
        if isinstance(result, Tensor) and given and result.device.type != given[0]:
            self.copies.append((func.name(), given[0], result.device.type))
        return result


@pytest.mark.usefixtures("capsys")
def test_a_batch_is_moved_to_the_device_and_nothing_back():
    learn = learner(20, 20, silent=True, metrics=None)
    learn.model, learn.data.valid_dl = learn.model.to("meta"), None
    learn.data.train_dl.device = torch.device("meta")
    learn.callback_fns = []
    with Device() as device:
        learn.fit(1, 1e-2)
    assert {(source, target) for _, source, target in device.copies} == {("cpu", "meta")}
    assert len(device.copies) == 2 * len(learn.data.train_dl)


class Mark:
    """Lives as long as the graph it is put on."""


class Graph(Callback):
    """Marks the graph of the loss, and notes whether the output still has one when the batch ends."""

    def on_backward_begin(self, last_loss, **kwargs):
        mark = last_loss.grad_fn.metadata["mark"] = Mark()
        self.graph = weakref.ref(mark)

    def on_batch_end(self, last_output, **kwargs):
        self.had_graph = last_output.requires_grad


def test_bug_17_the_graph_is_gone_when_the_batch_is_over():
    learn = learner(silent=True, metrics=None)
    model, watch = learn.model, Graph()
    learn.create_opt(1e-2)
    handler = CallbackHandler(watch)
    handler.on_train_begin(1, None, [])
    handler.on_epoch_begin()
    xb, yb = handler.on_batch_begin(torch.randn(2, 3), torch.tensor([0, 1]))
    out = handler.on_loss_begin(model(xb))
    loss, _ = handler.on_backward_begin(F.cross_entropy(out, yb))
    handler.on_batch_end(loss.detach())
    del out, loss
    gc.collect()
    assert watch.had_graph
    assert watch.graph() is None
    assert not handler.state_dict["last_output"].requires_grad
    assert not handler.state_dict["last_loss"].requires_grad


def calls_of_a_batch(callbacks, metrics=()):
    """Calls of Python functions in one training batch driven by hand."""
    handler = CallbackHandler(callbacks, list(metrics))
    handler.on_train_begin(1, None, [])
    handler.on_epoch_begin()
    x, y, loss = torch.ones(1), torch.ones(1), torch.ones(())

    def batch():
        handler.on_batch_begin(x, y)
        handler.on_loss_begin(x)
        handler.on_backward_begin(loss)
        handler.on_backward_end()
        handler.on_step_end()
        handler.on_batch_end(loss)

    batch()
    names = []
    sys.setprofile(
        lambda frame, event, _: names.append(frame.f_code.co_qualname) if event == "call" else None
    )
    try:
        batch()
    finally:
        sys.setprofile(None)
    return names


IN_A_BATCH = ["batch_begin", "loss_begin", "backward_begin", "backward_end", "step_end", "batch_end"]


def calls_of_a_fit(n_train, **options):
    """Calls of Python functions of this package in a fit without validation, by file and name."""
    learn, names = learner(n_train, 2, silent=True, metrics=None, **options), []
    learn.data.valid_dl = None
    sys.setprofile(
        lambda frame, event, _: (
            names.append((frame.f_code.co_filename, frame.f_code.co_name))
            if event == "call" and "fastloop_v1" in frame.f_code.co_filename
            else None
        )
    )
    try:
        learn.fit(1, 1e-2)
    finally:
        sys.setprofile(None)
    return names


def test_without_v2_callbacks_a_batch_makes_no_call_for_them():
    few, many = (calls_of_a_fit(n) for n in (20, 60))
    for part in ("/v2/", "levels.py"):
        of_few, of_many = ([name for file, name in names if part in file] for names in (few, many))
        assert of_few == of_many


def test_with_a_v2_callback_they_are_counted():
    few, many = (calls_of_a_fit(n, cbs=[SecondCallback()]) for n in (20, 60))
    assert len([name for file, name in many if "/v2/" in file]) > len(few)


def silent(self, **kwargs):
    """Listen and say nothing."""


@pytest.mark.skipif(sys.version_info < (3, 11), reason="code objects have no qualified name")
@pytest.mark.parametrize("events", [[], ["step_end"], ["batch_begin", "batch_end"], IN_A_BATCH], ids=len)
@pytest.mark.parametrize("n", [1, 20])
def test_callbacks_are_called_for_the_events_they_override_only(events, n):
    kind = type("Some", (Callback,), {f"on_{event}": silent for event in events})
    names = calls_of_a_batch([kind() for _ in range(n)])
    assert names.count("silent") == n * len(events)
    assert not [name for name in names if name.startswith("Callback.on_")]


@pytest.mark.skipif(sys.version_info < (3, 11), reason="code objects have no qualified name")
def test_metrics_are_not_called_in_training():
    kind = type("Metric", (Callback,), {f"on_{event}": silent for event in EVENTS})
    assert "silent" not in calls_of_a_batch([], [kind()])


def test_a_recorder_that_nobody_looks_at_keeps_numbers_only():
    learn = learner(4000, 2, silent=True, metrics=None)
    learn.data.valid_dl = None
    learn.fit(1, 1e-2)
    kept = [obj for obj in gc.get_objects() if type(obj) is Tensor and obj.dim() == 0]
    assert len(learn.recorder.losses) == 2000
    assert len(kept) < 600
