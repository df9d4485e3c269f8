"""The loop trains as a loop written by hand does, and takes what callbacks put in place."""

from __future__ import annotations

from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from fastloop_v1 import basic_train
from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import BasicLearner, Learner, fit, train_epoch
from fastloop_v1.callback import Callback
from fastloop_v1.optim import OptimWrapper

GENERATOR = torch.Generator().manual_seed(0)
SET = TensorDataset(torch.randn(10, 3, generator=GENERATOR), torch.randn(10, 1, generator=GENERATOR))
VALID = [(torch.randn(4, 3, generator=GENERATOR), torch.randn(4, 1, generator=GENERATOR))]
LOG = ["train 0", "train 0", "train 0", "valid 0", "train 1", "train 1", "train 1", "valid 1"]


class On(Callback):
    """Calls functions with the state, each at the event it is named for, and returns what they return."""

    def __init__(self, **actions):
        for event, action in actions.items():
            setattr(self, f"on_{event}", lambda action=action, **state: action(state))


def network():
    """Return a model whose numbers depend on training mode, on the order of batches and on random numbers."""
    torch.manual_seed(1)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Dropout(0.3), nn.Linear(4, 1))


def learner(train=None, valid=VALID, **options):
    """Return a learner over three batches in fixed order, the last one smaller."""
    torch.manual_seed(0)
    data = DataBunch(DataLoader(SET, 4) if train is None else train, valid)
    given = {"model": nn.Linear(3, 1), "opt_func": torch.optim.SGD, "loss_func": F.mse_loss, "wd": 0.0}
    return Learner(data, **{**given, "silent": True, **options})


def log_of(learn, epochs=2, *callbacks):
    """Train and return the batches that came, with phase and epoch."""
    log = []
    write = On(batch_begin=lambda s: log.append(f"{'train' if s['train'] else 'valid'} {s['epoch']}"))
    learn.fit(epochs, 0.1, callbacks=[write, *callbacks])
    return log


def weights(model):
    return [p.detach().clone() for p in model.parameters()]


def same(left, right):
    return len(left) == len(right) and all(torch.equal(a, b) for a, b in zip(left, right, strict=True))


def at(key, value, **answer):
    """Return a function that gives `answer` while a key of the state has this value."""
    return lambda state: answer if state[key] == value else None


# --- numbers ------------------------------------------------------------------------------------------------


def trained_by_hand(model, make_opt, decay):
    """Train two epochs with nothing but torch; return the losses in training and in validation."""
    opt, loader, losses, valid_losses = make_opt(model.parameters()), DataLoader(SET, 4, shuffle=True), [], []
    for _ in range(2):
        model.train()
        for x, y in loader:
            loss = F.mse_loss(model(x), y)
            loss.backward()
            for p in model.parameters():
                p.data.mul_(decay)
            opt.step()
            opt.zero_grad()
            losses.append(loss.item())
        model.eval()
        with torch.no_grad():
            valid_losses.append(F.mse_loss(model(VALID[0][0]), VALID[0][1]).item())
    return losses, valid_losses


@pytest.mark.parametrize(
    ("options", "make_opt", "decay"),
    [
        pytest.param(
            {"opt_func": partial(torch.optim.SGD, momentum=0.9), "wd": 0.0},
            partial(torch.optim.SGD, lr=0.1, momentum=0.9),
            1.0,
            id="SGD with momentum",
        ),
        pytest.param(
            {"opt_func": basic_train.AdamW, "wd": 0.01},
            partial(torch.optim.Adam, lr=0.1, betas=(0.9, 0.99)),
            1 - 0.01 * 0.1,
            id="default with true weight decay",
        ),
    ],
)
def test_two_epochs_give_the_numbers_of_a_loop_by_hand(options, make_opt, decay):
    expected = network()
    torch.manual_seed(7)
    losses, valid_losses = trained_by_hand(expected, make_opt, decay)
    learn = learner(DataLoader(SET, 4, shuffle=True), model=network(), **options)
    seen = []
    torch.manual_seed(7)
    learn.fit(
        2, 0.1, callbacks=On(batch_end=lambda s: seen.append(s["last_loss"].item()) if s["train"] else None)
    )
    assert seen == losses
    assert [float(loss) for loss in learn.recorder.val_losses] == valid_losses
    assert same([*expected.state_dict().values()], [*learn.model.state_dict().values()])


