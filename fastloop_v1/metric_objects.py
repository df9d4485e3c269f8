"""`MetricObject`: lets the loop take metrics that are objects with `update`, `compute` and `reset`.

That is how torchmetrics and torcheval write metrics. Neither is needed: an object is known by its methods.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from numbers import Number
from typing import Any

import numpy as np
import torch

from .defaults import defaults
from .errors import ArgumentError, ArgumentTypeError
from .events import EVENTS
from .listeners import event_method
from .names import camel2snake
from .sequences import first_el, is_listy, listify

__all__ = [
    "MetricObject",
    "add_metrics",
    "check_metric_value",
    "is_metric_object",
    "metric_name",
    "with_metric_objects",
]

_METHODS = ("update", "compute", "reset")


def metric_name(metric: Any) -> str:
    """The name a metric has in tables: its `name`, its function's name, or its class name in snake case."""
    func = metric.func if isinstance(metric, partial) else metric
    name = getattr(metric, "name", None) or getattr(func, "name", None) or getattr(func, "__name__", None)
    return str(name or camel2snake(type(func).__name__))


def add_metrics(last_metrics: Sequence[Any], mets: Any) -> dict[str, list[Any]]:
    """What a metric returns from on_epoch_end: the metrics so far with its own value or values behind."""
    return {"last_metrics": [*listify(last_metrics), *listify(mets)]}


def check_metric_value(name: str, value: Any) -> None:
    """See that what a metric function returned can be averaged: a number, an array or a tensor.

    Raises:
        ArgumentTypeError: it cannot.
    """
    if not isinstance(value, (torch.Tensor, Number, np.ndarray)):
        raise ArgumentTypeError(
            f"The metric {name} returned {value!r}; it must return a number or a tensor with one element, "
            "or None for a batch that does not count."
        )


def is_metric_object(metric: Any) -> bool:
    """Whether this has the methods `update`, `compute` and `reset` and is neither class nor listener."""
    if isinstance(metric, type) or any(event_method(metric, event) for event in EVENTS):
        return False
    return all(callable(getattr(metric, name, None)) for name in _METHODS)


def with_metric_objects(metrics: list[Any]) -> list[Any]:
    """The metrics with a listener in the place of each metric object, several in that of a collection.

    A collection, such as torchmetrics' `MetricCollection`, has a method `items`: its members by their names.
    """
    # v1: an object that can be called is averaged over the batches like a function.
    if defaults.v1_quirks:
        return metrics
    return [listener for metric in metrics for listener in _listeners(metric)]


def _listeners(metric: Any) -> list[Any]:
    if not is_metric_object(metric):
        return [metric]
    if callable(getattr(metric, "items", None)):
        return [MetricObject(member, _in_snake_case(name)) for name, member in metric.items()]
    return [MetricObject(metric)]


def _in_snake_case(name: str) -> str:
    return camel2snake(name).replace("__", "_")


class MetricObject:
    """Resets a metric object when an epoch begins, updates it batch by batch, and computes it at the end.

    Batches are those of the validation, and nothing here reads from their device before the epoch ends. An
    object with a method `to` goes where the output is.

    Args:
        metric: its `update` takes the output and the targets of a batch.
        name: title of its column; the object's `name`, or that of its class in snake case, if None.
    """

    def __init__(self, metric: Any, name: str | None = None) -> None:
        self.metric = metric
        self.name = str(name or getattr(metric, "name", None) or camel2snake(type(metric).__name__))
        self._updated = False

    def on_epoch_begin(self, **kwargs: Any) -> None:
        """Start anew."""
        self.metric.reset()
        self._updated = False

    def on_batch_end(self, last_output: Any, last_target: Any, **kwargs: Any) -> None:
        """Take one batch in."""
        if not self._updated and hasattr(self.metric, "to"):
            self.metric.to(first_el(last_output).device)
        self.metric.update(last_output, *(last_target if is_listy(last_target) else [last_target]))
        self._updated = True

    def on_epoch_end(self, last_metrics: list[Any], **kwargs: Any) -> dict[str, list[Any]]:
        """Add the value as a tensor on the CPU, None if there was no batch.

        Raises:
            ArgumentError: the value is not one number.
        """
        return {"last_metrics": [*last_metrics, self._value() if self._updated else None]}

    def _value(self) -> torch.Tensor:
        value = self.metric.compute()
        if isinstance(value, (Mapping, list, tuple)) or torch.as_tensor(value).numel() != 1:
            raise ArgumentError(
                f"The metric {self.name} computed {value!r}, and a metric is one number for each epoch. "
                "Ask it for an average, or pass a metric for each of its values."
            )
        return torch.as_tensor(value).detach().cpu().reshape(())
