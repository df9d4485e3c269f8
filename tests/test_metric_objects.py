"""Objects with `update`, `compute` and `reset` as metrics: a class of our own that counts hits."""

from __future__ import annotations

import pytest
import torch

from fastloop_v1.callback import AverageMetric, Callback, CallbackHandler
from fastloop_v1.defaults import defaults
from fastloop_v1.errors import ArgumentError
from fastloop_v1.metric_objects import MetricObject, is_metric_object, with_metric_objects

OUTPUTS = torch.tensor([[2.0, 0.0], [0.0, 1.0], [3.0, 1.0], [0.0, 5.0], [1.0, 0.0]])
TARGETS = torch.tensor([0, 1, 1, 1, 1])


class ShareOfHits:
    """The share of right classes over all batches; keeps a log of its calls."""

    def __init__(self):
        self.calls, self.hits, self.samples = [], torch.tensor(0), 0

    def reset(self):
        """Start anew."""
        self.calls.append("reset")
        self.hits, self.samples = torch.zeros_like(self.hits), 0

    def update(self, preds, target):
        """Take in a batch."""
        self.calls.append("update")
        self.hits = self.hits + (preds.argmax(-1) == target).sum()
        self.samples += len(target)

    def compute(self):
        """Return the share."""
        self.calls.append("compute")
        return self.hits / self.samples

    def __call__(self, preds, target):
        """Return the share of one batch."""
        return (preds.argmax(-1) == target).float().mean()


class Movable(ShareOfHits):
    """One that has to be where the batches are."""

    def to(self, device):
        """Move."""
        self.calls.append(f"to {torch.device(device)}")
        self.hits = self.hits.to(device)
        return self


class Named(ShareOfHits):
    """One with a name of its own."""

    name = "right"


class Collection(dict):
    """Several under one roof, as in torchmetrics."""

    update = compute = reset = lambda self, *batch: None


class Told(ShareOfHits):
    """One that computes what it was told."""

    def __init__(self, value):
        super().__init__()
        self.value = value

    def compute(self):
        """Return it."""
        return self.value


def run(metric, sizes=(2, 2, 1)):
    """One epoch of validation, in batches of these sizes: titles and values."""
    told = []
    listener = Callback()
    listener.on_train_begin = lambda metrics_names, **state: told.extend(metrics_names)
    handler = CallbackHandler([listener], metric)
    handler.on_train_begin(1, None, metric)
    handler.on_epoch_begin()
    for x, y in zip(OUTPUTS.split(sizes), TARGETS.split(sizes), strict=True):
        handler.on_batch_begin(x, y, train=False)
        handler.on_loss_begin(x)
        handler.on_batch_end(torch.tensor(0.0))
    handler.on_epoch_end(torch.tensor(0.0))
    return told, handler.state_dict["last_metrics"][1:]


@pytest.mark.parametrize("sizes", [(5,), (2, 2, 1), (4, 1), (1, 1, 3)], ids=str)
def test_value_is_that_of_the_whole_set_however_it_is_split(sizes):
    assert [value.item() for value in run(ShareOfHits(), sizes)[1]] == [pytest.approx(4 / 5 - 1 / 5)]


def test_object_is_reset_updated_with_each_batch_and_computed_once():
    metric = ShareOfHits()
    run(metric)
    assert metric.calls == ["reset", "update", "update", "update", "compute"]


def test_second_epoch_starts_anew():
    metric = ShareOfHits()
    assert run(metric) == run(metric)


@pytest.mark.parametrize(
    ("metric", "names"),
    [
        (ShareOfHits(), ["share_of_hits"]),
        (Named(), ["right"]),
        (Collection(MyHits=ShareOfHits(), other=Named()), ["my_hits", "other"]),
    ],
    ids=["class", "own name", "members of a collection"],
)
def test_column_is_named_in_snake_case(metric, names):
    told, values = run([metric])
    assert (told, len(values)) == (names, len(names))


def test_object_that_can_be_moved_goes_to_the_output_once_an_epoch():
    metric = Movable()
    run(metric)
    assert metric.calls.count("to cpu") == 1


def test_nothing_is_read_from_the_device_before_the_epoch_ends():
    metric, meta = Movable(), torch.device("meta")
    listener = MetricObject(metric)
    listener.on_epoch_begin()
    for _ in range(2):
        listener.on_batch_end(OUTPUTS.to(meta), TARGETS.to(meta))
    assert metric.hits.device == meta  # reading a value from there raises


def test_epoch_without_batches_has_no_value():
    listener = MetricObject(ShareOfHits())
    listener.on_epoch_begin()
    assert listener.on_epoch_end(last_metrics=[1.0]) == {"last_metrics": [1.0, None]}


@pytest.mark.parametrize("value", [0.5, 1, torch.tensor(0.5), torch.tensor([0.5])], ids=repr)
def test_value_becomes_a_tensor_without_dimensions(value):
    assert [(found.shape, found.item()) for found in run(Told(value))[1]] == [((), float(value))]


@pytest.mark.parametrize("value", [torch.ones(3), {"a": 1}, [1, 2]], ids=["vector", "dict", "list"])
def test_more_than_one_number_is_refused(value):
    with pytest.raises(ArgumentError, match="metric told computed"):
        run(Told(value))


def test_listener_with_these_methods_stays_a_listener():
    class Both(Callback, ShareOfHits):
        pass

    both = Both()
    assert not is_metric_object(both)
    assert with_metric_objects([both]) == [both]


def test_class_is_no_metric_object():
    assert not is_metric_object(ShareOfHits)


def test_v1_quirks_average_over_the_batches(monkeypatch):
    monkeypatch.setattr(defaults, "v1_quirks", True)
    metric = ShareOfHits()
    assert isinstance(CallbackHandler(metrics=metric).metrics[0], AverageMetric)
    assert run(metric)[1] == [pytest.approx((2 * 1 + 2 * 0.5 + 0) / 5)]
