"""v1's names for hooks, the callbacks made of them, and what is found out with them about a model."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .activation_stats import ActivationStats
from .hook import Hook, Hooks, hook_output, hook_outputs
from .hook_callback import HookCallback
from .model_sizes import dummy_batch, dummy_eval, model_sizes, num_features_model
from .model_summary import (
    get_layer_name,
    hook_params,
    layers_info,
    model_summary,
    params_size,
    total_params,
)

__all__ = [
    "ActivationStats",
    "Hook",
    "HookCallback",
    "Hooks",
    "dummy_batch",
    "dummy_eval",
    "get_layer_name",
    "hook_output",
    "hook_outputs",
    "hook_params",
    "layers_info",
    "model_sizes",
    "model_summary",
    "num_features_model",
    "params_size",
    "total_params",
]


def __getattr__(name: str) -> Any:
    # v1: `summary` was put onto the Learner in this module, so that it was found here too.
    if name == "Learner":
        return import_module("..basic_train", __package__).Learner
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
