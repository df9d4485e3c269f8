from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastloop_v1.basic_train import fit
from fastloop_v1.callback import Callback
from fastloop_v1.events import (
    EVENTS,
    INITIAL_STATE,
    LoopState,
    can_act,
    events_page,
    handed_over,
    readable_keys,
)

ROOT = Path(__file__).parents[1]
COUNTERS = {"epoch": 0, "iteration": 0, "num_batch": 0, "skip_validate": False}
FLAGS = {"stop_epoch": False, "skip_bwd": False, "skip_step": False, "skip_zero": False}
IN_AND_OUT = ("last_input", "last_target")
# event, given by the loop, put back to, passed and not kept, handed to the loop, metrics hear it
ROWS = [
    ("train_begin", ("n_epochs", "pbar", "metrics"), COUNTERS, ("metrics_names",), (), "always"),
    ("epoch_begin", (), {"num_batch": 0, "stop_training": False}, (), (), "always"),
    ("batch_begin", (*IN_AND_OUT, "train"), FLAGS, (), IN_AND_OUT, "in validation"),
    ("loss_begin", ("last_output",), {}, (), ("last_output",), "never"),
    ("backward_begin", ("last_loss", "smooth_loss"), {}, (), ("last_loss", "skip_bwd"), "never"),
    ("backward_end", (), {}, (), ("skip_step",), "never"),
    ("step_end", (), {}, (), ("skip_zero",), "never"),
    ("batch_end", ("last_loss",), {}, (), ("stop_epoch",), "in validation"),
    ("epoch_end", ("last_metrics",), {}, (), ("stop_training",), "if there is a validation loss"),
    ("train_end", (), {}, ("exception",), (), "always"),
]
STATE_KEYS = {key for _, given, reset, *_ in ROWS for key in (*given, *reset)}


class Keys(Callback):
    """Notes the arguments of the first call of each event."""

    def __init__(self):
        self.seen = {}


def _noting(event):
    def on_event(self, **state):
        self.seen.setdefault(event, set(state))

    return on_event


for _event in EVENTS:
    setattr(Keys, f"on_{_event}", _noting(_event))


@pytest.fixture(scope="module")
def seen():
    """The argument names each event had when it first fired in a fit with training and validation."""
    model, batches = nn.Linear(1, 1), [(torch.ones(2, 1), torch.ones(2, 1))]
    data = SimpleNamespace(train_dl=batches, valid_dl=batches, empty_val=False)
    opt, keys = torch.optim.SGD(model.parameters(), lr=0.1), Keys()
    learn = SimpleNamespace(model=model, loss_func=F.mse_loss, opt=opt, data=data, silent=True)
    fit(1, learn, keys)
    return keys.seen


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_row_is_the_contract(row):
    event = EVENTS[row[0]]
    assert (event.name, event.given, dict(event.reset), event.passed, event.handed, event.metrics) == row


def test_events_stand_in_the_order_of_a_fit():
    assert list(EVENTS) == [row[0] for row in ROWS]


def test_state_type_has_all_keys_of_the_table():
    assert set(LoopState.__annotations__) == STATE_KEYS


def test_initial_state_is_what_train_begin_resets():
    assert dict(INITIAL_STATE) == COUNTERS


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
def test_event_says_in_one_sentence_when_it_fires(event):
    assert event.when.endswith(".")
    assert event.when.count(".") == 1


@pytest.mark.parametrize("table", [EVENTS, INITIAL_STATE, *(event.reset for event in EVENTS.values())])
def test_table_cannot_be_changed(table):
    with pytest.raises(TypeError):
        table["new"] = 0


# --- what can be read -------------------------------------------------------------------------------------

AT_BATCH_BEGIN = {*COUNTERS, *FLAGS, *IN_AND_OUT, "n_epochs", "pbar", "metrics", "stop_training", "train"}


