"""v2's names for what our learner calls something else."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch

from fastloop_v1.errors import ArgumentError, ArgumentTypeError
from fastloop_v1.v2 import GradientAccumulation


def test_one_input_and_target_stand_alone(small):
    seen = []
    learn = small.learner(cbs=[small.does("after_pred", lambda cb: seen.append((cb.x, cb.y, cb.dl, cb.lr)))])
    learn.fit(1, 0.1)
    x, y, dl, lr = seen[0]
    assert (x.shape, y.shape, lr) == ((2, 3), (2, 1), 0.1)
    assert dl == learn.data.train_dl
    assert seen[-1][2] == learn.data.valid_dl
    assert learn.dls.train == learn.data.train_dl
    assert callable(learn.dl)


def test_rate_before_there_is_an_optimizer_is_the_default(small):
    assert small.learner(cbs=[small.Log()]).lr == 3e-3


# --- other data in the middle of a fit ---------------------------------------------------------------------


def batches(small, event, action, epochs=2, **options):
    """Batches trained and validated in each epoch, if something is done in epoch 1."""
    seen = [[0, 0] for _ in range(epochs)]

    def act(cb):
        if cb.epoch == 1:
            action(cb)

    def count(cb):
        seen[cb.epoch][not cb.training] += 1

    look = small.does("before_batch", count, order=70)
    learn = small.learner(8, cbs=[small.does(event, act), look], **options)
    learn.fit(epochs, 0.1)
    return seen, learn


@pytest.mark.parametrize("event", ["before_epoch", "before_train"])
@pytest.mark.parametrize("given", ["a bunch", "what dls gives"])
def test_other_dls_are_used_from_the_next_loop_on(small, event, given):
    other = small.data(2)

    def put(cb):
        cb.learn.dls = other if given == "a bunch" else small.learner(bunch=other, cbs=[small.Log()]).dls

    seen, learn = batches(small, event, put, epochs=3)
    assert seen == [[4, 4], [1, 1], [1, 1]]
    assert learn.data is other
    assert learn.dls.train == other.train_dl


def test_other_dls_in_before_train_have_their_own_number_of_batches(small):
    seen = []

    def put(cb):
        cb.learn.dls = small.data(2, parts=3)

    put, look = small.does("before_train", put), small.does("before_batch", lambda cb: seen.append(cb.n_iter))
    learn = small.learner(8, cbs=[put, look])
    with pytest.raises(TypeError, match="forward"):
        learn.fit(1, 0.1)  # two inputs, which this model does not take: the last of three is the target
    assert seen == [1]
    assert learn.data.train_dl.tfms == []


def test_dls_that_are_no_data_are_refused(small):
    learn = small.learner(cbs=[small.Log()])
    with pytest.raises(ArgumentTypeError, match="dls is 3; allowed are a DataBunch"):
        learn.dls = 3


def test_without_v2_callbacks_dls_is_any_attribute(small):
    learn = small.learner()
    before, learn.dls = learn.data, 3
    assert (learn.dls, learn.data) == (3, before)


@pytest.mark.parametrize(
    ("event", "expected"), [("before_train", [1, 4]), ("before_validate", [4, 1])], ids=["train", "valid"]
)
def test_a_loader_set_before_a_pass_is_used_for_that_pass(small, event, expected):
    def put(cb):
        cb.learn.dl = small.data(2).valid_dl

    seen, learn = batches(small, event, put, epochs=3)
    assert seen == [[4, 4], expected, [4, 4]]
    assert len(learn.get_preds()[0]) == 8
    assert len(learn.dls.train) == len(learn.dls.valid) == 4


def test_a_loader_set_before_a_pass_goes_with_the_fit_that_fails(small):
    def put(cb):
        cb.learn.dl = []

    learn = small.learner(8, cbs=[small.does("before_train", put)])
    before = learn.data.train_dl
    learn.fit(1, 0.1, cbs=[small.does("before_validate", lambda cb: None)])
    assert learn.data.train_dl is before
    with pytest.raises(ValueError, match="stop"):
        learn.fit(1, 0.1, cbs=[small.raises(ValueError("stop"), "before_train", order=1)])
    assert learn.data.train_dl is before
    assert callable(learn.dl)


@pytest.mark.parametrize("event", ["before_fit", "before_batch", "after_epoch"])
def test_a_loader_set_where_it_cannot_act_is_refused(small, event):
    def put(cb):
        cb.learn.dl = cb.dls.valid

    learn = small.learner(cbs=[small.does(event, put)])
    with pytest.raises(ArgumentError, match=f"learn.dl was set in {event}, where it cannot act"):
        learn.fit(1, 0.1)
    assert callable(learn.dl)


def test_a_loader_set_in_a_pass_that_has_its_own_is_refused(small):
    def put(cb):
        cb.learn.dl = cb.dls.train

    learn = small.learner(cbs=[small.does("before_validate", put)])
    with pytest.raises(ArgumentError, match="give the loader to validate or get_preds"):
        learn.validate()
    assert callable(learn.dl)


# --- copies ------------------------------------------------------------------------------------------------


def test_a_copy_of_a_learner_has_a_view_of_its_own(small, capsys):
    seen = []
    look = small.does("before_batch", lambda cb: seen.append((cb.x.sum().item(), cb.learn)))
    learn = small.learner(2, cbs=[look], silent=False)
    learn.fit(1, 0.1)
    learn.logger = learn.logger  # as callbacks leave it that put it back
    other = copy.deepcopy(learn)
    again = other.recorder.values
    assert again == learn.recorder.values
    del learn
    seen.clear()
    other.fit(1, 0.1)
    assert [who is other for _, who in seen] == [True, True]
    assert len(capsys.readouterr().out.splitlines()) == 4


def test_a_pickled_learner_trains_with_its_v2_callbacks(small):
    learn = small.learner(2, cbs=[GradientAccumulation(64)])
    learn.fit(1, 0.1)
    other = pickle.loads(pickle.dumps(learn))
    before = [param.clone() for param in other.model.parameters()]
    assert other.v2_view.recorder.values == learn.v2_view.recorder.values
    other.fit(1, 0.1)
    assert all(map(torch.equal, other.model.parameters(), before))  # two samples make no step
    assert [cb.learn is other for cb in other.cbs] == [True] * 3
