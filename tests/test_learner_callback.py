from __future__ import annotations

import copy
import gc
import pickle
import weakref
from dataclasses import dataclass, field
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.callback import Callback
from fastloop_v1.errors import LearnerGoneError, ProtocolWarning
from fastloop_v1.learner_callback import LearnerCallback


def make_learner(**kwargs):
    torch.manual_seed(0)
    batches = [(torch.randn(2, 1), torch.randn(2, 1)) for _ in range(2)]
    return Learner(DataBunch(batches, batches), nn.Linear(1, 1), loss_func=F.mse_loss, silent=True, **kwargs)


@pytest.fixture
def learn():
    return make_learner()


class GradientMeter(LearnerCallback):
    """Counts batches."""

    def __init__(self, learn, every=1, unit="step"):
        super().__init__(learn)
        self.every, self.count = every, 0

    def on_batch_end(self, train, **kwargs):
        self.count += train


# --- the learner ------------------------------------------------------------------------------------------


def test_callback_stands_on_the_learner_in_snake_case(learn):
    meter = GradientMeter(learn)
    assert meter.cb_name == "gradient_meter"
    assert learn.gradient_meter is meter


def test_callback_takes_part_in_a_fit(learn):
    learn.fit(2, callbacks=GradientMeter(learn))
    assert learn.gradient_meter.count == 4


def test_callback_reads_its_learner_s_attributes(learn):
    learn.anything = "mine"
    meter = GradientMeter(learn)
    assert (meter.model, meter.data, meter.anything) == (learn.model, learn.data, "mine")


def test_own_attribute_comes_before_the_learner_s(learn):
    learn.every = "the learner's"
    assert GradientMeter(learn, every=3).every == 3


def test_attribute_that_neither_has_is_named(learn):
    with pytest.raises(
        AttributeError, match="^Neither GradientMeter nor its learner has an attribute 'no'.$"
    ):
        _ = GradientMeter(learn).no
    assert not hasattr(GradientMeter(learn), "no")


@pytest.mark.parametrize("name", ["__len__", "__deepcopy__", "__array__"])
def test_special_attributes_are_not_the_learner_s(learn, name):
    with pytest.raises(AttributeError, match=f"'GradientMeter' object has no attribute '{name}'"):
        getattr(GradientMeter(learn), name)


def test_learner_can_be_collected():
    learn = make_learner()
    meter, reference = GradientMeter(learn), weakref.ref(learn)
    del learn
    gc.collect()
    assert reference() is None
    assert meter.learn is None


def test_attribute_of_a_learner_that_is_gone_is_named():
    meter = GradientMeter(make_learner())
    gc.collect()
    with pytest.raises(
        LearnerGoneError, match="GradientMeter has no 'model', and its learner is gone"
    ) as caught:
        _ = meter.model
    assert isinstance(caught.value, ReferenceError)
    assert not hasattr(meter, "model")


def test_learner_can_be_replaced(learn):
    meter, other = GradientMeter(learn), make_learner()
    meter.learn = other
    assert meter.learn is other
    assert meter.model is other.model


def test_callback_without_a_learner_is_made():
    meter = GradientMeter(None)
    assert meter.learn is None
    assert meter.every == 1


@pytest.mark.parametrize("name", ["Model", "Data", "Callbacks", "LossFunc"])
def test_name_of_a_field_is_not_taken_from_the_learner(learn, name):
    field_name = {"LossFunc": "loss_func"}.get(name, name.lower())
    before, cls = getattr(learn, field_name), type(name, (LearnerCallback,), {})
    with pytest.warns(ProtocolWarning, match=f"{name} would replace the learner's own '{field_name}'"):
        cls(learn)
    assert getattr(learn, field_name) is before


# --- state, text, copies ----------------------------------------------------------------------------------


def test_state_is_without_the_learner(learn):
    assert GradientMeter(learn).get_state() == {"every": 1, "count": 0}


def test_state_leaves_out_what_the_lists_say(learn):
    meter, other = GradientMeter(learn), GradientMeter(learn)
    meter.exclude.append("every")
    meter.not_min += ["count"]
    assert meter.get_state() == {}
    assert meter.get_state(minimal=False) == {"count": 0}
    assert other.get_state() == {"every": 1, "count": 0}


