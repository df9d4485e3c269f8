"""What a v2 callback reads on its learner and v1's learner calls something else."""

from __future__ import annotations

import weakref
from typing import Any

from ..basic_data import DatasetType
from ..defaults import defaults
from .recorder_view import Recorder

__all__ = ["LearnerView", "Loaders"]


class Loaders:
    """A `DataBunch` under v2's names: `train`, `valid`, and loaders by number; the rest is the bunch's."""

    def __init__(self, data: Any) -> None:
        self.data = data

    @property
    def train(self) -> Any:
        """The training loader."""
        return self.data.train_dl

    @property
    def valid(self) -> Any:
        """The validation loader."""
        return self.data.valid_dl

    @property
    def loaders(self) -> list[Any]:
        """Training, validation and, if there is one, test loader."""
        found = [self.data.train_dl, self.data.valid_dl, getattr(self.data, "test_dl", None)]
        return [dl for at, dl in enumerate(found) if at < 2 or dl is not None]

    def __getitem__(self, index: int) -> Any:
        return self.loaders[index]

    def __len__(self) -> int:
        return len(self.loaders)

    def unshuffled(self, index: int) -> Any:
        """A loader whose order is that of its data set, and that leaves no sample out."""
        return self.data.dl(DatasetType.Fix) if index == 0 else self[index]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "data":
            raise AttributeError(name)
        return getattr(self.data, name)


class LearnerView:
    """Holds and computes attributes of fastai v2's learner that are no plain attributes of ours.

    On a callback `recorder` and `dl`, the loader in use, are these; on our learner they are v1's recorder
    and v1's method.

    Args:
        learn: the learner; not kept alive by this.
    """

    create_mbar = True
    logger = staticmethod(print)
    moms = (0.95, 0.85, 0.95)

    def __init__(self, learn: Any) -> None:
        self._learn: Any = weakref.ref(learn)
        self.recorder: Recorder = Recorder()
        self.dl: Any = None
        self.now: Any = None  # what the bridge keeps for the moment

    @property
    def dls(self) -> Loaders:
        """The loaders."""
        return Loaders(self._learn().data)

    @property
    def lr(self) -> Any:
        """Learning rate of the last group; v1's default before there is an optimizer."""
        opt = getattr(self._learn(), "opt", None)
        return getattr(defaults.lr, "stop", defaults.lr) if opt is None else opt.lr

    @property
    def x(self) -> Any:
        """The input, or the tuple of them."""
        return _alone(self._learn().xb)

    @property
    def y(self) -> Any:
        """The target, or the tuple of them."""
        return _alone(self._learn().yb)


def _alone(items: Any) -> Any:
    return items[0] if len(items) == 1 else items
