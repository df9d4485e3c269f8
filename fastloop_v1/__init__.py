"""The training loop of fastai v1 on today's Python and PyTorch.

The names in `__all__` are read from their homes when they are used, so that importing the package loads
nothing else. Every other name is imported from the module it stands in, as in v1.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .basic_data import DataBunch, DatasetType
    from .basic_train import Learner, fit, get_preds, load_learner, validate
    from .callback import AverageMetric, Callback, CallbackHandler
    from .learner_callback import LearnerCallback
    from .metrics import accuracy, error_rate
    from .migrate import load_ipython_extension, unload_ipython_extension
    from .optim import OptimWrapper
    from .recorder import Recorder
    from .schedule import Scheduler, SmoothenValue

__all__ = [
    "AverageMetric",
    "Callback",
    "CallbackHandler",
    "DataBunch",
    "DatasetType",
    "Learner",
    "LearnerCallback",
    "OptimWrapper",
    "Recorder",
    "Scheduler",
    "SmoothenValue",
    "accuracy",
    "error_rate",
    "fit",
    "get_preds",
    "load_ipython_extension",
    "load_learner",
    "unload_ipython_extension",
    "validate",
]
__version__ = "0.1.0"

_HOMES = {
    "schedule": ("Scheduler", "SmoothenValue"),
    "optim": ("OptimWrapper",),
    "callback": ("AverageMetric", "Callback", "CallbackHandler"),
    "learner_callback": ("LearnerCallback",),
    "basic_data": ("DataBunch", "DatasetType"),
    "metrics": ("accuracy", "error_rate"),
    "migrate": ("load_ipython_extension", "unload_ipython_extension"),
    "recorder": ("Recorder",),
    "basic_train": ("Learner", "fit", "get_preds", "load_learner", "validate"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
