"""All that a fit has come to, collected from live objects and put back into those of another process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from torch import nn
from torch.utils.data import DataLoader, Dataset, Sampler

from ..basic_data import DataBunch
from ..data_loading import DeviceDataLoader
from ..history import EpochRow, History
from ..loss_curve import LossCurve
from ..modules import get_model
from ..progress import MasterBar, ProgressBar
from ..schedule import Scheduler, SmoothenValue
from .state_return import StateReturn
from .state_table import StateTable, StateWriter, class_name

__all__ = ["collect_state", "module_modes", "put_state_back"]

_OUTSIDE = (DataLoader, Dataset, Sampler, DataBunch, DeviceDataLoader, MasterBar, ProgressBar)
_RECORDS = (History, EpochRow, LossCurve, Scheduler, SmoothenValue)
_MAKES = {f"{cls.__module__}.{cls.__qualname__}": cls for cls in _RECORDS}
_STRICT = ("model", "opt")
_FLAGS = ("_fit_skips", "_skip_said")


def collect_state(
    learn: Any, handler: Any, *, changes: Mapping[str, Any] | None = None, by_reference: bool = True
) -> StateTable:
    """Return the state of a fit.

    That is the model with gradients, modes and what its modules hold; the optimizer; the loss function; the
    state dict and the smoothed loss; every callback and metric, and a data set that is a callback.

    Args:
        learn: the learner.
        handler: the fit's callback handler.
        changes: keys of the state dict that are about to change, with their next values.
        by_reference: False copies whatever validation may change, so that the state can wait in memory.
    """
    curve = handler.smoothener
    if isinstance(curve, LossCurve):
        _ = curve.mov_avg  # fetches what waits on a device in one go
    parts = _parts(learn, handler)
    writer = StateWriter(_outside(learn, handler), (*_OUTSIDE, type(learn)), by_reference=by_reference)
    for name, part in parts.items():
        writer.write(name, part)
    writer.write("state", {**handler.state_dict, **(changes or {})})
    if handler.cb_dl is not None:
        writer.write_inside("joined", handler.cb_dl)
    return writer.table


def put_state_back(table: StateTable, learn: Any, handler: Any) -> list[str]:
    """Put a state into the objects of a fit that has just begun; return what could not be put back.

    Raises:
        MismatchError: model or optimizer are not those the state is of; nothing was changed.
    """
    returned, parts = StateReturn(table, _MAKES, _STRICT), _parts(learn, handler)
    parts["state"] = handler.state_dict
    returned.reserve(parts["model"].parameters())
    dataset = getattr(learn.data.train_dl, "dataset", None)
    if "joined" in table.roots:
        parts["joined"] = dataset
    values = {name: returned.root(name, part) for name, part in parts.items() if name in table.roots}
    returned.apply()
    for name, value in values.get("flags", {}).items():
        setattr(handler, name, value)
    known = {name for name in table.roots if name.startswith(("callback ", "metric "))}
    return [
        *returned.problems,
        *(f"{name} is not there any more" for name in sorted(known - parts.keys())),
        *(f"{name} was not there before" for name in parts if name not in table.roots),
    ]


def module_modes(model: nn.Module) -> list[tuple[nn.Module, bool]]:
    """Return each module with whether it is in training mode."""
    return [(module, module.training) for module in model.modules()]


def _parts(learn: Any, handler: Any) -> dict[str, Any]:
    """The live objects by name, those first that others refer to."""
    named = {
        "model": get_model(learn.model),
        "opt": learn.opt,
        "smoothener": handler.smoothener,
        "loss_func": learn.loss_func,
        "flags": {name: getattr(handler, name) for name in _FLAGS},
    }
    callbacks = [cb for cb in handler.callbacks if cb is not handler.cb_dl and not _is_outside(cb)]
    return {**named, **_numbered("metric", handler.metrics), **_numbered("callback", callbacks)}


def _numbered(kind: str, listeners: list[Any]) -> dict[str, Any]:
    """Listeners by class, and by their place among those of one class."""
    seen: Counter[str] = Counter()
    found = {}
    for cb in listeners:
        name = class_name(cb)
        found[f"{kind} {name} {seen[name]}"] = cb
        seen[name] += 1
    return found


def _is_outside(cb: Any) -> bool:
    """Whether a callback is one of those that ask for all this."""
    return getattr(type(cb), "outside_of_state", False)


def _outside(learn: Any, handler: Any) -> list[object]:
    data = learn.data
    loaders = [getattr(data, name, None) for name in ("train_dl", "valid_dl")]
    keepers = [cb for cb in handler.callbacks if _is_outside(cb)]
    state = handler.state_dict
    found = [learn, data, *loaders, handler, state, state.get("pbar"), *keepers]
    return [obj for obj in found if obj is not None]
