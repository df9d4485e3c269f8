"""Trains with mlflow's automatic logging on, in the manner of 2020."""

from __future__ import annotations

from mlflow_store import RUNS

import mlflow
import mlflow.fastai
import torch
from fastai.basics import DataBunch, Learner, TensorDataset, nn, partial
from fastai.callbacks import EarlyStoppingCallback
from fastai.layers import CrossEntropyFlat
from fastai.metrics import accuracy

torch.manual_seed(0)
xs = torch.randn(96, 4)
ys = (xs.sum(1) > 0).long()
data = DataBunch.create(
    TensorDataset(xs[:64], ys[:64]), TensorDataset(xs[64:], ys[64:]), bs=16, num_workers=0
)


def learner(**options):
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2))
    return Learner(data, model, loss_func=CrossEntropyFlat(), metrics=[accuracy], **options)


mlflow.fastai.autolog()

learn = learner(callback_fns=[partial(EarlyStoppingCallback, monitor="accuracy", min_delta=0.01, patience=9)])
learn.unfreeze()  # as `cnn_learner` does with a new head: there is an optimizer from here on
with mlflow.start_run() as run:
    learn.fit_one_cycle(2, 1e-2)
assert run.status == "FINISHED"
assert run.params["epochs"] == 2 and run.params["opt_func"] == "Adam" and run.params["num_layers"] == 3
assert run.params["true_wd"] is True and run.params["bn_wd"] is True and run.params["wd"] is None
assert run.params["early_stop_monitor"] == "accuracy" and run.params["early_stop_patience"] == 9
assert (
    run.params["lr_max"] == 1e-2 and run.params["div_factor"] == 25.0 and run.params["moms"] == (0.95, 0.85)
)
assert "Linear" in run.tags["model_summary"] and (run.artifacts / "model_summary.txt").exists()
assert set(run.metrics) == {"train_loss", "valid_loss", "accuracy"}
assert [step for step, _ in run.metrics["accuracy"]] == [0, 1]
assert run.metrics["valid_loss"][-1][1] == float(learn.recorder.val_losses[-1])
assert run.metrics["accuracy"][-1][1] == float(learn.recorder.metrics[-1][0])

# the model that was logged predicts the same
served = mlflow.fastai.load_model(str(run.artifacts / "model"))
for got, expected in zip(served.model.parameters(), learn.model.parameters(), strict=True):
    assert torch.equal(got, expected)
assert torch.equal(served.pred_batch(batch=(xs[:4], ys[:4])), learn.pred_batch(batch=(xs[:4], ys[:4])))

# a run is opened by itself; callbacks are passed by keyword
learn.fit(1, 1e-3, callbacks=[EarlyStoppingCallback(learn, patience=4)])
assert len(RUNS) == 2 and RUNS[1].status == "FINISHED"
assert RUNS[1].params["epochs"] == 1 and RUNS[1].params["lr"] == 1e-3
assert RUNS[1].metrics["train_loss"][0][1] == float(learn.recorder.losses[-1])

mlflow.fastai.autolog(disable=True)
learn.fit(1, 1e-3)
assert len(RUNS) == 2
