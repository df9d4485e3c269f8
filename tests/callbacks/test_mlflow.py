"""Runs are logged to a local MLflow store."""

from __future__ import annotations

import pickle
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.callback import AverageMetric
from fastloop_v1.callbacks.mlflow import MLFlowTracker
from fastloop_v1.errors import ArgumentError

# What MLflow and its database layer warn of among themselves.
pytestmark = pytest.mark.filterwarnings("ignore")
BATCHES = [(torch.ones(2, 3), torch.ones(2, 1)), (torch.zeros(2, 3), torch.ones(2, 1))]


@pytest.fixture
def store(tmp_path, monkeypatch):
    """The address of an empty store of files, in which nothing is reported to anybody."""
    pytest.importorskip("mlflow")
    for name in ("MLFLOW_ALLOW_FILE_STORE", "MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
        monkeypatch.setenv(name, "true")
    return (tmp_path / "runs").as_uri()


@pytest.fixture
def notebook(tmp_path):
    """A file to log."""
    path = tmp_path / "train.ipynb"
    path.write_text("{}", encoding="utf-8")
    return path


def learner(valid=BATCHES, **options):
    torch.manual_seed(0)
    return Learner(DataBunch(BATCHES, valid), nn.Linear(3, 1), loss_func=F.mse_loss, silent=True, **options)


def tracker(learn, uri, nb_path=None):
    return MLFlowTracker(learn, "lines", {"bs": 2, "lr": 0.1}, nb_path, uri)


def runs(uri):
    from mlflow import MlflowClient  # noqa: PLC0415  (not installed everywhere)

    client = MlflowClient(tracking_uri=uri)
    experiment = client.get_experiment_by_name("lines")
    return client, [] if experiment is None else client.search_runs([experiment.experiment_id])


def logged(uri, name):
    client, (run,) = runs(uri)
    return [(each.step, each.value) for each in client.get_metric_history(run.info.run_id, name)]


def half(out, targ):
    return 0.5


def test_parameters_losses_and_metrics_are_logged(store):
    learn = learner(metrics=[half])
    learn.fit(2, 0.1, callbacks=[tracker(learn, store)])
    _, (run,) = runs(store)
    assert run.data.params == {"bs": "2", "lr": "0.1"}
    assert set(run.data.metrics) == {"train_loss", "valid_loss", "half"}
    assert logged(store, "half") == [(0, 0.5), (1, 0.5)]
    losses = [(i, pytest.approx(float(loss))) for i, loss in enumerate(learn.recorder.val_losses)]
    assert logged(store, "valid_loss") == losses
    assert run.info.status == "FINISHED"


def test_notebook_is_logged(store, notebook):
    learn = learner()
    learn.fit(1, callbacks=[tracker(learn, store, notebook)])
    client, (run,) = runs(store)
    assert [each.path for each in client.list_artifacts(run.info.run_id)] == ["train.ipynb"]


@pytest.mark.parametrize(
    "metric",
    [
        pytest.param(partial(half), id="partial"),
        pytest.param(AverageMetric(half), id="metric callback"),
    ],
)
def test_bug_67_metric_needs_no_name_of_its_own(store, metric):
    learn = learner(metrics=[metric])
    learn.fit(1, callbacks=[tracker(learn, store)])
    assert logged(store, "half") == [(0, 0.5)]


def test_bug_67_values_other_callbacks_add_are_logged(store, Spy):
    learn = learner()

    class Adding(Spy):
        _order = -20

        def on_train_begin(self, **state):
            learn.recorder.add_metric_names(["added"])

    add = Adding(epoch_end=lambda state: {"last_metrics": [*state["last_metrics"], torch.tensor(7.0)]})
    add._order = -20
    learn.fit(1, callbacks=[tracker(learn, store), add])
    assert logged(store, "added") == [(0, 7.0)]


def test_bug_67_missing_validation_is_left_out(store):
    learn = learner(valid=None)
    learn.fit(1, callbacks=[tracker(learn, store)])
    _, (run,) = runs(store)
    assert set(run.data.metrics) == {"train_loss"}


def test_every_fit_is_a_run_of_one_experiment(store):
    learn = learner()
    mlflow_tracker = tracker(learn, store)
    for _ in range(2):
        learn.fit(1, callbacks=[mlflow_tracker])
    assert [run.info.status for run in runs(store)[1]] == ["FINISHED"] * 2


def test_validation_inside_of_a_fit_goes_on_with_its_run(store, Spy):
    learn = learner()
    learn.callbacks.append(tracker(learn, store))
    learn.fit(2, callbacks=[Spy(epoch_begin=lambda state: learn.validate() and None)])
    assert len(runs(store)[1]) == 1
    assert [step for step, _ in logged(store, "train_loss")] == [0, 1]


def test_lr_find_and_predictions_make_no_run(store):
    learn = learner()
    learn.callback_fns.append(partial(MLFlowTracker, exp_name="lines", params={}, nb_path=None, uri=store))
    learn.lr_find(num_it=4)
    learn.get_preds()
    assert runs(store)[1] == []
    learn.fit(1)
    assert len(runs(store)[1]) == 1


@pytest.mark.parametrize(
    ("error", "status"),
    [(ValueError("stop"), "FAILED"), (KeyboardInterrupt(), "KILLED")],
    ids=["error", "interrupt"],
)
def test_run_that_breaks_off_says_so(store, notebook, error, status, Spy):
    learn = learner()
    with pytest.raises(type(error)):
        learn.fit(1, callbacks=[tracker(learn, store, notebook), Spy(epoch_end=error)])
    _, (run,) = runs(store)
    assert run.info.status == status


def test_other_processes_log_nothing(store, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    learn = learner()
    learn.fit(1, callbacks=[tracker(learn, store)])
    assert runs(store)[1] == []


def test_missing_notebook_is_refused_before_training(tmp_path):
    learn = learner()
    with pytest.raises(ArgumentError, match="nb_path is .*nowhere"):
        learn.fit(1, callbacks=[tracker(learn, "unused", tmp_path / "nowhere")])


def test_tracker_can_be_pickled_after_a_fit(store):
    learn = learner()
    mlflow_tracker = tracker(learn, store)
    learn.fit(1, callbacks=[mlflow_tracker])
    back = pickle.loads(pickle.dumps(mlflow_tracker))
    assert (back.exp_name, back.params, back.client, back.run) == (
        "lines",
        {"bs": 2, "lr": 0.1},
        None,
        None,
    )
