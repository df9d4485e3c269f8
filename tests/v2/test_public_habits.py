"""Callbacks as people write them for fastai v2: loggers, averages of weights, and what ends a fit."""

from __future__ import annotations

import csv
from copy import deepcopy
from functools import partial

import pytest
import torch
from torch import nn

from fastloop_v1.v2 import (
    Callback,
    CancelFitException,
    EarlyStoppingCallback,
    Recorder,
    SaveModelCallback,
    TrainEvalCallback,
)


class RunLogger(Callback):
    """In the manner of callbacks that send a run to a server."""

    order, remove_on_fetch = Recorder.order + 1, True

    def before_fit(self):
        self.run = not hasattr(self.learn, "lr_finder") and not hasattr(self, "gather_preds")
        if self.run:
            self.batches, self.epochs, self.step = [], [], 0

    def after_batch(self):
        if not self.training:
            return
        self.step += 1
        hypers = {f"{k}_{i}": v for i, h in enumerate(self.opt.hypers) for k, v in h.items()}
        at = self.train_iter / self.n_iter
        self.batches.append({"epoch": at, "loss": self.smooth_loss.item(), "raw": self.loss.item(), **hypers})

    def after_epoch(self):
        named = zip(self.recorder.metric_names, self.recorder.log, strict=False)
        self.epochs.append({name: value for name, value in named if name not in ("epoch", "time")})

    def after_fit(self):
        self.run = True


def test_a_logger_of_runs_gets_losses_and_rates_of_each_batch_and_the_row_of_each_epoch(fitted):
    cb = RunLogger()
    learn = fitted(cb)
    assert [row["epoch"] for row in cb.batches] == [0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2]
    assert [row["loss"] for row in cb.batches] == [loss.item() for loss in learn.recorder.losses]
    assert {row["lr_0"] for row in cb.batches} == {0.1}
    assert [list(row) for row in cb.epochs] == 2 * [["train_loss", "valid_loss", "l1_loss"]]
    assert [list(row.values()) for row in cb.epochs] == learn.recorder.values
    assert cb.step == 8


def test_a_logger_of_runs_is_silent_while_a_rate_is_looked_for(fitted):
    cb = RunLogger()
    learn = fitted(cb)
    learn.lr_find(num_it=3)
    assert (cb.step, len(cb.epochs), cb.run) == (8, 2, True)


class Scalars(Callback):
    """In the manner of callbacks for TensorBoard; takes anything with `add_scalar`."""

    run_after = [Recorder]

    def __init__(self, writer):
        self.writer = writer

    def after_batch(self):
        if self.learn.training:
            self.writer.add_scalar("train_loss", self.learn.smooth_loss, self.learn.train_iter)
            for i, hypers in enumerate(self.learn.opt.hypers):
                self.writer.add_scalar(f"lr_{i}", hypers["lr"], self.learn.train_iter)

    def after_epoch(self):
        for name, value in zip(self.recorder.metric_names[2:-1], self.recorder.log[2:-1], strict=True):
            self.writer.add_scalar(name, value, self.learn.train_iter)


class Writer:
    def __init__(self):
        self.steps = {}

    def add_scalar(self, name, value, step):
        self.steps.setdefault(name, {})[step] = float(value)


def test_scalars_are_written_by_step(fitted):
    writer = Writer()
    learn = fitted(Scalars(writer))
    assert list(writer.steps["train_loss"]) == list(writer.steps["lr_0"]) == list(range(1, 9))
    assert list(writer.steps["valid_loss"].values()) == [row[1] for row in learn.recorder.values]
    assert list(writer.steps["l1_loss"]) == [4, 8]


class CSVLog(Callback):
    order = 60

    def __init__(self, fname="history.csv"):
        self.fname = fname

    def before_fit(self):
        self.file = (self.path / self.fname).open("w", newline="")
        self.lines = csv.writer(self.file)
        self.lines.writerow(self.recorder.metric_names[:-1])

    def after_epoch(self):
        self.lines.writerow([self.epoch, *self.learn.final_record])

    def after_fit(self):
        self.file.close()


