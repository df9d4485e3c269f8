"""v1's module of hooks gives its names."""

from __future__ import annotations

import pytest

from fastloop_v1.callbacks import hooks
from fastloop_v1.callbacks.activation_stats import ActivationStats
from fastloop_v1.callbacks.hook import Hook, Hooks
from fastloop_v1.callbacks.hook_callback import HookCallback
from fastloop_v1.callbacks.model_summary import model_summary


@pytest.mark.parametrize("kept", [ActivationStats, Hook, HookCallback, Hooks, model_summary])
def test_name_is_that_of_its_home(kept):
    assert getattr(hooks, kept.__name__) is kept
