"""Trains a learner that was never trained nor frozen, with mlflow's automatic logging on."""

from __future__ import annotations

from mlflow_store import RUNS

import mlflow.fastai
import torch
from fastai.basics import DataBunch, F, Learner, TensorDataset, nn

xs = torch.randn(48, 2)
data = DataBunch.create(TensorDataset(xs[:32], xs[:32]), TensorDataset(xs[32:], xs[32:]), bs=8, num_workers=0)
mlflow.fastai.autolog()
learn = Learner(data, nn.Linear(2, 2), loss_func=F.mse_loss)
learn.fit(1, 1e-3)
assert len(learn.recorder.val_losses) == 1
assert RUNS[0].status == "FINISHED"
assert set(RUNS[0].metrics) == {"train_loss", "valid_loss"}
