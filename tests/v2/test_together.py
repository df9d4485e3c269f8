"""Callbacks of v1 and v2 in one fit: a switch of models, accumulated gradients, and any cancels."""

from __future__ import annotations

import contextlib

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from fastloop_v1 import v2
from fastloop_v1.callback import Callback as FirstCallback
from fastloop_v1.callbacks.checkpointing import CheckpointCallback
from fastloop_v1.events import EVENTS
from fastloop_v1.learner_callback import LearnerCallback
from fastloop_v1.signals import CancelSignal
from fastloop_v1.v2.event_names import EVENT_NAMES

SIGNALS = [
    v2.CancelBackwardException,
    v2.CancelBatchException,
    v2.CancelEpochException,
    v2.CancelFitException,
]
SIGNALS += [v2.CancelStepException, v2.CancelTrainException, v2.CancelValidException, ValueError]


class Switcher(LearnerCallback):
    """In the manner of v1's GAN training: the learner trains one model for an epoch, then another one."""

    def __init__(self, learn, models):
        super().__init__(learn)
        self.models = models

    def on_epoch_begin(self, epoch, **kwargs):
        model = self.models[epoch % 2]
        self.learn.model = model
        self.learn.opt = self.learn.opt.new([model])


def one_model_by_hand(model, x, y, n_acc, lr):
    """An epoch of plain gradient descent whose steps take `n_acc` samples."""
    for at in range(0, len(x), n_acc):
        model.zero_grad()
        ((model(x[at : at + n_acc]) - y[at : at + n_acc]) ** 2).mean().backward()
        with torch.no_grad():
            for param in model.parameters():
                param -= lr * param.grad


def test_a_v1_callback_switches_models_while_a_v2_callback_accumulates(small):
    def two_models():
        torch.manual_seed(3)
        return [nn.Linear(3, 1), nn.Linear(3, 1)]

    learn = small.learner(bunch=small.data(8, bs=2))
    models = two_models()
    learn.fit(4, 0.1, callbacks=[Switcher(learn, models), v2.GradientAccumulation(4)])
    expected, (x, y) = two_models(), learn.data.train_ds.tensors
    for epoch in range(4):
        one_model_by_hand(expected[epoch % 2], x, y, 4, 0.1)
    for model, by_hand in zip(models, expected, strict=True):
        assert torch.allclose(model.weight, by_hand.weight, atol=1e-6)


class AdversarialTraining(LearnerCallback):
    """In the manner of v1's `GANTrainer`: every second time two batches are for the critic, then two for the
    generator, with a model, an optimizer and a loss function each."""

    def __init__(self, learn, generator, critic):
        super().__init__(learn)
        self.generator, self.critic = generator, critic

    def on_train_begin(self, **kwargs):
        self.opts = {model: self.learn.opt.new([model]) for model in (self.generator, self.critic)}

    def on_batch_begin(self, last_input, last_target, train, num_batch, **kwargs):
        if not train:
            return None
        for_critic = num_batch % 4 < 2
        self.learn.model = self.critic if for_critic else self.generator
        self.learn.opt = self.opts[self.learn.model]
        self.learn.loss_func = self.critic_loss if for_critic else self.generator_loss
        self.critic.requires_grad_(for_critic)
        return {"last_input": self.generator(last_input).detach()} if for_critic else None

    def critic_loss(self, of_fake, real):
        return of_fake.mean() - self.critic(real).mean()

    def generator_loss(self, fake, real):
        return (fake - real).abs().mean() - self.critic(fake).mean()


def step_by_hand(model, loss):
    model.zero_grad()
    loss.backward()
    with torch.no_grad():
        for param in model.parameters():
            param -= 0.1 * param.grad


def test_generator_and_critic_take_turns_within_an_epoch_while_a_v2_callback_accumulates(small):
    def two_models():
        torch.manual_seed(3)
        return nn.Linear(3, 1), nn.Sequential(nn.Linear(1, 4), nn.Tanh(), nn.Linear(4, 1))

    models, stepped = two_models(), []
    learn = small.learner(model=models[0], bunch=small.data(16, n_valid=4, bs=2))
    seen = v2.Callback(after_step=lambda cb: stepped.append(cb.model is models[1]))
    learn.fit(2, 0.1, callbacks=[AdversarialTraining(learn, *models), v2.GradientAccumulation(4), seen])

    (generator, critic), (x, y) = two_models(), learn.data.train_ds.tensors
    for at in 2 * [0, 8]:
        z, real = x[at : at + 4], y[at : at + 4]
        step_by_hand(critic, critic(generator(z).detach()).mean() - critic(real).mean())
        fake, real = generator(x[at + 4 : at + 8]), y[at + 4 : at + 8]
        step_by_hand(generator, (fake - real).abs().mean() - critic(fake).mean())
    assert stepped == 4 * [True, False]
    for model, by_hand in zip(models, (generator, critic), strict=True):
        for param, expected in zip(model.parameters(), by_hand.parameters(), strict=True):
            assert torch.allclose(param, expected, atol=1e-6)
    (x, y), fake = learn.data.valid_ds.tensors, generator(learn.data.valid_ds.tensors[0])
    loss = (fake - y).abs().mean() - critic(fake).mean()
    assert float(learn.recorder.val_losses[-1]) == pytest.approx(loss.item(), abs=1e-6)


