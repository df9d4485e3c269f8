"""v2's names on loaders: `LoaderView` is one loader, `Loaders` those of a `DataBunch`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from weakref import WeakValueDictionary

from ..basic_data import DatasetType

__all__ = ["LoaderView", "Loaders", "bare_loader", "loader_view"]


_VIEWS: WeakValueDictionary[int, LoaderView] = WeakValueDictionary()  # by the id of the loader


class LoaderView:
    """A loader that has v2's `bs`, `n` and `one_batch` beside its own names; in all else it is that loader.

    Args:
        loader: the loader; what is set on the view is set on it.
    """

    loader: Any

    def __init__(self, loader: Any) -> None:
        vars(self)["loader"] = loader

    @property
    def bs(self) -> Any:
        """Samples in a batch."""
        return self.loader.batch_size

    @property
    def n(self) -> int | None:
        """Samples in the data set; None where it does not know."""
        try:
            return len(self.loader.dataset)
        except TypeError:
            return None

    def one_batch(self) -> tuple[Any, ...]:
        """The first batch, loaded in this process."""
        loader = self.loader
        alone = loader.new(num_workers=0) if getattr(loader, "num_workers", 0) else loader
        return tuple(next(iter(alone)))

    @property  # type: ignore[misc]  # of `object` it can be written too
    def __class__(self) -> type:
        # Who asks whether this is a DeviceDataLoader is told what the loader is.
        return type(self.loader)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.loader)

    def __len__(self) -> int:
        return len(self.loader)

    def __eq__(self, other: object) -> bool:
        return bool(self.loader == (other.loader if type(other) is LoaderView else other))

    def __hash__(self) -> int:
        return hash(self.loader)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "loader":
            raise AttributeError(name)
        return getattr(self.loader, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.loader, name, value)

    def __repr__(self) -> str:
        return repr(self.loader)

    def __reduce__(self) -> Any:
        return LoaderView, (self.loader,)


def loader_view(loader: Any) -> Any:
    """A loader with v2's names, the same view each time as long as it is in use; None stays None."""
    if loader is None or type(loader) is LoaderView:
        return loader
    view = _VIEWS.get(id(loader))
    if view is None:
        view = _VIEWS[id(loader)] = LoaderView(loader)
    return view


def bare_loader(loader: Any) -> Any:
    """The loader that a view stands for; anything else as it is."""
    return loader.loader if type(loader) is LoaderView else loader


class Loaders:
    """A `DataBunch` under v2's names: `train`, `valid`, and loaders by number; the rest is the bunch's."""

    def __init__(self, data: Any) -> None:
        self.data = data

    @property
    def train(self) -> Any:
        """The training loader."""
        return loader_view(self.data.train_dl)

    @property
    def valid(self) -> Any:
        """The validation loader."""
        return loader_view(self.data.valid_dl)

    @property
    def loaders(self) -> list[Any]:
        """Training, validation and, if there is one, test loader."""
        test = loader_view(getattr(self.data, "test_dl", None))
        return [self.train, self.valid, *([] if test is None else [test])]

    @property
    def bs(self) -> Any:
        """Samples in a training batch."""
        return self.train.bs

    @property
    def n(self) -> int | None:
        """Samples in the training data."""
        return self.train.n  # type: ignore[no-any-return]

    def one_batch(self) -> tuple[Any, ...]:
        """The first training batch, loaded in this process."""
        return self.train.one_batch()  # type: ignore[no-any-return]

    def __getitem__(self, index: int) -> Any:
        return self.loaders[index]

    def __len__(self) -> int:
        return len(self.loaders)

    def unshuffled(self, index: int) -> Any:
        """A loader whose order is that of its data set, and that leaves no sample out."""
        return loader_view(self.data.dl(DatasetType.Fix)) if index == 0 else self[index]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "data":
            raise AttributeError(name)
        return getattr(self.data, name)