def test_train_epoch_gives_the_numbers_of_the_loop_without_callbacks():
    learn, model = learner(valid=None), nn.Linear(3, 1)
    model.load_state_dict(learn.model.state_dict())
    learn.fit(1, 0.1)
    train_epoch(model.eval(), DataLoader(SET, 4), torch.optim.SGD(model.parameters(), 0.1), F.mse_loss)
    assert same(weights(learn.model), weights(model))
    assert model.training


def test_basic_learner_is_enough():
    learn = learner()
    basic = BasicLearner(nn.Linear(3, 1), F.mse_loss, None, learn.data)
    basic.model.load_state_dict(learn.model.state_dict())
    basic.opt = OptimWrapper.create(torch.optim.SGD, 0.1, [nn.Sequential(basic.model)])
    fit(2, basic)
    learn.fit(2, 0.1)
    assert same(weights(basic.model), weights(learn.model))


def test_several_inputs_and_targets_go_to_model_and_loss():
    class Both(nn.Bilinear):
        """Takes two inputs."""

    def loss_func(out, y, z):
        return (out - y - z).pow(2).mean()

    x, y = SET.tensors
    learn = learner([([x, x], [y, y])], None, model=Both(3, 3, 1), loss_func=loss_func)
    before = weights(learn.model)
    learn.fit(1, 0.5)
    other = Both(3, 3, 1)
    other.load_state_dict(dict(zip(["weight", "bias"], before, strict=True)))
    loss_func(other(x, x), y, y).backward()
    assert same(weights(learn.model), [p - 0.5 * p.grad for p in other.parameters()])


# --- counters and modes -------------------------------------------------------------------------------------


def test_counters_grow_after_training_batches_only():
    rows = []

    def note(name):
        return lambda s: rows.append((name, s["epoch"], s["iteration"], s["num_batch"]))

    names = ("train_begin", "epoch_begin", "batch_begin", "batch_end", "epoch_end", "train_end")
    learner(DataLoader(SET, 5)).fit(2, 0.1, callbacks=On(**{name: note(name) for name in names}))
    begin, end = "batch_begin", "batch_end"
    assert rows == [
        ("train_begin", 0, 0, 0),
        ("epoch_begin", 0, 0, 0), (begin, 0, 0, 0), (end, 0, 0, 0), (begin, 0, 1, 1), (end, 0, 1, 1),
        (begin, 0, 2, 2), (end, 0, 2, 2), ("epoch_end", 0, 2, 2),
        ("epoch_begin", 1, 2, 0), (begin, 1, 2, 0), (end, 1, 2, 0), (begin, 1, 3, 1), (end, 1, 3, 1),
        (begin, 1, 4, 2), (end, 1, 4, 2), ("epoch_end", 1, 4, 2),
        ("train_end", 2, 4, 2),
    ]  # fmt: skip


def test_model_is_in_training_mode_in_training_and_in_evaluation_mode_in_validation():
    learn, modes = learner(), []
    log = On(epoch_begin=lambda s: modes.append(learn.model.training),
             loss_begin=lambda s: modes.append(learn.model.training == s["train"]))  # fmt: skip
    learn.model.eval()
    learn.fit(2, 0.1, callbacks=log)
    assert modes == [True] * 10
    assert not learn.model.training


def test_fit_of_no_epochs_begins_and_ends():
    events = []
    names = ("train_begin", "epoch_begin", "batch_begin", "epoch_end", "train_end")
    learner().fit(0, callbacks=On(**{name: lambda s, name=name: events.append(name) for name in names}))
    assert events == ["train_begin", "train_end"]