def test_a_csv_file_has_a_line_for_each_epoch(fitted):
    learn = fitted(CSVLog())
    with (learn.path / "history.csv").open(newline="") as file:
        title, *rows = csv.reader(file)
    assert title == ["epoch", "train_loss", "valid_loss", "l1_loss"]
    assert [[float(value) for value in row] for row in rows] == [
        [n, *row] for n, row in enumerate(learn.recorder.values)
    ]


class ActivationStats(Callback):
    """Means of what the modules of interest give, by forward hooks that live as long as the fit."""

    order = -20

    def before_fit(self):
        self.stats = [[] for _ in self.model]
        self.hooks = [
            module.register_forward_hook(partial(self.note, i)) for i, module in enumerate(self.model)
        ]

    def note(self, i, module, args, output):
        if self.learn.training:
            self.stats[i].append(output.detach().mean().item())

    def after_fit(self):
        for hook in self.hooks:
            hook.remove()


def test_hooks_see_the_activations_of_training_and_are_gone_afterwards(fitted):
    cb, outputs = ActivationStats(), []
    look = Callback(
        after_pred=lambda self: outputs.append(self.pred.mean().item()) if self.training else None
    )
    learn = fitted(cb, look, model=nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1)))
    assert [len(stats) for stats in cb.stats] == [8, 8, 8]
    assert cb.stats[-1] == outputs
    assert not any(module._forward_hooks for module in learn.model)


class KeepPredictions(Callback):
    run_train = False

    def before_validate(self):
        self.found, self.targets = [], []

    def after_batch(self):
        self.found.append(self.learn.pred.detach().cpu())
        self.targets.append(self.learn.y.detach().cpu())

    def after_validate(self):
        self.all = torch.cat(self.found), torch.cat(self.targets)


def test_predictions_of_the_last_validation_are_kept(fitted):
    cb = KeepPredictions()
    learn = fitted(cb)
    x, y = learn.data.valid_ds.tensors
    with torch.no_grad():
        assert torch.allclose(cb.all[0], learn.model(x))
    assert torch.equal(cb.all[1], y)


class EvaluateOnTraining(Callback):
    """Sees after each epoch what the model does with the training data, in evaluation mode."""

    order = 60

    def __init__(self):
        self.train_losses = []

    def after_epoch(self):
        learn = self.learn
        with learn.removed_cbs(self):
            self.train_losses.append(float(learn.validate(learn.dls.train)[0]))


def test_a_pass_over_other_data_in_the_middle_of_a_fit_leaves_the_fit_as_it_was(small, fitted):
    cb, counts = EvaluateOnTraining(), []
    look = Callback(before_train=lambda self: counts.append((self.epoch, self.train_iter, self.pct_train)))
    learn, alone = fitted(cb, look), fitted(Callback())
    assert len(cb.train_losses) == 2
    assert torch.equal(small.weights(learn), small.weights(alone))
    assert learn.recorder.values == alone.recorder.values
    assert counts == [(0, 0, 0.0), (1, 4, 0.5)]


# --- the model --------------------------------------------------------------------------------------------


class EMA(Callback):
    """Validates with the moving average of the weights."""

    order = 55

    def __init__(self, decay=0.5):
        self.decay = decay

    def before_fit(self):
        self.ema_model = deepcopy(self.learn.model).eval()

    def after_step(self):
        with torch.no_grad():
            for mean, param in zip(self.ema_model.parameters(), self.model.parameters(), strict=True):
                mean.lerp_(param, 1 - self.decay)

    def before_validate(self):
        self.trained, self.learn.model = self.learn.model, self.ema_model

    def after_validate(self):
        self.learn.model = self.trained


def test_the_average_of_the_weights_is_validated_and_the_model_trained(small, fitted, by_hand):
    cb = EMA()
    learn = fitted(cb)
    assert torch.allclose(small.weights(learn), by_hand(), atol=1e-6)
    assert learn.recorder.values[-1][1] == pytest.approx(small.valid_loss(learn, cb.ema_model))
    assert learn.recorder.values[-1][1] != pytest.approx(small.valid_loss(learn, learn.model))


