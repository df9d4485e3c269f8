"""Trains with comet's automatic logging, which hooks into the imports of fastai."""

from __future__ import annotations

from comet_experiment import Experiment

import torch
from fastai.basic_train import Learner
from fastai.basics import DataBunch, F, TensorDataset, nn
from fastai.callback import CallbackHandler

import fastai.basic_train


def mae(pred, targ):
    return (pred - targ).abs().mean()


torch.manual_seed(0)
xs = torch.randn(48, 2)
data = DataBunch.create(TensorDataset(xs[:32], xs[:32]), TensorDataset(xs[32:], xs[32:]), bs=8, num_workers=0)

quiet = Learner(data, nn.Linear(2, 2), loss_func=F.mse_loss)
quiet.fit(1, 0.1)  # without an experiment nothing is logged

experiment = Experiment()
model = nn.Linear(2, 2)
learn = Learner(data, model, loss_func=F.mse_loss, metrics=[mae])
learn.fit(3, 0.1)
assert experiment._storage["torch"]["model"] is model
assert experiment.epochs == [0, 1, 2]
names = [name for name, _, _ in experiment.metrics]
assert names == ["val_loss", "mae"] * 3, names
values = [value for name, value, _ in experiment.metrics if name == "val_loss"]
assert values == [float(loss) for loss in learn.recorder.val_losses]
assert {framework for _, _, framework in experiment.metrics} == {"fastai"}
assert fastai.basic_train.Learner is Learner and learn.recorder.losses
assert CallbackHandler.on_epoch_end.__name__ == "on_epoch_end"

experiment.disabled_monkey_patching = True
learn.fit(1, 0.1)
assert len(experiment.epochs) == 3
