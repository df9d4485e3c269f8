"""A learner takes, finds and lets go of v2 callbacks; without them it is v1's in every respect."""

from __future__ import annotations

from functools import partial

import pytest
import torch

from fastloop_v1.basic_train import Learner
from fastloop_v1.callback import Callback as FirstCallback
from fastloop_v1.errors import FastloopWarning, NotACallbackError, ProtocolWarning
from fastloop_v1.names import func_args
from fastloop_v1.v2 import Callback, GradientClip, Recorder, TrainEvalCallback


class Foo(Callback):
    """A name of its own."""


class BarCallback(Callback):
    """Another one."""


def own(learn):
    return [cb for cb in learn.cbs if not isinstance(cb, (TrainEvalCallback, Recorder))]


def test_without_v2_callbacks_nothing_is_there(small):
    learn = small.learner()
    learn.model.its = 1
    learn.fit(1, 0.1)
    for name in ("its", "xb", "training", "dls", "epoch", "v2_view"):
        assert not hasattr(learn, name)
    assert learn.cbs == []
    assert not hasattr(learn.recorder, "values")


def test_signatures_are_v1s():
    assert func_args(Learner.fit) == ("self", "epochs", "lr", "wd", "callbacks")


def test_callbacks_are_found_by_name_until_they_are_removed(small):
    foo, bar = Foo(), BarCallback()
    learn = small.learner(cbs=[foo]).add_cb(bar)
    assert (learn.foo, learn.bar, foo.learn) == (foo, bar, learn)
    learn.remove_cb(foo)
    assert not hasattr(learn, "foo")
    assert foo.learn is None
    assert own(learn) == [bar]


def test_classes_are_made_and_removed_by_class(small):
    learn = small.learner(cbs=[Foo, Foo()]).add_cbs([BarCallback])
    learn.remove_cbs([Foo])
    assert [type(cb) for cb in own(learn)] == [BarCallback]


def test_blocks_add_and_remove_for_their_time(small):
    foo, bar = Foo(), BarCallback()
    learn = small.learner(cbs=[foo])
    with learn.added_cbs([bar]), learn.removed_cbs(foo):
        assert own(learn) == [bar]
    assert own(learn) == [foo]
    with pytest.raises(ValueError, match="boom"), learn.added_cbs([bar]):
        raise ValueError("boom")
    assert own(learn) == [foo]
    with learn.removed_cbs(foo):
        learn.add_cb(bar)
    assert own(learn) == [bar, foo]


@pytest.mark.parametrize("given", ["callbacks", "cbs", "callback_fns", "callback_fns, a partial"])
def test_v2_callbacks_are_recognised_wherever_they_stand(small, given):
    log = small.Log()
    if given.startswith("callback_fns"):
        kind = type("Again", (Callback,), {"before_fit": lambda self: log.before_fit()})
        options = {"callback_fns": [partial(kind) if "partial" in given else kind]}
    else:
        options = {given: [log]}
    learn = small.learner(**options)
    learn.fit(1, 0.1)
    learn.fit(1, 0.1)
    assert log.seen.count("before_fit") == 2
    assert learn.callbacks == []


@pytest.mark.parametrize("given", ["callbacks", "cbs"])
def test_callbacks_of_a_fit_leave_with_it(small, given):
    log = small.Log()
    learn = small.learner()
    learn.fit(1, 0.1, **{given: log})
    heard = len(log.seen)
    learn.fit(1, 0.1)
    assert heard == len(log.seen) > 0
    assert own(learn) == []
    assert log.learn is None


def test_v1_callbacks_in_cbs_are_v1s(small):
    first = FirstCallback()
    learn = small.learner(cbs=[first])
    assert learn.callbacks == [first]
    assert own(learn) == []


def test_what_is_no_callback_is_refused(small):
    with pytest.raises(NotACallbackError, match="cb is 3"):
        small.learner().add_cb(3)


@pytest.mark.parametrize("name", ["Model", "Validate", "Opt"])
def test_the_learners_own_attributes_are_not_replaced(small, name):
    learn = small.learner()
    learn.create_opt(0.1)
    before = getattr(learn, name.lower())
    cb = type(name, (Callback,), {})()
    with pytest.warns(ProtocolWarning, match=f"learn.{name.lower()}"):
        learn.add_cb(cb)
    assert getattr(learn, name.lower()) == before
    learn.remove_cb(cb)
    assert getattr(learn, name.lower()) == before


def test_with_v2_callbacks_the_model_answers_too(small):
    learn = small.learner(cbs=[Foo()])
    learn.model.its = 1
    assert learn.its == 1
    with pytest.raises(AttributeError, match="'Learner' object has no attribute 'nobody'"):
        _ = learn.nobody


def test_validate_and_get_preds_hear_v2_callbacks(small):
    def double(cb):
        cb.learn.pred = cb.pred * 2

    learn = small.learner(cbs=[small.does("after_pred", double)])
    x, y = learn.data.valid_ds.tensors
    with torch.no_grad():
        out = learn.model(x) * 2
    assert torch.allclose(learn.get_preds()[0], out)
    assert learn.validate()[0] == pytest.approx(float(((out - y) ** 2).mean()))
    assert torch.allclose(learn.pred_batch(), out[:2])
    assert learn.training is False
    assert not hasattr(learn, "pred")


def test_after_create_is_told_when_the_learner_is_made(small):
    log, later = small.Log(), small.Log()
    small.learner(cbs=[log]).add_cb(later)
    assert (log.seen, later.seen) == (["after_create"], [])


def test_a_learner_tells_an_event_when_it_is_called(small):
    log = small.Log()
    learn = small.learner(cbs=[log])
    learn("after_pred")
    assert log.seen == ["after_create", "after_pred"]


def test_an_export_names_the_callbacks_it_leaves_out(small, tmp_path):
    learn = small.learner(cbs=[Foo()], path=tmp_path)
    with pytest.warns(FastloopWarning, match="add Foo with add_cbs"):
        learn.export()
    assert (tmp_path / "export.pkl").exists()
    small.learner(path=tmp_path).export()


def test_the_loop_is_printed(small, capsys):
    learn = small.learner(cbs=[GradientClip()])
    before = dict(vars(learn))
    learn.show_training_loop(small.Log())
    text = capsys.readouterr().out
    assert text.startswith("after_create\n  - TrainEvalCallback")
    assert "\nfit\n" in text
    assert "GradientClip (v2, order 11, before_step)\n" in text
    assert "Log (v2, order 100, after_fit)" in text
    assert vars(learn) == before


def test_a_learner_with_v2_callbacks_trains_as_one_without(small):
    with_them, without = small.learner(cbs=[small.Log()]), small.learner()
    for learn in (with_them, without):
        learn.fit(3, 0.1)
    assert torch.equal(small.weights(with_them), small.weights(without))
    assert with_them.recorder.val_losses == without.recorder.val_losses