class Snapshots(Callback):
    """Saves the model at the end of each cycle, and ends with the mean of the files."""

    def __init__(self, cycle=2):
        self.cycle, self.names = cycle, []

    def after_epoch(self):
        if (self.epoch + 1) % self.cycle == 0:
            self.names.append(f"snapshot_{self.epoch}")
            self.learn.save(self.names[-1], with_opt=False)

    def after_fit(self):
        files = [self.learn.path / self.learn.model_dir / f"{name}.pth" for name in self.names]
        states = [torch.load(file, weights_only=True) for file in files]
        states = [state.get("model", state) for state in states]
        mean = {name: torch.stack([state[name] for state in states]).mean(0) for name in states[0]}
        self.learn.model.load_state_dict(mean)


def test_snapshots_are_averaged_at_the_end(small, fitted, by_hand):
    learn = fitted(Snapshots(), epochs=4)
    mean = (by_hand(epochs=2) + by_hand(epochs=4)) / 2
    assert torch.allclose(small.weights(learn), mean, atol=1e-6)


class FreezeNorms(Callback):
    run_after = TrainEvalCallback

    def before_train(self):
        for module in self.learn.model.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()


def test_norms_in_evaluation_mode_keep_their_averages(small, fitted):
    learn = fitted(FreezeNorms(), **small.pictures())
    assert torch.equal(learn.model[1].running_mean, torch.zeros(2))
    assert learn.model[1].num_batches_tracked == 0


class GradualUnfreezing(Callback):
    """Trains one more layer with each epoch, from the last one on."""

    def before_epoch(self):
        layers = list(self.learn.model.children())
        for i, layer in enumerate(layers):
            layer.requires_grad_(i >= len(layers) - 1 - self.epoch)


def test_layers_are_trained_from_the_epoch_on_that_unfreezes_them(fitted):
    first = []
    look = Callback(after_epoch=lambda self: first.append(self.model[0].weight.detach().clone()))
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 1))
    start = model[0].weight.detach().clone()
    fitted(GradualUnfreezing(), look, model=model)
    assert torch.equal(first[0], start)
    assert not torch.equal(first[1], start)


# --- when to end ------------------------------------------------------------------------------------------


class StopBelow(Callback):
    order = 64

    def __init__(self, monitor, goal):
        self.monitor, self.goal = monitor, goal

    def before_fit(self):
        self.column = list(self.recorder.metric_names[1:]).index(self.monitor)

    def after_epoch(self):
        if self.recorder.values[-1][self.column] < self.goal:
            raise CancelFitException


def test_a_fit_ends_once_a_metric_is_good_enough(fitted):
    every = fitted(Callback(), epochs=6).recorder.values
    goal = every[1][2] * 1.0001
    learn = fitted(StopBelow("l1_loss", goal), epochs=6)
    ended = next(n for n, row in enumerate(every) if row[2] < goal)
    assert len(learn.recorder.values) == ended + 1


class SaveAndStop(EarlyStoppingCallback):
    """A tracker of one's own on top of one of the stock's."""

    def after_epoch(self):
        super().after_epoch()
        if self.new_best:
            self.learn.save("best")


def test_a_tracker_may_be_built_upon(fitted):
    learn = fitted(SaveAndStop(monitor="l1_loss", comp=lambda new, best: False, patience=2), epochs=9)
    assert len(learn.recorder.values) == 2
    assert not (learn.path / "models" / "best.pth").exists()
    learn = fitted(SaveAndStop(monitor="valid_loss", patience=9), SaveModelCallback(fname="own"))
    assert {file.name for file in (learn.path / "models").iterdir()} >= {"best.pth", "own.pth"}


class Once(Callback):
    """Leaves the learner when its work is done."""

    def before_batch(self):
        self.seen = getattr(self, "seen", 0) + 1
        self.learn.remove_cb(self)


def test_a_callback_may_remove_itself_in_the_middle_of_a_fit(fitted):
    cb = Once()
    learn = fitted(cb)
    assert cb.seen == 1
    assert all(other is not cb for other in learn.cbs)
    assert len(learn.recorder.values) == 2
