"""What every callback of the package keeps to, class by class."""

from __future__ import annotations

import copy
import inspect
import pickle
import random

import pytest

from fastloop_v1.events import EVENTS, LoopState
from fastloop_v1.exports.exported_learner import load_callback
from fastloop_v1.learner_callback import LearnerCallback

# What MLflow and TensorBoard warn of among themselves.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

ONCE = ("train_begin", "train_end")


@pytest.fixture
def learn(setting, learner):
    """A learner that the callback can be on."""
    return learner(setting.task)


@pytest.fixture
def start(learn):
    """The weights it starts from."""
    return copy.deepcopy(learn.model.state_dict())


def test_every_callback_class_has_a_setting(settings, callback_classes):
    assert callback_classes == set(settings)


def test_second_fit_starts_clean(setting, learn, start, put_on, fitted):
    put_on(setting, learn)
    first = fitted(learn, start, metrics=not setting.differs)
    assert fitted(learn, start, metrics=not setting.differs) == first


def _as_new(cb):
    return {name: value for name, value in vars(cb).items() if name != "_learn"}


def test_callback_made_again_from_its_state_does_the_same(setting, learn, learner, start, put_on, fitted):
    cb = put_on(setting, learn)
    first = fitted(learn, start, metrics=not setting.differs)
    for minimal in (True, False):
        again = learner(setting.task)
        state = pickle.loads(pickle.dumps(cb.get_state(minimal=minimal)))
        made = put_on(setting, again)
        made.__dict__.update(_as_new(load_callback(type(cb), state, again)))
        assert fitted(again, start, metrics=not setting.differs) == first


def test_callback_can_be_pickled_before_and_after_a_fit(setting, learn, start, put_on, fitted):
    cb = put_on(setting, learn)
    fresh = pickle.loads(pickle.dumps(cb))
    fitted(learn, start)
    used = pickle.loads(pickle.dumps(cb))
    assert type(fresh) is type(used) is type(cb)
    if isinstance(cb, LearnerCallback):
        assert used.learn is None


@pytest.mark.parametrize("event", EVENTS)
def test_method_takes_any_further_argument(setting, learn, event):
    parameters = inspect.signature(getattr(setting.make(learn), f"on_{event}")).parameters.values()
    assert inspect.Parameter.VAR_KEYWORD in {parameter.kind for parameter in parameters}


def test_methods_return_none_or_a_dict_of_known_keys(setting, learn, put_on):
    cb, answers = put_on(setting, learn), []

    def noting(method):
        return lambda **state: answers.append(method(**state)) or answers[-1]

    for event in EVENTS:
        setattr(cb, f"on_{event}", noting(getattr(cb, f"on_{event}")))
    learn.fit(2, 0.05, strict=True)
    assert {type(answer) for answer in answers} <= {type(None), dict}
    assert {key for answer in answers for key in answer or ()} <= set(LoopState.__annotations__)


def test_fit_without_validation_set_is_possible(setting, learner, put_on):
    learn = learner(setting.task, valid=False)
    put_on(setting, learn)
    learn.fit(2, 0.05)
    if not setting.trains:
        learn.validate(learn.data.train_dl)


def test_fit_of_no_epochs_is_possible(setting, learn, put_on, condition_of):
    put_on(setting, learn)
    before = condition_of(learn)
    learn.fit(0)
    assert condition_of(learn) == before


def test_learner_is_left_as_found(setting, learn, put_on, condition_of):
    put_on(setting, learn)
    before = condition_of(learn)
    learn.fit(1, 0.05)
    assert condition_of(learn) == before


@pytest.mark.parametrize("part", ["loss", "model"])
def test_learner_is_left_as_found_when_part_of_it_raises(setting, learn, put_on, condition_of, part):
    put_on(setting, learn)
    broken = learn.loss_func if part == "loss" else list(learn.model.children())[-1]
    whole, fail = broken.forward, _after(2, ZeroDivisionError(part))
    broken.forward = lambda *args: fail(args) or whole(*args)
    before = condition_of(learn)
    with pytest.raises(ZeroDivisionError, match=part):
        learn.fit(1, 0.05)
    assert condition_of(learn) == before


def _after(calls, error):
    """An answer to an event: None so many times, then the error."""
    left = iter([None] * calls)

    def answer(state):
        if next(left, error) is error:
            raise error

    return answer


@pytest.mark.parametrize("order", [-10_000, 10_000], ids=["before", "after"])
def test_learner_is_left_as_found_when_another_callback_raises(
    setting, learn, put_on, condition_of, Spy, order
):
    put_on(setting, learn)
    before = condition_of(learn)
    chosen = random.Random(order)
    for event in EVENTS:
        error = chosen.choice([RuntimeError, KeyboardInterrupt])(event)
        calls = 0 if setting.ends or event in ONCE else chosen.randrange(2)
        with pytest.raises(type(error), match=event):
            learn.fit(2, 0.05, callbacks=[Spy(order=order, **{event: _after(calls, error)})])
        assert condition_of(learn) == before
    learn.fit(1, 0.05)
    assert condition_of(learn) == before