@pytest.mark.parametrize(("start", "expected"), [(1, LOG[4:]), (2, []), (5, [])])
def test_bug_14_fit_goes_on_from_the_epoch_a_callback_names(start, expected):
    resume = On(train_begin=lambda s: {"epoch": start})
    jumps, iterations = [], []
    resume.jump_to_epoch = jumps.append
    count = On(batch_end=lambda s: iterations.append(s["iteration"]) if s["train"] else None)
    assert log_of(learner(), 2, resume, count) == expected
    assert jumps == [start]
    assert iterations == [0, 1, 2][: len(expected)]


# --- flags --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("event", "answer", "expected"),
    [
        pytest.param("batch_begin", at("iteration", 1, stop_epoch=True),
                     ["train 0", "train 0", "valid 0", "train 1", "train 1", "train 1", "valid 1"],
                     id="stop_epoch at batch begin trains that batch"),
        pytest.param("batch_end", at("iteration", 0, stop_epoch=True),
                     ["train 0", "valid 0", "train 1", "train 1", "train 1", "valid 1"],
                     id="stop_epoch leaves the epoch"),
        pytest.param("batch_end", at("iteration", 0, stop_training=True), LOG[:4],
                     id="stop_training ends the epoch first"),
        pytest.param("batch_end", at("iteration", 1, stop_training=True, stop_epoch=True),
                     ["train 0", "train 0", "valid 0"], id="both"),
        pytest.param("epoch_begin", at("epoch", 0, stop_training=True), LOG[:4],
                     id="stop at epoch begin"),
        pytest.param("epoch_end", at("epoch", 0, stop_training=True), LOG[:4], id="stop at epoch end"),
        pytest.param("train_begin", lambda s: {"skip_validate": True}, LOG[:3] + LOG[4:7],
                     id="skip_validate from the start"),
        pytest.param("batch_end", at("iteration", 1, skip_validate=True), LOG[:3] + LOG[4:8],
                     id="skip_validate holds for its epoch"),
        pytest.param("epoch_end", at("epoch", 0, skip_validate=True), LOG[:7],
                     id="skip_validate at epoch end holds for the next epoch"),
    ],
)  # fmt: skip
def test_bug_7_flag_acts(event, answer, expected):
    assert log_of(learner(), 2, On(**{event: answer})) == expected


def test_stop_epoch_in_validation_averages_what_was_seen():
    learn = learner(valid=[VALID[0], (torch.ones(1, 3) * 100, torch.ones(1, 1))])
    stop = On(batch_end=lambda s: None if s["train"] else {"stop_epoch": True})
    assert log_of(learn, 1, stop) == LOG[:4]
    assert learn.recorder.val_losses == [F.mse_loss(learn.model(VALID[0][0]), VALID[0][1]).item()]


@pytest.mark.parametrize("flag", ["skip_bwd", "skip_step"])
def test_skipped_backward_or_step_leaves_the_weights(flag):
    learn = learner()
    before = weights(learn.model)
    learn.fit(1, 0.1, callbacks=On(batch_begin=lambda s: {flag: True}))
    assert same(weights(learn.model), before)
    assert all(p.grad is None for p in learn.model.parameters())


def test_skipped_zeroing_adds_the_gradients_of_batches_up():
    learn = learner(valid=None)
    before = weights(learn.model)
    accumulate = On(batch_begin=lambda s: {"skip_step": s["iteration"] < 2, "skip_zero": s["iteration"] < 2})
    learn.fit(1, 0.1, callbacks=accumulate)
    model = nn.Linear(3, 1)
    model.load_state_dict(dict(zip(["weight", "bias"], before, strict=True)))
    for x, y in DataLoader(SET, 4):
        F.mse_loss(model(x), y).backward()
    assert same(weights(learn.model), [p - 0.1 * p.grad for p in model.parameters()])


def test_replaced_loss_is_the_one_gone_backward_from():
    learn, other = learner(valid=None), learner(valid=None)
    learn.fit(1, 0.1, callbacks=On(backward_begin=lambda s: {"last_loss": s["last_loss"] * 2}))
    other.fit(1, 0.2)
    assert same(weights(learn.model), weights(other.model))
