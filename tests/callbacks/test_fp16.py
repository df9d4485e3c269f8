from __future__ import annotations

import copy
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.callback import Callback
from fastloop_v1.callbacks.accumulate_scheduler import AccumulateScheduler
from fastloop_v1.callbacks.fp16 import MixedPrecision
from fastloop_v1.callbacks.gradient_clipping import GradientClipping
from fastloop_v1.defaults import defaults
from fastloop_v1.errors import ArgumentError
from fastloop_v1.precision import to_fp16, to_fp32

INF, NAN = float("inf"), float("nan")
FLAT = pytest.mark.parametrize("flat_master", [False, True], ids=["by parameter", "flat"])


class CountingSGD(torch.optim.SGD):
    """Counts its steps."""

    steps = 0

    def step(self, closure=None):
        self.steps += 1
        return super().step(closure)


class AtEvent(Callback):
    """Calls a function with the state at one event."""

    def __init__(self, event, func, order=0):
        self._order = order
        setattr(self, f"on_{event}", func)


class Accumulate(Callback):
    """Steps at every second batch, as v1 code does it: by flags and the model's own gradients."""

    def on_backward_end(self, iteration, **kwargs):
        self.keep = iteration % 2 == 0
        return {"skip_step": self.keep}

    def on_step_end(self, **kwargs):
        return {"skip_zero": self.keep}


def _data(batches=4):
    torch.manual_seed(1)
    dataset = TensorDataset(torch.randn(4 * batches, 3), torch.randn(4 * batches, 2))
    return DataBunch(DataLoader(dataset, 4), DataLoader(dataset, 4))


def _learner(batches=4, **kwargs):
    data = _data(batches)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    return Learner(data, model, partial(CountingSGD, momentum=0.9), F.mse_loss, silent=True, **kwargs)


def _half(batches=4, loss_scale=256.0, flat_master=False, clip=None, dynamic=True, max_noskip=1000, **kwargs):
    learn = _learner(batches, **kwargs)
    return to_fp16(learn, loss_scale, max_noskip, dynamic, clip, flat_master)


def _weights(learn):
    return torch.cat([p.detach().float().reshape(-1) for p in learn.model.parameters()])


def _masters(learn):
    """The copies, in the order of the model's parameters."""
    values = {id(param): value for param, value in learn.mp_cb.masters.pairs()}
    return torch.cat([values[id(p)].reshape(-1) for p in learn.model.parameters() if id(p) in values])


def _spoil(iteration_, value):
    """A callback that makes the loss of one batch infinite or NaN."""

    def on_backward_begin(iteration, last_loss, **kwargs):
        return {"last_loss": last_loss * value} if iteration == iteration_ else None

    return AtEvent("backward_begin", on_backward_begin)


# --- training -----------------------------------------------------------------------------------------------


@FLAT
def test_training_comes_close_to_float32(flat_master):
    full, half = _learner(), _half(flat_master=flat_master)
    full.fit(3, 0.1)
    half.fit(3, 0.1)
    assert torch.allclose(_weights(half), _weights(full), atol=5e-3)
    assert {p.dtype for p in half.model.parameters()} == {torch.float16}


@FLAT
def test_model_holds_the_rounded_copies(flat_master):
    learn = _half(flat_master=flat_master)
    learn.fit(1, 0.1)
    for param, value in learn.mp_cb.masters.pairs():
        assert torch.equal(param, value.half())


@FLAT
def test_learning_rates_of_layer_groups_reach_the_copies(flat_master):
    learn = _learner()
    to_fp16(learn.split([learn.model[2]]), flat_master=flat_master)
    learn.fit(1, [0.1, 0.2])
    assert [group["lr"] for group in learn.opt.opt.param_groups] == [0.1, 0.1, 0.2, 0.2]


@FLAT
def test_optimizer_state_of_float32_training_is_kept(flat_master):
    learn = _learner()
    learn.fit(1, 0.1)
    momentum = [learn.opt.opt.state[p]["momentum_buffer"].sum() for p in learn.model.parameters()]
    to_fp16(learn, flat_master=flat_master)
    moved = sum(state["momentum_buffer"].sum() for state in learn.opt.opt.state.values())
    assert float(moved) == pytest.approx(float(sum(momentum)), rel=1e-6)


def test_optimizer_stays_the_object_that_others_hold():
    learn = _half()
    held = []
    learn.fit(1, 0.1, callbacks=AtEvent("train_begin", lambda **kwargs: held.append(learn.opt.opt)))
    assert held == [learn.opt.opt]


