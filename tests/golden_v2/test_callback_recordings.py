"""Event orders, numbers and names recorded from real v2, replayed with v2 callbacks on this loop."""

from __future__ import annotations

import json
import random
import sys
from importlib import util
from pathlib import Path

import numpy as np
import pytest
import torch

pytestmark = pytest.mark.filterwarnings("ignore")
HERE = Path(__file__).parent
# Kinds of scenarios that take the optimizer alone are replayed beside this file.
ALONE = {"optim", "hyper", "debias", "sched_fn"}
# Recorded faults of v2 that are not copied; the comparison of these must fail.
REPAIRED = {
    "exc-noargs-p1": "an exception without arguments keeps its type",
    "quirk-epoch-early-p1": "an epoch cancelled in before_epoch ends with an empty row",
}


def _import_replay():
    spec = util.spec_from_file_location("golden_v2_replay", HERE / "replay.py")
    module = util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


replay = _import_replay()
SCENARIOS = {
    path.stem: scenario
    for path in sorted((HERE / "public").glob("*.json"))
    if (scenario := json.loads(path.read_text(encoding="utf-8")))["kind"] not in ALONE
}


@pytest.fixture(autouse=True)
def _state_put_back():
    """The replay seeds and counts threads for itself; the tests after it see none of that."""
    states = random.getstate(), np.random.get_state(), torch.get_rng_state(), torch.get_num_threads()
    yield
    random.setstate(states[0])
    np.random.set_state(states[1])
    torch.set_rng_state(states[2])
    torch.set_num_threads(states[3])


def differences(name):
    scenario = SCENARIOS[name]
    found = replay.run_one(replay.make_lib("fastloop_v1"), scenario)
    return replay.diff(scenario["expected"], found, scenario.get("tol", replay.TOL))


@pytest.mark.parametrize("name", [name for name in SCENARIOS if name not in REPAIRED])
def test_replay_agrees_with_v2(name):
    assert differences(name) == [], SCENARIOS[name]["description"]


@pytest.mark.parametrize("name", sorted(REPAIRED))
def test_repaired_behaviour_differs_from_v2(name):
    assert SCENARIOS[name]["quirk"]
    assert differences(name), f"v2's behaviour again, though repaired: {REPAIRED[name]}"