def test_repr_shows_constructor_arguments(learn):
    learn.unit = "unit of the learner"
    assert repr(GradientMeter(learn, every=2)) == "GradientMeter\nevery: 2\nunit: unit of the learner"
    assert repr(LearnerCallback(learn)) == "LearnerCallback"
    assert repr(GradientMeter(None, every=2)) == "GradientMeter\nevery: 2"


@pytest.mark.parametrize(
    "again",
    [lambda cb: pickle.loads(pickle.dumps(cb)), copy.copy, copy.deepcopy],
    ids=["pickle", "copy", "deepcopy"],
)
def test_copy_has_everything_but_the_learner(learn, again):
    meter = GradientMeter(learn, every=5)
    other = again(meter)
    assert (other.every, other.count, other.learn) == (5, 0, None)
    other.learn = learn
    assert other.model is learn.model
    assert learn.gradient_meter is meter


# --- dataclasses ------------------------------------------------------------------------------------------


class Counting:
    """Counts training batches and remembers the learner's model."""

    def on_train_begin(self, **kwargs):
        self.__dict__["batches"] = 0

    def on_batch_end(self, train, **kwargs):
        self.__dict__["batches"] += train
        self.__dict__["model"] = self.learn.model


@dataclass
class MyCallback(Counting, Callback):
    learn: Learner


@dataclass
class PlainDefault(Counting, Callback):
    learn: Learner
    clip: float = 1.0


@dataclass(kw_only=True)
class PlainKeyword(Counting, Callback):
    learn: Learner
    clip: float = 1.0


@dataclass(frozen=True)
class PlainFrozen(Counting, Callback):
    learn: Learner
    clip: float = 1.0


@dataclass(slots=True)
class PlainSlots(Counting, Callback):
    learn: Learner
    clip: float = 1.0


@dataclass(eq=False)
class PlainHashable(Counting, Callback):
    learn: Learner
    clip: float = 1.0


@dataclass(unsafe_hash=True)
class PlainHashed(Counting, Callback):
    learn: Learner = field(hash=False)
    clip: float = 1.0


@dataclass
class WithSuperInit(Counting, LearnerCallback):
    clip: float

    def __post_init__(self):
        super().__init__(self.learn)


@dataclass
class WithSuperPostInit(Counting, LearnerCallback):
    clip: float

    def __post_init__(self):
        super().__post_init__()
        self.doubled = 2 * self.clip


@dataclass
class WithNoPostInit(Counting, LearnerCallback):
    clip: float


@dataclass
class WithDefault(Counting, LearnerCallback):
    clip: float = 1.0


@dataclass
class WithKeyword(Counting, LearnerCallback):
    clip: float = field(kw_only=True)


@dataclass(kw_only=True)
class AllKeywords(Counting, LearnerCallback):
    clip: float = 1.0
    other: int = 0


@dataclass(slots=True)
class WithSlots(Counting, LearnerCallback):
    clip: float = 1.0


@dataclass(eq=False)
class Hashable(Counting, LearnerCallback):
    clip: float = 1.0


@dataclass
class LearnAgain(Counting, LearnerCallback):
    learn: Learner
    clip: float

    def __post_init__(self):
        super().__init__(self.learn)


@dataclass
class LearnOnly(Counting, LearnerCallback):
    learn: Learner


@dataclass
class Inheriting(WithDefault):
    steps: list = field(default_factory=list)


NEED_A_CLIP = (WithSuperInit, WithSuperPostInit, WithNoPostInit, WithKeyword, LearnAgain)
NO_CLIP = (MyCallback, LearnOnly)
WITH_DEFAULT = (
    *(PlainDefault, PlainKeyword, PlainFrozen, PlainSlots, PlainHashable, PlainHashed),
    *(WithDefault, AllKeywords, WithSlots, Hashable, Inheriting),
)
FORMS = (*NO_CLIP, *WITH_DEFAULT, *NEED_A_CLIP)
LEARNER_FORMS = [form for form in FORMS if issubclass(form, LearnerCallback)]


def by_name(forms):
    return pytest.mark.parametrize("form", forms, ids=[form.__name__ for form in forms])