@FLAT
def test_unfreezing_between_fits_keeps_the_digits_of_what_was_trained(flat_master):
    learn = _learner()
    to_fp16(learn.split([learn.model[2]]), flat_master=flat_master)
    learn.freeze()
    body = learn.model[0].weight.detach().clone()
    learn.fit(1, 0.1)
    assert torch.equal(learn.model[0].weight, body)
    head = _masters(learn)
    learn.unfreeze()
    learn.fit(0, 0.1)
    assert torch.equal(_masters(learn)[-len(head) :], head)
    learn.fit(1, 0.1)


def test_data_given_later_is_turned_to_half_precision():
    learn = _half()
    learn.fit(1, 0.1)
    learn.data = _data(2)
    learn.fit(1, 0.1)
    assert learn.get_preds()[0].dtype is torch.float32


def test_weights_loaded_before_an_epoch_are_trained_on():
    learn = _half()
    learn.fit(1, 0.1)
    saved = copy.deepcopy(learn.model.state_dict())
    seen = []
    load = AtEvent("epoch_begin", lambda **kwargs: learn.model.load_state_dict(saved) and None)
    see = AtEvent("epoch_begin", lambda **kwargs: seen.append(_masters(learn)), order=1000)
    learn.fit(2, 0.1, callbacks=[load, see])
    expected = torch.cat([value.float().reshape(-1) for value in saved.values()])
    assert all(torch.equal(masters.half().float(), expected) for masters in seen)


def test_float32_model_is_trained_as_it_is():
    scaled, plain = _learner(), _learner()
    scaled.fit(1, 0.1, callbacks=MixedPrecision(scaled))
    plain.fit(1, 0.1)
    assert torch.allclose(_weights(scaled), _weights(plain), atol=1e-6)


def test_callback_without_its_companion_unscales_by_itself():
    learn, alone = _half(), _half()
    alone.callbacks[:] = [alone.mp_cb]
    for each in (learn, alone):
        each.fit(1, 0.1)
    assert torch.equal(_masters(alone), _masters(learn))


def test_own_backward_pass_of_another_callback_is_not_unscaled():
    learn, other = _half(), _half()

    def on_backward_begin(last_loss, **kwargs):
        last_loss.backward()
        return {"skip_bwd": True}

    learn.fit(1, 0.1)
    other.fit(1, 0.1, callbacks=AtEvent("backward_begin", on_backward_begin))
    assert torch.allclose(_masters(other), _masters(learn), atol=1e-3)


# --- scale --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dynamic", "loss_scale", "expected"),
    [(True, None, 65536), (False, None, 512), (True, 8.0, 8.0)],
    ids=["dynamic", "fixed", "given"],
)
def test_first_scale(dynamic, loss_scale, expected):
    assert MixedPrecision(_learner(), loss_scale, dynamic=dynamic).loss_scale == expected


@pytest.mark.parametrize("loss_scale", [0, -1.0, NAN])
def test_scale_must_be_above_zero(loss_scale):
    with pytest.raises(ArgumentError, match="loss_scale"):
        MixedPrecision(_learner(), loss_scale)


def test_scale_is_doubled_after_so_many_batches_without_overflow_up_to_the_limit():
    learn = to_fp16(_learner(8), 2.0, max_noskip=2, max_scale=8)
    seen = []
    learn.fit(1, 0.01, callbacks=AtEvent("step_end", lambda **kw: seen.append(learn.mp_cb.loss_scale)))
    assert seen == [2, 4, 4, 8, 8, 8, 8, 8]


def test_scale_is_halved_at_an_overflow_and_not_below_one():
    learn = _half(loss_scale=2.0)
    for expected in (1.0, 1.0):
        learn.fit(1, 0.01, callbacks=_spoil(0, INF))
        assert learn.mp_cb.loss_scale == expected


def test_fixed_scale_stays():
    learn = _half(loss_scale=2.0, dynamic=False)
    learn.fit(1, 0.01, callbacks=_spoil(0, INF))
    assert learn.mp_cb.loss_scale == 2.0


# --- faults of v1, mended -----------------------------------------------------------------------------------


def _accumulated(learn):
    """Gradients of the copies at the step after two batches."""
    seen = []

    def on_backward_end(iteration, **kwargs):
        seen.append(torch.cat([p.grad.reshape(-1) for p in learn.opt.params]))

    learn.fit(1, 0.0, callbacks=[Accumulate(), AtEvent("backward_end", on_backward_end, order=1000)])
    return seen


