"""Callbacks that change how a fit trains."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from fastloop_v1.v2 import (
    BnFreeze,
    GradientAccumulation,
    GradientClip,
    ShortEpochCallback,
    SkipToEpoch,
    TerminateOnNaNCallback,
)


def test_accumulated_batches_are_one_large_batch(small):
    small_batches = small.learner(bunch=small.data(8, bs=2), cbs=[GradientAccumulation(8)])
    one_batch = small.learner(bunch=small.data(8, bs=8))
    for learn in (small_batches, one_batch):
        learn.fit(3, 0.1)
    assert torch.allclose(small.weights(small_batches), small.weights(one_batch), atol=1e-6)


def test_samples_left_over_count_in_the_next_epoch(small):
    log = small.Log()
    small.learner(bunch=small.data(6, bs=2), cbs=[GradientAccumulation(4), log]).fit(2, 0.1)
    assert log.seen.count("after_step") == 3
    assert log.seen.count("after_cancel_batch") == 3


def test_gradients_are_clipped_to_the_norm(small):
    norms = []

    def note(cb):
        norms.append(torch.stack([param.grad.norm() for param in cb.model.parameters()]).norm().item())

    small.learner(cbs=[GradientClip(1e-3), small.does("before_step", note, order=12)]).fit(1, 0.1)
    assert norms == pytest.approx([1e-3, 1e-3], rel=1e-3)


@pytest.mark.parametrize(("short_valid", "validated"), [(True, 2), (False, 4)])
def test_short_epochs_have_a_share_of_the_batches(small, short_valid, validated):
    log = small.Log()
    short = ShortEpochCallback(0.25, short_valid=short_valid)
    small.learner(bunch=small.data(8, bs=2), cbs=[short, log]).fit(1, 0.1)
    assert log.seen.count("after_step") == 2
    assert log.seen.count("before_batch") == 2 + validated


def test_skipped_epochs_are_not_trained(small):
    log = small.Log()
    small.learner(cbs=[SkipToEpoch(2), log]).fit(3, 0.1)
    assert log.seen.count("before_train") == 1
    assert log.seen.count("after_cancel_epoch") == 2


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_ends_the_fit(small, bad):
    log = small.Log()
    learn = small.learner(cbs=[TerminateOnNaNCallback(), log])
    learn.data.train_ds.tensors[1][2] = bad
    learn.fit(3, 0.1)
    assert log.seen.count("after_step") == 2
    assert log.seen[-2:] == ["after_cancel_fit", "after_fit"]


def test_frozen_batch_norms_keep_their_averages(small):
    norm = nn.BatchNorm1d(3)
    norm.requires_grad_(False)
    small.learner(model=nn.Sequential(norm, nn.Linear(3, 1)), cbs=[BnFreeze()]).fit(1, 0.1)
    assert torch.equal(norm.running_mean, torch.zeros(3))
