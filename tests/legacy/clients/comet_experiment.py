"""What comet's server would keep of an experiment; starts comet's import hook as `import comet_ml` does."""

from __future__ import annotations

from stand_ins import shell, stand_in, stand_in_if_missing

__all__ = ["Experiment"]


class Experiment:
    """An experiment: its epochs and metrics, and the model."""

    auto_metric_logging = True
    disabled_monkey_patching = False
    curr_step = None
    current = None

    def __init__(self):
        self._storage = {"torch": {"model": None}}
        self.epochs, self.metrics = [], []
        Experiment.current = self

    def log_current_epoch(self, epoch):
        """Keep the number of an epoch."""
        self.epochs.append(epoch)

    def _log_metric(self, name, value, step=None, framework=None):
        self.metrics.append((name, float(value), framework))


def _stand_in():
    shell("comet_ml")
    stand_in_if_missing("six", PY2=False)
    stand_in_if_missing("imp")
    stand_in_if_missing("requests")
    stand_in("comet_ml.utils", get_user=lambda: "somebody")
    stand_in(
        "comet_ml.config",
        get_config=lambda name=None: None,
        get_global_experiment=lambda: Experiment.current,
    )


def _hook_into_imports():
    from comet_ml.fastai_logger import patch  # noqa: PLC0415  (the stand-ins have to be there)
    from comet_ml.monkey_patching import CometModuleFinder  # noqa: PLC0415

    finder = CometModuleFinder()
    patch(finder)
    finder.start()


_stand_in()
_hook_into_imports()
