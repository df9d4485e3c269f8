"""A callback that logs training to MLflow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from time import time
from typing import TYPE_CHECKING, Any

from ..errors import ArgumentError
from ..learner_callback import LearnerCallback
from ..optional import optional_import
from ..processes import rank_distrib
from .lasting_epoch import is_lasting

if TYPE_CHECKING:
    from ..basic_train import Learner

__all__ = ["MLFlowTracker"]


class MLFlowTracker(LearnerCallback):
    """Logs parameters, the losses and metrics of each epoch, and a notebook, as one MLflow run a fit.

    Of several processes the first one logs. The run begins with the first training batch, so that `lr_find`
    and `Learner.validate` make none; its status is `FAILED` after an error and `KILLED` after an interrupt.

    Args:
        learn: the learner.
        exp_name: name of the experiment, which is made if it is not there.
        params: parameters to log, by their names.
        nb_path: file that is logged in the end, for example the notebook; None or empty for none.
        uri: where MLflow keeps its runs: a server or a local store.
    """

    exclude = (*LearnerCallback.exclude, "client", "run", "_metrics_names")

    def __init__(
        self,
        learn: Learner,
        exp_name: str,
        params: Mapping[str, Any],
        nb_path: Any,
        uri: str = "http://localhost:5000",
    ) -> None:
        super().__init__(learn)
        self.exp_name, self.params, self.nb_path, self.uri = exp_name, params, nb_path, uri
        self.client: Any = None
        self.run: str | None = None

    def on_train_begin(self, metrics_names: list[str], **kwargs: Any) -> None:
        """Find or make the experiment.

        Raises:
            ArgumentError: there is no file `nb_path`.
            MissingExtraError: mlflow is not installed.
        """
        if self.run is not None or rank_distrib() != 0:
            return  # a validation inside of a fit, or not the process that logs
        if self.nb_path and not Path(self.nb_path).is_file():
            raise ArgumentError(f"nb_path is {str(self.nb_path)!r}, which is no file; give None to log none.")
        self.client = optional_import("mlflow", "mlflow").MlflowClient(tracking_uri=self.uri)
        experiment = self.client.get_experiment_by_name(self.exp_name)
        self.exp_id = experiment.experiment_id if experiment else self.client.create_experiment(self.exp_name)
        # The list grows when other callbacks announce metrics.
        self._metrics_names, self._began = metrics_names, time()

    def on_batch_end(self, train: bool, **kwargs: Any) -> None:
        """Start the run with the first batch that trains for good."""
        wanted = self.client is not None and self.run is None and train
        if wanted and is_lasting(self.learn, {}):
            made = self.client.create_run(self.exp_id, start_time=int(self._began * 1000))
            self.run = made.info.run_id
            for name, value in self.params.items():
                self.client.log_param(self.run, name, value)

    def on_epoch_end(self, epoch: int, **kwargs: Any) -> None:
        """Log the losses and metrics that there are."""
        if self.run is None:
            return
        names = ["train_loss", "valid_loss", *self._metrics_names]
        values = [kwargs.get("smooth_loss"), *(kwargs.get("last_metrics") or ())]
        for name, value in zip(names, values, strict=False):
            if value is not None:
                self.client.log_metric(self.run, name, float(value), step=epoch)

    def on_train_end(self, exception: Any = False, **kwargs: Any) -> None:
        """Log the notebook and end the run."""
        if self.run is None:
            return
        run, self.run = self.run, None
        try:
            if self.nb_path:
                self.client.log_artifact(run, str(self.nb_path))
        finally:
            self.client.set_terminated(run, status=_status(exception))

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the learner and the connection."""
        return super().__getstate__() | {"client": None, "run": None}


def _status(exception: Any) -> str:
    if not exception:
        return "FINISHED"
    return "FAILED" if isinstance(exception, Exception) else "KILLED"