@pytest.mark.parametrize(
    ("event", "keys"),
    [
        ("train_begin", {*COUNTERS, "n_epochs", "pbar", "metrics", "metrics_names"}),
        ("epoch_begin", {*COUNTERS, "n_epochs", "pbar", "metrics", "stop_training"}),
        ("batch_begin", AT_BATCH_BEGIN),
        ("loss_begin", {*AT_BATCH_BEGIN, "last_output"}),
        ("backward_begin", {*AT_BATCH_BEGIN, "last_output", "last_loss", "smooth_loss"}),
        ("batch_end", {*AT_BATCH_BEGIN, "last_output", "last_loss", "smooth_loss"}),
        ("epoch_end", STATE_KEYS),
        ("train_end", {*STATE_KEYS, "exception"}),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_readable_keys_are_those_given_so_far(event, keys):
    assert readable_keys(event) == keys


@pytest.mark.parametrize("event", EVENTS)
def test_readable_keys_are_those_a_fit_passes(event, seen):
    assert readable_keys(event) == seen[event]


# --- what still acts --------------------------------------------------------------------------------------

# In training: each event once in an epoch of one batch, two epochs.
FIT = ["train_begin", *[row[0] for row in ROWS[1:-1]] * 2, "train_end"]


def _is_taken_over(key, event):
    """Whether a value put into a state at an event comes out where the loop reads it, by trying."""
    table, put, state = {row[0]: row for row in ROWS}, object(), {}
    for place, name in enumerate(FIT):
        state.update(dict.fromkeys(table[name][1], "given") | table[name][2])
        if place == FIT.index(event):
            state[key] = put
        if key in table[name][4] and state.get(key) is put:
            return True
    return False


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("key", sorted(STATE_KEYS))
def test_key_can_act_where_trying_shows_it(key, event):
    only_informs = not handed_over(key)
    assert can_act(key, event) == (only_informs or _is_taken_over(key, event))


@pytest.mark.parametrize(
    ("key", "event", "acts"),
    [
        ("stop_training", "train_begin", False),
        ("stop_training", "epoch_begin", True),
        ("stop_training", "batch_end", True),
        ("stop_training", "epoch_end", True),
        ("stop_training", "train_end", False),
        ("stop_epoch", "epoch_begin", False),
        ("stop_epoch", "batch_begin", True),
        ("stop_epoch", "batch_end", True),
        ("stop_epoch", "epoch_end", False),
        ("skip_step", "backward_end", True),
        ("skip_step", "step_end", False),
        ("last_input", "batch_begin", True),
        ("last_input", "loss_begin", False),
        ("last_loss", "backward_begin", True),
        ("last_loss", "batch_end", False),
        ("last_metrics", "epoch_end", True),
        ("epoch", "batch_end", True),
    ],
    ids=str,
)
def test_key_can_act(key, event, acts):
    assert can_act(key, event) is acts


@pytest.mark.parametrize(
    ("key", "events"),
    [
        ("last_input", ("batch_begin",)),
        ("last_loss", ("backward_begin",)),
        ("skip_zero", ("step_end",)),
        ("stop_training", ("epoch_end",)),
        ("smooth_loss", ()),
        ("no such key", ()),
    ],
    ids=str,
)
def test_key_is_handed_over(key, events):
    assert handed_over(key) == events


# --- bare values and the page -----------------------------------------------------------------------------


def test_bare_values_stand_for_what_the_loop_took_from_old_listeners():
    assert {name: event.bare for name, event in EVENTS.items() if event.bare} == {
        "batch_begin": ("last_input", "last_target"),
        "loss_begin": ("last_output",),
        "backward_begin": ("last_loss",),
        "backward_end": ("skip_step",),
        "step_end": ("skip_zero",),
        "batch_end": ("stop_epoch",),
        "epoch_end": ("stop_training",),
    }


@pytest.mark.parametrize("event", EVENTS)
def test_page_has_a_row_and_a_section_for(event):
    assert sum(line.startswith(f"| `on_{event}` |") for line in events_page().splitlines()) == 1
    assert events_page().count(f"### `on_{event}`\n") == 1


def test_page_lists_keys_that_act():
    section = events_page().split("### `on_step_end`\n")[1].split("###")[0]
    assert "- Returned keys that act: `skip_zero`, `stop_epoch`, `stop_training`.\n" in section


def test_module_prints_the_page():
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "fastloop_v1.events"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert (done.stdout, done.stderr) == (events_page(), "")
