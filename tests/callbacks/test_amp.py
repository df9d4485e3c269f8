from __future__ import annotations

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
from fastloop_v1.callbacks.amp import Autocast
from fastloop_v1.errors import ArgumentError
from fastloop_v1.precision import to_amp

TYPES = pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=["float16", "bfloat16"])
ROUNDING = {torch.float16: 1e-3, torch.bfloat16: 1e-2}


class Model(nn.Module):
    """Two layers that note the type they compute in."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(3, 4), nn.Linear(4, 2)
        self.seen = []
        self.fail = False

    def forward(self, x):
        if self.fail:
            raise RuntimeError("asked to fail")
        x = self.first(x)
        self.seen.append(x.dtype)
        return self.last(torch.tanh(x))


class AtEvent(Callback):
    """Calls a function with the state at one event."""

    def __init__(self, event, func, order=0):
        self._order = order
        setattr(self, f"on_{event}", func)


class Accumulate(Callback):
    """Steps at every second batch."""

    def on_backward_end(self, iteration, **kwargs):
        self.keep = iteration % 2 == 0
        return {"skip_step": self.keep}

    def on_step_end(self, **kwargs):
        return {"skip_zero": self.keep}


def _learner(batches=4):
    torch.manual_seed(1)
    dataset = TensorDataset(torch.randn(4 * batches, 3), torch.randn(4 * batches, 2))
    data = DataBunch(DataLoader(dataset, 4), DataLoader(dataset, 4))
    torch.manual_seed(0)
    opt_func = partial(torch.optim.SGD, momentum=0.9)
    return Learner(data, Model(), opt_func, F.mse_loss, silent=True)


def _weights(learn):
    return torch.cat([p.detach().reshape(-1) for p in learn.model.parameters()])


def _grads(learn):
    return torch.cat([p.grad.reshape(-1) for p in learn.opt.params])


def _grads_at(learn, event, *callbacks):
    seen = []
    note = AtEvent(event, lambda **kwargs: seen.append(_grads(learn).clone()))
    learn.fit(1, 0.0, callbacks=[*callbacks, note])
    return seen


def _spoil(iteration_, value=float("inf")):
    def on_backward_begin(iteration, last_loss, **kwargs):
        return {"last_loss": last_loss * value} if iteration == iteration_ else None

    return AtEvent("backward_begin", on_backward_begin)


@TYPES
def test_training_comes_close_to_float32(dtype):
    full, mixed = _learner(), to_amp(_learner(), dtype)
    full.fit(3, 0.1)
    mixed.fit(3, 0.1)
    assert torch.allclose(_weights(mixed), _weights(full), atol=5 * ROUNDING[dtype])
    assert not torch.equal(_weights(mixed), _weights(full))


@TYPES
def test_model_computes_in_the_type_and_keeps_float32_weights(dtype):
    learn = to_amp(_learner(), dtype)
    learn.fit(1, 0.1)
    assert set(learn.model.seen) == {dtype}
    assert {p.dtype for p in learn.model.parameters()} == {torch.float32}


@TYPES
def test_loss_is_computed_in_float32(dtype):
    seen = []
    note = AtEvent(
        "backward_begin",
        lambda last_output, last_loss, **kw: seen.append((last_output.dtype, last_loss.dtype)),
    )
    to_amp(_learner(), dtype).fit(1, 0.1, callbacks=note)
    assert set(seen) == {(torch.float32, torch.float32)}


def test_predictions_run_in_the_type_and_come_in_float32():
    learn = to_amp(_learner(), torch.bfloat16)
    preds, _ = learn.get_preds()
    assert set(learn.model.seen) == {torch.bfloat16}
    assert preds.dtype is torch.float32


def test_autocast_covers_the_models_forward_pass_only():
    seen = []
    notes = [
        AtEvent(event, lambda **kwargs: seen.append(torch.is_autocast_enabled("cpu")), order=2000)
        for event in ("batch_begin", "backward_begin", "batch_end", "train_end")
    ]
    to_amp(_learner(), torch.bfloat16).fit(1, 0.1, callbacks=notes)
    assert set(seen) == {False}


def test_model_is_as_before_when_its_forward_pass_fails():
    learn = to_amp(_learner(), torch.bfloat16)
    learn.model.fail = True
    with pytest.raises(RuntimeError, match="asked to fail"):
        learn.fit(1, 0.1)
    assert "forward" not in learn.model.__dict__
    assert not torch.is_autocast_enabled("cpu")


def test_forward_pass_put_in_place_by_others_stays():
    learn = to_amp(_learner(), torch.bfloat16)
    own = learn.model.forward
    learn.model.forward = own
    learn.fit(1, 0.1)
    assert learn.model.__dict__["forward"] is own


def test_model_replaced_in_the_middle_is_cast_too():
    learn, other = to_amp(_learner(), torch.bfloat16), Model()

    def on_batch_begin(**kwargs):
        learn.model = other

    learn.fit(1, 0.1, callbacks=AtEvent("batch_begin", on_batch_begin))
    assert set(other.seen) == {torch.bfloat16}


def test_bfloat16_needs_no_scaler():
    assert Autocast(_learner(), torch.bfloat16).scaler is None


@pytest.mark.parametrize("dtype", [torch.float32, None, "float16"])
def test_other_types_are_refused(dtype):
    with pytest.raises(ArgumentError, match="dtype"):
        Autocast(_learner(), dtype)


# --- float16 --------------------------------------------------------------------------------------------


def _float16(scale=1024.0, batches=4, **kwargs):
    return to_amp(_learner(batches), scaler=torch.amp.GradScaler("cpu", init_scale=scale, **kwargs))


def test_gradients_have_their_true_size_for_other_callbacks():
    expected = _grads_at(_learner(), "backward_end")
    for grads, true in zip(_grads_at(_float16(), "backward_end"), expected, strict=True):
        assert torch.allclose(grads, true, atol=2e-3)


@pytest.mark.parametrize("event", ["backward_begin", "backward_end", "step_end", "batch_end"])
def test_loss_that_others_see_is_not_scaled(event):
    seen = {}
    for name, learn in {"full": _learner(), "mixed": _float16()}.items():
        losses = seen[name] = []
        learn.fit(
            1,
            0.0,
            callbacks=AtEvent(
                event,
                lambda last_loss, losses=losses, **kwargs: losses.append(float(last_loss.detach())),
                1500,
            ),
        )
    assert seen["mixed"] == pytest.approx(seen["full"], rel=1e-2)


@pytest.mark.parametrize("value", [float("inf"), float("nan")], ids=["inf", "nan"])
def test_overflow_skips_the_step_and_lowers_the_scale(value):
    learn = _float16()
    seen = []

    def note(**kwargs):
        momentum = [s["momentum_buffer"].clone() for s in learn.opt.opt.state.values()]
        seen.append((_weights(learn), momentum))

    learn.fit(1, 0.1, callbacks=[_spoil(1, value), AtEvent("batch_end", note)])
    (weights, momentum), (weights_after, momentum_after), (later, _) = seen[0], seen[1], seen[2]
    assert torch.equal(weights, weights_after)
    assert all(torch.equal(a, b) for a, b in zip(momentum, momentum_after, strict=True))
    assert not torch.equal(later, weights)
    assert learn.autocast.scaler.get_scale() == 512


def test_scale_goes_on_in_a_second_fit():
    learn = _float16(growth_interval=6)
    learn.fit(1, 0.1)
    learn.fit(1, 0.1)
    assert learn.autocast.scaler.get_scale() == 2048


def test_accumulated_gradients_are_those_of_both_batches():
    expected = _grads_at(_learner(2), "step_end", Accumulate())[-1]
    assert torch.allclose(_grads_at(_float16(batches=2), "step_end", Accumulate())[-1], expected, atol=2e-3)


def test_overflow_of_one_batch_leaves_accumulated_gradients():
    first = _grads_at(_float16(batches=2), "step_end", Accumulate())[0]
    kept = _grads_at(_float16(batches=2), "step_end", Accumulate(), _spoil(1))[-1]
    assert torch.equal(kept, first)


def test_own_backward_pass_of_another_callback_is_not_unscaled():
    def on_backward_begin(last_loss, **kwargs):
        last_loss.backward()
        return {"skip_bwd": True}

    own = AtEvent("backward_begin", on_backward_begin)
    expected = _grads_at(_learner(), "step_end")
    for grads, true in zip(_grads_at(_float16(), "step_end", own), expected, strict=True):
        assert torch.allclose(grads, true, atol=2e-3)


def test_accumulate_scheduler_trains_as_in_float32():
    full, mixed = _learner(5), _float16(batches=5)
    for learn in (full, mixed):
        learn.data.train_dl.batch_size = 3
        learn.fit(2, 0.1, callbacks=AccumulateScheduler(learn, 2))
    assert torch.allclose(_weights(mixed), _weights(full), atol=3e-3)


def test_gradients_are_unscaled_before_another_callback_clips_them():
    full, mixed = _learner(), _float16()
    for learn in (full, mixed):

        def clip(learn=learn, **kwargs):
            nn.utils.clip_grad_norm_(learn.model.parameters(), 0.1)

        learn.fit(2, 0.1, callbacks=AtEvent("backward_end", clip))
    assert torch.allclose(_weights(mixed), _weights(full), atol=1e-3)
