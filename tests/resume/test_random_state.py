"""The states of the global random generators come and go."""

from __future__ import annotations

import random

import numpy as np
import torch

from fastloop_v1.randomness import set_all_seed
from fastloop_v1.resume.random_state import has_device, random_state, set_random_state


def _drawn():
    return random.random(), random.gauss(0, 1), np.random.rand(), np.random.randn(), torch.rand(1).item()


def test_cpu_is_a_device_and_an_unknown_type_is_none():
    assert has_device("cpu")
    assert not has_device("abacus")


def test_bug_of_torch_2_4_mps_is_asked_for_in_backends(monkeypatch):
    monkeypatch.delattr(torch.mps, "is_available", raising=False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert has_device("mps")


def test_states_put_back_give_the_same_numbers_again():
    set_all_seed(3)
    _drawn()
    state = random_state()
    first = _drawn()
    set_all_seed(4)
    set_random_state(state)
    assert _drawn() == first


def test_states_are_not_changed_by_drawing():
    set_all_seed(3)
    state = random_state()
    words = state["numpy"][1].copy(), state["torch"].clone()
    _drawn()
    np.random.rand(1000)
    assert (state["numpy"][1] == words[0]).all()
    assert torch.equal(state["torch"], words[1])