@FLAT
def test_bug_59_accumulated_gradients_are_those_of_both_batches(flat_master):
    first, both = _accumulated(_half(2, flat_master=flat_master))
    full = _learner(2)
    _, expected = _accumulated(full)
    assert torch.allclose(torch.sort(both)[0], torch.sort(expected)[0], atol=2e-3)
    assert not torch.allclose(both, first, atol=1e-2)


def test_bug_59_other_callbacks_see_and_scale_accumulated_gradients():
    learn = _half(2)
    seen = []

    def divide(skip_step, **kwargs):
        seen.append(learn.model[0].weight.grad.float().norm())
        if not skip_step:
            for param in learn.model.parameters():
                param.grad.div_(8)

    expected = _accumulated(_half(2))[-1] / 8
    see = AtEvent(
        "step_end", lambda **kwargs: seen.append(torch.cat([p.grad.reshape(-1) for p in learn.opt.params]))
    )
    learn.fit(1, 0.0, callbacks=[Accumulate(), AtEvent("backward_end", divide, order=1), see])
    assert torch.allclose(seen[-1], expected, atol=5e-4)
    assert seen[2] > 0


def test_bug_59_accumulation_is_lost_as_in_v1_when_asked_for(v1_quirks):
    learn = _half(2)
    both = _accumulated(learn)[-1]
    data = [learn.data.train_dl.dataset[i] for i in range(4, 8)]
    x, y = (torch.stack(part) for part in zip(*data, strict=True))
    learn.model.zero_grad()
    F.mse_loss(learn.model(x.half()).float(), y).backward()
    only_second = torch.cat([p.grad.float().reshape(-1) for ps in learn.mp_cb.model_params for p in ps])
    assert torch.allclose(both, only_second, atol=2e-3)


@pytest.mark.parametrize("value", [INF, NAN], ids=["inf", "nan"])
@pytest.mark.parametrize("loss_scale", [1.0, 256.0], ids=["scale 1", "scale 256"])
@pytest.mark.parametrize("dynamic", [True, False], ids=["dynamic", "fixed"])
def test_bug_60_overflow_leaves_weights_and_optimizer_alone(value, loss_scale, dynamic):
    learn = _half(loss_scale=loss_scale, dynamic=dynamic, wd=0.1)
    seen = []

    def note(**kwargs):
        momentum = [s["momentum_buffer"].clone() for s in learn.opt.opt.state.values()]
        seen.append((learn.opt.opt.steps, _masters(learn).clone(), momentum))

    learn.fit(1, 0.1, callbacks=[_spoil(1, value), AtEvent("batch_end", note)])
    (steps, weights, momentum), (steps_after, weights_after, momentum_after) = seen[:2]
    assert steps == steps_after == 1
    assert torch.equal(weights, weights_after)
    assert all(torch.equal(a, b) for a, b in zip(momentum, momentum_after, strict=True))
    assert learn.opt.opt.steps == 3


def test_bug_60_optimizer_steps_at_an_overflow_as_in_v1_when_asked_for(v1_quirks):
    learn = _half()
    learn.fit(1, 0.1, callbacks=_spoil(1, INF))
    assert learn.opt.opt.steps == 4


def test_bug_60_nan_gets_into_the_weights_at_scale_one_as_in_v1_when_asked_for(v1_quirks):
    learn = _half(loss_scale=1.0)
    learn.fit(1, 0.1, callbacks=_spoil(1, NAN))
    assert torch.isnan(_weights(learn)).all()


def test_bug_60_overflow_of_one_batch_leaves_accumulated_gradients():
    learn = _half(2)
    first, both = _accumulated(_half(2))
    seen = []
    see = AtEvent(
        "step_end", lambda **kwargs: seen.append(torch.cat([p.grad.reshape(-1) for p in learn.opt.params]))
    )
    learn.fit(1, 0.0, callbacks=[Accumulate(), _spoil(1, INF), see])
    assert torch.equal(seen[-1], first)
    assert not torch.equal(first, both)


@FLAT
def test_bug_60_two_fits_are_one_fit_of_two_epochs(flat_master):
    two, one = (_half(max_noskip=3, flat_master=flat_master) for _ in range(2))
    two.fit(1, 0.1)
    two.fit(1, 0.1)
    one.fit(2, 0.1)
    assert torch.equal(_masters(two), _masters(one))
    assert (two.mp_cb.loss_scale, two.mp_cb.noskip) == (one.mp_cb.loss_scale, one.mp_cb.noskip)


