"""v1's names for hooks, the callbacks made of them, and what is found out with them about a model."""

from __future__ import annotations

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
