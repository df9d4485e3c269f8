"""Callbacks of the package together in one learner: all at once, and 200 random choices of them."""

from __future__ import annotations

import copy
import random

import pytest

from fastloop_v1.events import EVENTS

# What MLflow and TensorBoard warn of among themselves.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    # A fit that is resumed without the listener that ended it says so.
    pytest.mark.filterwarnings("ignore:Training goes on, but not all is as it was. callback tests"),
]

CHOICES = 200


def _one_of_each_group(classes, settings):
    """The classes without those that come after another one of their group."""
    taken = {}
    for cls in classes:
        taken.setdefault(settings[cls].group or cls, cls)
    return list(taken.values())


@pytest.fixture
def everything(combinable):
    """Settings of all that goes together and lets a fit run to its end."""
    lasting = [cls for cls, setting in combinable.items() if not setting.ends]
    return [combinable[cls] for cls in _one_of_each_group(lasting, combinable)]


def test_all_at_once_fit_twice_alike(everything, learner, put_on, fitted, condition_of):
    learn = learner()
    start = copy.deepcopy(learn.model.state_dict())
    for setting in everything:
        put_on(setting, learn)
    before = condition_of(learn)
    first = fitted(learn, start, metrics=False)
    assert condition_of(learn) == before
    assert fitted(learn, start, metrics=False) == first
    assert condition_of(learn) == before


def test_table_has_a_column_for_each_metric_of_all_at_once(everything, learner, put_on):
    learn = learner()
    for setting in everything:
        put_on(setting, learn)
    learn.fit(1, 0.05)
    assert len(set(learn.recorder.names)) == len(learn.recorder.names)


@pytest.mark.parametrize("seed", range(CHOICES))
def test_any_choice_in_any_order_leaves_the_learner_as_found(
    combinable, learner, put_on, condition_of, Spy, seed
):
    chosen = random.Random(seed)
    quick = [cls for cls, setting in combinable.items() if not setting.slow]
    classes = chosen.sample(quick, chosen.randint(2, len(quick)))
    learn = learner(valid=seed % 5 > 0)
    for cls in _one_of_each_group(classes, combinable):
        put_on(combinable[cls], learn)
    before = condition_of(learn)
    if seed % 2:
        event, order = chosen.choice(list(EVENTS)), chosen.choice([-10_000, 0, 10_000])
        error = chosen.choice([RuntimeError, KeyboardInterrupt])(event)
        with pytest.raises(type(error), match=event):
            learn.fit(1, 0.05, callbacks=[Spy(order=order, **{event: error})])
        assert condition_of(learn) == before
    learn.fit(1, 0.05)
    assert condition_of(learn) == before