def schedule_and_accumulation():
    return [v2.ParamScheduler({"lr": v2.SchedLin(0.01, 0.1)}), v2.GradientAccumulation(4)]


@pytest.mark.parametrize("iteration", [4, 7], ids=["at the end of an epoch", "in an epoch"])
def test_an_interrupted_fit_goes_on_with_v2_callbacks_as_they_were(small, tmp_path, iteration):
    stops = [iteration]

    class Interrupt(FirstCallback):
        def on_batch_begin(self, train, iteration, **state):
            if train and iteration in stops:
                raise KeyboardInterrupt

    def learner():
        return small.learner(bunch=small.data(8, bs=2), path=tmp_path)

    def fit(learn, *callbacks, **options):
        learn.fit(
            3,
            0.1,
            callbacks=[CheckpointCallback(learn, every=1), *callbacks],
            cbs=schedule_and_accumulation(),
            **options,
        )

    whole, first, second = learner(), learner(), learner()
    whole.fit(3, 0.1, cbs=schedule_and_accumulation())
    with pytest.raises(KeyboardInterrupt):
        fit(first, Interrupt())
    stops.clear()
    fit(second, Interrupt(), resume=True)
    assert torch.equal(small.weights(second), small.weights(whole))
    assert second.train_iter == whole.train_iter == 12
    assert second.pct_train == pytest.approx(1)


class Open(FirstCallback):
    """Puts something in place for the time of a fit, as v1 callbacks do."""

    is_open = False

    def on_train_begin(self, **state):
        self.is_open = True

    def on_train_end(self, **state):
        self.is_open = False


def first_raiser(event, signal, nth):
    count = iter(range(100))

    def method(self, **state):
        if next(count) == nth:
            raise signal

    return type("FirstRaiser", (FirstCallback,), {f"on_{event}": method})()


def second_raiser(event, signal, nth):
    count = iter(range(100))

    def method(self):
        if next(count) == nth:
            raise signal

    return type("SecondRaiser", (v2.Callback,), {event: method})()


raisers = st.one_of(
    st.builds(first_raiser, st.sampled_from(list(EVENTS)), st.sampled_from(SIGNALS), st.integers(0, 2)),
    st.builds(second_raiser, st.sampled_from(EVENT_NAMES[1:]), st.sampled_from(SIGNALS), st.integers(0, 2)),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(callbacks=st.lists(raisers, max_size=4))
def test_whatever_is_cancelled_what_was_put_in_place_is_put_back(small, callbacks):
    guard, log = Open(), small.Log()
    learn = small.learner(callbacks=[guard], cbs=[log])
    with contextlib.suppress(CancelSignal, ValueError):
        learn.fit(2, 0.01, callbacks=callbacks)
    assert not guard.is_open
    assert [cb for cb in learn.cbs if cb is not log][2:] == []
    assert all(cb.learn is None for cb in callbacks if isinstance(cb, v2.Callback))
    assert learn.data.train_dl.tfms == learn.data.valid_dl.tfms == []
    log.seen.clear()
    learn.fit(1, 0.01)
    assert (log.seen[0], log.seen[-1]) == ("before_fit", "after_fit")


def test_batch_that_ends_training_by_a_signal_is_counted_as_one_that_does_so_by_a_flag(small):
    counted = {}

    class Flag(FirstCallback):
        def on_batch_end(self, num_batch, train, **state):
            return {"stop_epoch": train and num_batch == 1}

    class Signal(v2.Callback):
        order = 100

        def after_batch(self):
            if self.training and self.iter == 1:
                raise v2.CancelTrainException

    class See(FirstCallback):
        def __init__(self, name):
            self.seen = counted[name] = []

        def on_epoch_end(self, iteration, num_batch, last_output, **state):
            self.seen.append((iteration, num_batch, last_output.requires_grad))

    for name, ending in (("flag", Flag()), ("signal", Signal())):
        learn = small.learner(bunch=small.data(8, bs=2))
        learn.fit(2, 0.1, callbacks=[See(name), ending])
    assert counted["flag"] == counted["signal"] == [(2, 2, False), (4, 2, False)]
