"""The counters and flags of v2: what a callback reads at each point of a fit."""

from __future__ import annotations

import pytest
from torch import nn

READ = ("epoch", "iter", "train_iter", "pct_train", "training", "n_iter", "n_epoch")


def read_at(small, event, epochs=2, **attributes):
    found = []
    reader = small.does(
        event, lambda cb: found.append(tuple(getattr(cb, name) for name in READ)), **attributes
    )
    small.learner(cbs=[reader]).fit(epochs, 0.1)
    return found


EXPECTED = {
    "before_train": [(0, -1, 0, 0.0, True, 2, 2), (1, -1, 2, 0.5, True, 2, 2)],
    "before_step": [
        (0, 0, 0, 0.0, True, 2, 2),
        (0, 1, 1, 0.25, True, 2, 2),
        (1, 0, 2, 0.5, True, 2, 2),
        (1, 1, 3, 0.75, True, 2, 2),
    ],
    "before_validate": [(0, -1, 2, 0.5, False, 2, 2), (1, -1, 4, 1.0, False, 2, 2)],
    "after_epoch": [(0, 1, 2, 0.5, False, 2, 2), (1, 1, 4, 1.0, False, 2, 2)],
}


@pytest.mark.parametrize(("event", "values"), EXPECTED.items(), ids=EXPECTED)
def test_counters_at(small, event, values):
    assert read_at(small, event) == values


def test_counters_have_grown_for_those_that_come_later_in_after_batch(small):
    early = read_at(small, "after_batch", epochs=1, order=-20, run_valid=False)
    late = read_at(small, "after_batch", epochs=1, run_valid=False)
    assert [row[2] for row in early] == [0, 1]
    assert [row[2] for row in late] == [1, 2]


def test_a_model_with_a_memory_forgets_at_the_start(small):
    model = nn.Linear(3, 1)
    model.resets = []
    model.reset = lambda: model.resets.append(1)
    small.learner(model=model, cbs=[small.Log()]).fit(2, 0.1)
    assert model.resets == [1]


def test_dropout_that_a_callback_leaves_on_stays_on_in_validation(small):
    modes = []
    drop = nn.Dropout()
    learn = small.learner(
        model=nn.Sequential(nn.Linear(3, 1), drop),
        cbs=[
            small.does("before_validate", lambda cb: drop.train()),
            small.does(
                "after_pred", lambda cb: modes.append((cb.model.training, drop.training)), run_train=False
            ),
        ],
    )
    learn.fit(1, 0.1)
    assert modes == [(False, True)] * 2