def test_bug_60_second_fit_starts_anew_as_in_v1_when_asked_for(v1_quirks):
    learn = _half()
    learn.fit(1, 0.1)
    learn.fit(0, 0.1)
    assert torch.equal(_masters(learn), _weights(learn))
    assert not learn.opt.state_dict()["state"]


LATER = ["backward_begin", "backward_end", "step_end", "batch_end"]


def _losses_seen(learn, event):
    seen = []
    note = AtEvent(
        event,
        lambda last_loss, train, **kwargs: seen.append(float(last_loss.detach())) if train else None,
        1000,
    )
    learn.fit(1, 0.0, callbacks=note)
    return seen


@pytest.mark.parametrize("event", LATER)
def test_bug_61_loss_that_others_see_is_not_scaled(event):
    expected = _losses_seen(_learner(), event)
    assert _losses_seen(_half(), event) == pytest.approx(expected, rel=1e-2)


@pytest.mark.parametrize("event", LATER)
def test_bug_61_loss_is_scaled_as_in_v1_when_asked_for(event, v1_quirks):
    expected = [256 * loss for loss in _losses_seen(_learner(), event)]
    assert _losses_seen(_half(), event) == pytest.approx(expected, rel=1e-2)


@FLAT
def test_clip_limits_the_norm_of_each_list_of_copies(flat_master):
    learn = _half(clip=0.1, flat_master=flat_master)
    norms = []

    def note(**kwargs):
        for params in learn.mp_cb.master_params:
            norms.append(float(torch.cat([p.grad.reshape(-1) for p in params]).norm()))

    learn.fit(1, 0.1, callbacks=AtEvent("step_end", note))
    assert norms == pytest.approx([0.1] * len(norms), rel=1e-3)


@pytest.mark.parametrize("stop", [False, True], ids=["whole epoch", "left in the middle"])
def test_accumulate_scheduler_trains_as_in_float32(stop):
    full, half = _learner(5), _half(5)
    leave = AtEvent("batch_end", lambda iteration, **kwargs: {"stop_epoch": stop and iteration % 3 == 2})
    for learn in (full, half):
        learn.data.train_dl.batch_size = 3
        learn.fit(2, 0.1, callbacks=[AccumulateScheduler(learn, 2), leave])
    assert torch.allclose(_weights(half), _weights(full), atol=3e-3)


def test_gradients_are_unscaled_before_they_are_clipped():
    full, half = _learner(), _half(loss_scale=1024.0)
    for learn in (full, half):
        learn.fit(2, 0.1, callbacks=GradientClipping(learn, 0.1))
    assert torch.allclose(_weights(half), _weights(full), atol=2e-3)


# --- and back -----------------------------------------------------------------------------------------------


@FLAT
def test_float32_model_has_the_digits_and_the_optimizer_its_state(flat_master):
    learn = _half(flat_master=flat_master)
    learn.fit(1, 0.1)
    masters = _masters(learn)
    momentum = sum(float(s["momentum_buffer"].sum()) for s in learn.opt.opt.state.values())
    to_fp32(learn)
    assert torch.equal(_weights(learn), masters)
    states = [learn.opt.opt.state[p]["momentum_buffer"] for p in learn.model.parameters()]
    assert float(sum(s.sum() for s in states)) == pytest.approx(momentum, rel=1e-5)
    before = _weights(learn)
    learn.fit(1, 0.1)
    assert not torch.equal(_weights(learn), before)


def test_copy_of_a_learner_trains_on_like_the_learner():
    learn = _half()
    learn.fit(1, 0.1)
    twin = copy.deepcopy(learn)
    for cb in twin.callbacks:
        cb.learn = twin
    learn.fit(1, 0.1)
    twin.fit(1, 0.1)
    assert torch.equal(_weights(twin), _weights(learn))
    assert torch.equal(_masters(twin), _masters(learn))


def test_fit_after_one_with_v1s_faults_trains(monkeypatch):
    learn = _half()
    monkeypatch.setattr(defaults, "v1_quirks", True)
    learn.fit(1, 0.1)
    monkeypatch.setattr(defaults, "v1_quirks", False)
    before = _weights(learn)
    learn.fit(1, 0.1)
    assert not torch.equal(_weights(learn), before)
