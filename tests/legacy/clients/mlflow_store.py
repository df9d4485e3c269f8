"""What mlflow's server would keep of runs, kept in memory and a folder; import before `mlflow.fastai`."""

from __future__ import annotations

import json
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from types import SimpleNamespace
from typing import Any, NamedTuple

from stand_ins import shell, stand_in, stand_in_if_missing

__all__ = ["RUNS", "Run"]


@dataclass
class Run:
    """A run: its parameters, tags and artifacts, and the values of each metric."""

    params: dict[str, Any] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, list[tuple[int, float]]] = field(default_factory=dict)
    artifacts: Path = field(default_factory=lambda: Path(mkdtemp()))
    status: str = "RUNNING"

    def __post_init__(self):
        self.info = SimpleNamespace(run_id=f"{len(RUNS):032}")


class Metric(NamedTuple):
    """A value of a metric as clients send it."""

    key: str
    value: float
    timestamp: int
    step: int


RUNS: list[Run] = []


def active_run():
    """The run that is open, or None."""
    return next((run for run in RUNS if run.status == "RUNNING"), None)


def start_run(tags=None):
    """Open a run and return what closes it."""
    RUNS.append(Run(tags=dict(tags or {})))
    return _closing(RUNS[-1])


class _closing:
    def __init__(self, run):
        self.run, self.info = run, run.info

    def __enter__(self):
        return self.run

    def __exit__(self, *error):
        end_run()


def end_run(status="FINISHED"):
    """Close the open run."""
    active_run().status = status


def log_artifact(local_path):
    """Keep a copy of a file."""
    shutil.copy(local_path, active_run().artifacts)


class Client:
    """The client of the server, as far as it is called."""

    def log_batch(self, run_id, metrics):
        """Keep the values of metrics."""
        run = next(run for run in RUNS if run.info.run_id == run_id)
        for metric in metrics:
            run.metrics.setdefault(metric.key, []).append((metric.step, metric.value))


class Model:
    """What describes a saved model; `log` saves it below the artifacts of the open run."""

    def __init__(self):
        self.flavors = {}

    def add_flavor(self, name, **what):
        """Note what a library needs to read the model."""
        self.flavors[name] = what

    def save(self, path):
        """Write the description."""
        Path(path).write_text(json.dumps(self.flavors), encoding="utf-8")

    @classmethod
    def log(cls, artifact_path, flavor, registered_model_name=None, await_registration_for=None, **kwargs):
        """Let a library save a model, and describe it."""
        flavor.save_model(path=str(active_run().artifacts / artifact_path), mlflow_model=cls(), **kwargs)


def _dump(data, stream, **style):
    json.dump(data, stream)


def _wild_card_env(additional_conda_deps, additional_pip_deps, additional_conda_channels):
    return {"name": "mlflow-env", "dependencies": additional_conda_deps}


@contextmanager
def _unused(*args, **kwargs):
    raise NotImplementedError("this part of mlflow has no stand-in")


def _install():
    logs = {
        "log_param": lambda key, value: active_run().params.update({key: value}),
        "log_params": lambda params: active_run().params.update(params),
        "set_tag": lambda key, value: active_run().tags.update({key: value}),
        "log_artifact": log_artifact,
    }
    shell("mlflow", active_run=active_run, start_run=start_run, end_run=end_run, **logs)
    status = SimpleNamespace(FINISHED=1, FAILED=2, to_string={1: "FINISHED", 2: "FAILED"}.get)
    stand_in("mlflow.pyfunc", add_to_model=lambda model, **what: model.add_flavor("python_function", **what))
    stand_in("mlflow.exceptions", MlflowException=type("MlflowException", (Exception,), {}))
    stand_in("mlflow.entities", Metric=Metric)
    stand_in("mlflow.entities.run_status", RunStatus=status)
    stand_in("mlflow.models", Model=Model, ModelSignature=None, ModelInputExample=None)
    stand_in("mlflow.models.utils", _save_example=_unused)
    stand_in("mlflow.models.model", MLMODEL_FILE_NAME="MLmodel")
    stand_in("mlflow.tracking", MlflowClient=Client)
    stand_in("mlflow.tracking.client", MlflowClient=Client)
    stand_in("mlflow.tracking.artifact_utils", _download_artifact_from_uri=lambda artifact_uri: artifact_uri)
    stand_in("mlflow.tracking._model_registry", DEFAULT_AWAIT_MAX_SLEEP_SECONDS=0)
    stand_in_if_missing("yaml", safe_dump=_dump, safe_load=json.load)


_install()
# Below `mlflow.utils`, which is mlflow's own.
stand_in("mlflow.utils.validation", MAX_METRICS_PER_BATCH=1000)
stand_in("mlflow.utils.environment", _mlflow_conda_env=_wild_card_env)
stand_in(
    "mlflow.utils.model_utils",
    _get_flavor_configuration=lambda model_path, flavor_name: json.loads(
        Path(model_path, "MLmodel").read_text(encoding="utf-8")
    )[flavor_name],
)