def built(form, learn):
    """An instance, with `clip` where the class takes it."""
    return form(learn=learn) if form in NO_CLIP else form(learn=learn, clip=1.0)


def noting(form, made):
    """The same class, whose instances are in a list when training ended."""

    class Noted(form):
        def on_train_end(self, **kwargs):
            made.append(self)

    return Noted


@by_name(FORMS)
def test_dataclass_callback_trains_when_built(form, learn):
    cb = built(form, learn)
    learn.fit(1, callbacks=[cb])
    assert cb.__dict__["batches"] == 2
    assert cb.__dict__["model"] is learn.model


@by_name(FORMS)
def test_dataclass_callback_stays_from_fit_to_fit(form):
    learn = make_learner()
    learn.callbacks.append(cb := built(form, learn))
    learn.fit(1)
    learn.fit(1)
    assert cb.__dict__["batches"] == 2


@by_name([form for form in (*NO_CLIP, *WITH_DEFAULT) if form is not PlainKeyword])
def test_dataclass_callback_is_made_of_its_class(form):
    made = []
    learn = make_learner(callback_fns=[noting(form, made)])
    learn.fit(1)
    learn.fit(1)
    assert [cb.__dict__["batches"] for cb in made] == [2, 2]
    assert made[0] is not made[1]


@by_name([form for form in FORMS if form not in (*NO_CLIP, PlainKeyword)])
def test_dataclass_callback_is_made_of_a_partial(form):
    made = []
    make_learner(callback_fns=[partial(noting(form, made), clip=0.5)]).fit(1)
    assert [(cb.clip, cb.__dict__["batches"]) for cb in made] == [(0.5, 2)]


def test_dataclass_callback_of_keywords_is_made_by_a_function():
    made = []
    make_learner(callback_fns=[lambda learn: noting(PlainKeyword, made)(learn=learn, clip=0.5)]).fit(1)
    assert [(cb.clip, cb.__dict__["batches"]) for cb in made] == [(0.5, 2)]


@by_name([form for form in FORMS if form not in NO_CLIP])
def test_two_equal_dataclass_callbacks_both_train(form, learn):
    cbs = [built(form, learn), built(form, learn)]
    learn.fit(1, callbacks=cbs)
    assert [cb.__dict__["batches"] for cb in cbs] == [2, 2]


@by_name(LEARNER_FORMS)
def test_dataclass_learner_callback_stands_on_the_learner(form, learn):
    cb = built(form, learn)
    assert cb.learn is learn
    assert vars(learn)[cb.cb_name] is cb


def test_own_post_init_is_run(learn):
    assert WithSuperPostInit(learn, 3.0).doubled == 6.0


def test_post_init_of_its_own_need_not_call_ours(learn):
    @dataclass
    class Alone(Counting, LearnerCallback):
        clip: float

        def __post_init__(self):
            self.doubled = 2 * self.clip

    cb = Alone(learn, 1.5)
    learn.fit(1, callbacks=cb)
    assert (cb.doubled, cb.__dict__["batches"]) == (3.0, 2)


@by_name([WithNoPostInit, WithSuperInit, WithSuperPostInit, LearnAgain, WithKeyword])
def test_dataclass_keeps_its_learner_weakly(form):
    cb = built(form, make_learner())
    gc.collect()
    assert cb.learn is None


@by_name([WithNoPostInit, WithSuperInit, LearnAgain, Inheriting])
def test_dataclass_copies_without_its_learner(form, learn):
    for again in (copy.deepcopy(built(form, learn)), pickle.loads(pickle.dumps(built(form, learn)))):
        assert (again.clip, again.learn) == (1.0, None)


def test_dataclass_with_eq_is_not_hashable_and_compares_by_value(learn):
    assert WithDefault.__hash__ is None
    assert WithDefault(learn, 1.0) == WithDefault(learn, 1.0) != WithDefault(learn, 2.0)


def test_dataclass_learner_callback_can_be_a_metric(learn):
    learn.metrics = [WithDefault(learn)]
    learn.fit(1)
    assert learn.recorder.names == ["epoch", "train_loss", "valid_loss", "with_default", "time"]
