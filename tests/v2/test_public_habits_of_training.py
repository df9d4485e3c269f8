"""Callbacks as people write them for fastai v2: other batches, losses, gradients and steps."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastloop_v1.v2 import Callback, CancelBatchException


class MixUp(Callback):
    """Mixes each sample with another one, and the loss likewise; the loss function is its own meanwhile."""

    run_valid = False

    def __init__(self, lam=0.75):
        self.lam = lam

    def before_train(self):
        self.old_loss, self.learn.loss_func = self.learn.loss_func, self.mixed_loss

    def after_train(self):
        self.learn.loss_func = self.old_loss

    after_cancel_train = after_train

    def before_batch(self):
        others = torch.arange(self.y.size(0) - 1, -1, -1)
        self.other_y = tuple(y[others] for y in self.yb)
        self.learn.xb = tuple(torch.lerp(x[others], x, self.lam) for x in self.xb)

    def mixed_loss(self, pred, *yb):
        return torch.lerp(self.old_loss(pred, *self.other_y), self.old_loss(pred, *yb), self.lam)


def test_mixup_trains_on_mixed_samples_and_validates_on_the_given_ones(small, fitted, by_hand):
    def mixed(model, x, y):
        out = model(0.75 * x + 0.25 * x.flip(0))
        (0.75 * F.mse_loss(out, y) + 0.25 * F.mse_loss(out, y.flip(0))).backward()

    learn = fitted(MixUp())
    assert torch.allclose(small.weights(learn), by_hand(mixed), atol=1e-6)
    assert learn.recorder.values[-1][1] == pytest.approx(small.valid_loss(learn, learn.model))
    assert learn.loss_func is F.mse_loss


class CutMix(Callback):
    """Puts a part of another sample in, in place."""

    run_valid = False

    def before_batch(self):
        bs = self.x.size(0)
        others = torch.roll(torch.arange(bs), 1)
        self.learn.xb[0][:, :1] = self.xb[0][others, :1]
        self.learn.yb = (self.y * 2 / 3 + self.y[others] / 3,)


def test_a_batch_may_be_changed_in_place(small, fitted, by_hand):
    def cut(model, x, y):
        others = x.roll(1, 0)
        F.mse_loss(model(torch.cat([others[:, :1], x[:, 1:]], 1)), y * 2 / 3 + y.roll(1, 0) / 3).backward()

    assert torch.allclose(small.weights(fitted(CutMix())), by_hand(cut), atol=1e-6)


class Distillation(Callback):
    def __init__(self, teacher, weight=0.5):
        self.teacher, self.weight = teacher, weight

    def before_fit(self):
        self.teacher.eval()

    def after_loss(self):
        with torch.no_grad():
            wanted = self.teacher(*self.learn.xb)
        self.learn.loss_grad = torch.lerp(self.loss_grad, F.mse_loss(self.pred, wanted), self.weight)
        self.learn.loss = self.learn.loss_grad.clone()


def test_a_teacher_has_its_share_in_the_loss_of_training_and_of_validation(small, fitted, by_hand):
    torch.manual_seed(5)
    teacher = nn.Linear(3, 1)

    def taught(model, x, y):
        out = model(x)
        (0.5 * F.mse_loss(out, y) + 0.5 * F.mse_loss(out, teacher(x).detach())).backward()

    learn = fitted(Distillation(teacher))
    assert torch.allclose(small.weights(learn), by_hand(taught), atol=1e-6)
    with torch.no_grad():
        x, _ = learn.data.valid_ds.tensors
        far = F.mse_loss(learn.model(x), teacher(x)).item()
    assert learn.recorder.values[-1][1] == pytest.approx((small.valid_loss(learn, learn.model) + far) / 2)


class HardSamples(Callback):
    """Goes backward through the worst samples only."""

    run_valid = False

    def after_loss(self):
        losses = F.mse_loss(self.pred, *self.yb, reduction="none").view(-1)
        self.learn.loss_grad = losses.topk(1).values.mean()


def test_only_the_worst_sample_of_a_batch_counts(small, fitted, by_hand):
    def worst(model, x, y):
        ((model(x) - y) ** 2).max().backward()

    assert torch.allclose(small.weights(fitted(HardSamples())), by_hand(worst), atol=1e-6)


class Growing(Callback):
    """Progressive resizing: small pictures first."""

    sizes = (4, 6, 8)

    def before_batch(self):
        size = self.sizes[min(self.epoch, 2)]
        self.learn.xb = (F.interpolate(self.x, size=(size, size)),)


class ChannelsLast(Callback):
    order = -5

    def before_fit(self):
        self.learn.model.to(memory_format=torch.channels_last)

    def before_batch(self):
        self.learn.xb = tuple(x.contiguous(memory_format=torch.channels_last) for x in self.xb)


def test_pictures_grow_from_epoch_to_epoch_in_training_and_validation(small, fitted):
    sizes = []
    look = Callback(after_pred=lambda self: sizes.append((self.training, *self.x.shape[2:])))
    fitted(Growing(), look, epochs=3, **small.pictures())
    assert sizes == [(train, n, n) for n in (4, 6, 8) for train in (True, True, False)]


def test_pictures_go_through_a_model_with_channels_last(small, fitted):
    layouts = []
    look = Callback(
        after_pred=lambda self: layouts.append(self.x.is_contiguous(memory_format=torch.channels_last))
    )
    learn = fitted(ChannelsLast(), look, **small.pictures())
    assert layouts == 6 * [True]
    assert learn.model[0].weight.is_contiguous(memory_format=torch.channels_last)


class SkipBadBatch(Callback):
    def after_loss(self):
        if self.training and not torch.isfinite(self.loss):
            raise CancelBatchException


def test_a_batch_without_a_finite_loss_changes_nothing(small, fitted):
    bunch = small.data(8, n_valid=4)
    bunch.train_ds.tensors[1][3] = float("nan")
    steps = []
    learn = fitted(SkipBadBatch(), Callback(after_step=lambda self: steps.append(self.iter)), bunch=bunch)
    assert steps == [0, 2, 3, 0, 2, 3]
    assert torch.isfinite(small.weights(learn)).all()


# --- gradients and steps ----------------------------------------------------------------------------------


class SAM(Callback):
    """Sharpness-aware minimization: a second pass from the worst place near by."""

    run_valid = False

    def __init__(self, rho=0.05):
        self.rho = rho

    def before_step(self):
        params = [p for p, *_ in self.learn.opt.all_params(with_grad=True)]
        norm = torch.stack([p.grad.norm() for p in params]).norm()
        away = [self.rho * p.grad / norm for p in params]
        with torch.no_grad():
            torch._foreach_add_(params, away)
        self.learn.opt.zero_grad()
        self.learn.loss_func(self.learn.model(*self.learn.xb), *self.learn.yb).backward()
        with torch.no_grad():
            torch._foreach_sub_(params, away)


def test_sharpness_aware_steps_take_the_gradient_from_near_by(small, fitted, by_hand):
    def sharply(model, x, y):
        F.mse_loss(model(x), y).backward()
        far = deepcopy(model)
        norm = torch.stack([param.grad.norm() for param in model.parameters()]).norm()
        with torch.no_grad():
            for param, there in zip(model.parameters(), far.parameters(), strict=True):
                there += 0.05 * param.grad / norm
        model.zero_grad()
        far.zero_grad()
        F.mse_loss(far(x), y).backward()
        for param, there in zip(model.parameters(), far.parameters(), strict=True):
            param.grad = there.grad

    assert torch.allclose(small.weights(fitted(SAM())), by_hand(sharply), atol=1e-6)


class Adversarial(Callback):
    """A second backward pass with inputs moved against the loss, whose gradients add up."""

    run_valid = False

    def after_backward(self):
        x = self.x.clone().requires_grad_()
        (push,) = torch.autograd.grad(self.loss_func(self.model(x), *self.yb), x)
        self.loss_func(self.model((x + 0.1 * push.sign()).detach()), *self.yb).backward()


def test_gradients_of_a_second_pass_add_up(small, fitted, by_hand):
    def pushed(model, x, y):
        x = x.clone().requires_grad_()
        F.mse_loss(model(x), y).backward()
        F.mse_loss(model((x + 0.1 * x.grad.sign()).detach()), y).backward()

    assert torch.allclose(small.weights(fitted(Adversarial())), by_hand(pushed), atol=1e-6)


class AccumulateAndClip(Callback):
    """Steps every `k` batches, with gradients clipped; the loss is scaled in place."""

    order, run_valid = 10, False

    def __init__(self, k=2, max_norm=0.5):
        self.k, self.max_norm = k, max_norm

    def after_loss(self):
        self.learn.loss_grad /= self.k

    def before_step(self):
        if (self.learn.iter + 1) % self.k != 0:
            raise CancelBatchException
        nn.utils.clip_grad_norm_(self.learn.model.parameters(), self.max_norm)


def test_accumulated_gradients_are_clipped_once(small, fitted, by_hand):
    seen = []

    def both(model, x, y):
        seen.append((x, y))
        if len(seen) % 2:
            for param in model.parameters():
                param.grad = torch.zeros_like(param)
            return
        (x0, y0), (x1, y1) = seen[-2:]
        F.mse_loss(model(torch.cat([x0, x1])), torch.cat([y0, y1])).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.5)

    assert torch.allclose(small.weights(fitted(AccumulateAndClip())), by_hand(both), atol=1e-6)


class WarmUp(Callback):
    run_valid = False

    def __init__(self, share=0.5):
        self.share, self.lrs = share, []

    def before_fit(self):
        self.base = [hypers["lr"] for hypers in self.opt.hypers]

    def before_batch(self):
        factor = min(1, self.pct_train / self.share)
        for hypers, lr in zip(self.opt.hypers, self.base, strict=True):
            hypers["lr"] = lr * factor

    def after_batch(self):
        self.lrs.append(self.opt.hypers[-1]["lr"])


def test_rates_warm_up_with_the_share_of_training_done(fitted):
    cb = WarmUp()
    learn = fitted(cb)
    assert cb.lrs == pytest.approx([0, 0.025, 0.05, 0.075, 0.1, 0.1, 0.1, 0.1])
    assert learn.v2_view.recorder.lrs == cb.lrs
