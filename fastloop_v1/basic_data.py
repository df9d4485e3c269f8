"""`DataBunch`: training, validation and test loaders kept together with a device and a path."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sized
from enum import Enum
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, Dataset, TensorDataset

from .checkpoint import load_state, save_state, try_save
from .data_loading import DeviceDataLoader
from .defaults import DefaultDevice, defaults
from .errors import ArgumentError, FastloopWarning, NotOfferedError
from .names import with_v1_signature
from .nested import data_collate, to_detach
from .plots import plot_images
from .sequences import ifnone, listify

__all__ = ["DataBunch", "DatasetType", "DeviceDataLoader", "load_data"]

DatasetType = Enum("DatasetType", "Train Valid Test Single Fix")
"""Which of a DataBunch's loaders: training, validation, test, one item, training unshuffled."""


class DataBunch:
    """Loaders for training and validation, batches on one device.

    Attributes it does not have are looked up on the training loader, then on the training data set.

    Args:
        train_dl: training loader: a torch DataLoader, a DeviceDataLoader, or any sized iterable of `(x, y)`.
        valid_dl: validation loader, or None.
        fix_dl: training data unshuffled and without transforms; made from `train_dl` if None.
        test_dl: loader of test data, or None.
        device: where batches go; `defaults.device` if None.
        dl_tfms: functions applied to every batch.
        path: folder that models and histories are written below.
        collate_fn: makes a batch of samples where a loader has torch's own rule.
        no_check: True leaves out the look at the first sizes.
        c: number of classes or outputs, kept as `data.c`; asked of the training data set if None.
    """

    @with_v1_signature
    def __init__(
        self,
        train_dl: Any,
        valid_dl: Any,
        fix_dl: Any = None,
        test_dl: Any = None,
        device: Any = None,
        dl_tfms: Any = None,
        path: Any = ".",
        collate_fn: Callable[..., Any] = data_collate,
        no_check: bool = False,
        *,
        c: int | None = None,
    ) -> None:
        self.dl_tfms, self.collate_fn, self.path = listify(dl_tfms), collate_fn, Path(path)
        self.device = DefaultDevice.resolve(device)
        self.train_dl: Any = self._wrapped(train_dl)
        self.valid_dl: Any = self._wrapped(valid_dl)
        self.fix_dl: Any = self._wrapped(fix_dl) if fix_dl is not None else self._fixed()
        self.test_dl: Any = self._wrapped(test_dl)
        self.single_dl: Any = self._single()
        if c is not None:
            self.c = c
        if not no_check:
            self.sanity_check()

    def _wrapped(self, dl: Any) -> Any:
        if dl is None or isinstance(dl, DeviceDataLoader):
            return dl
        return DeviceDataLoader(dl, self.device, self.dl_tfms, self.collate_fn)

    def _fixed(self) -> Any:
        """The training data in fixed order; the training loader itself where torch cannot make another."""
        if not isinstance(self.train_dl.dl, DataLoader):
            return self.train_dl
        changes: dict[str, Any] = {} if self.train_dl.dl.batch_size is None else {"drop_last": False}
        return self.train_dl.new(shuffle=False, **changes)

    def _single(self) -> Any:
        """Validation data one item a batch (training data if there is none); None without a data set."""
        dataset = getattr(self.train_dl if self.empty_val else self.valid_dl, "dataset", None)
        if dataset is None:
            return None
        return self._wrapped(DataLoader(dataset, batch_size=1, num_workers=0))

    def __repr__(self) -> str:
        named = zip(("train", "valid", "test"), self._three(), strict=True)
        counts = [(name, _batches(dl)) for name, dl in named if dl is not None]
        sizes = [f"{name}: {ifnone(count, '?')} batches" for name, count in counts if count != 0]
        return f"{type(self).__name__}({'; '.join(sizes)}; path={str(self.path)!r}; device={self.device})"

    def _three(self) -> tuple[Any, Any, Any]:
        return self.train_dl, None if self.empty_val else self.valid_dl, self.test_dl

    @staticmethod
    def _init_ds(train_ds: Any, valid_ds: Any, test_ds: Any = None) -> list[Any]:
        """Training, validation, fixed-order training and (if there) test data set."""
        fix_ds = valid_ds.new(train_ds.x, train_ds.y) if hasattr(valid_ds, "new") else train_ds
        return [ds for ds in (train_ds, valid_ds, fix_ds, test_ds) if ds is not None]

    @classmethod
    def create(
        cls,
        train_ds: Any,
        valid_ds: Any,
        test_ds: Any = None,
        path: Any = ".",
        bs: int = 64,
        val_bs: int | None = None,
        num_workers: int = defaults.cpus,
        dl_tfms: Any = None,
        device: Any = None,
        collate_fn: Callable[..., Any] = data_collate,
        no_check: bool = False,
        **dl_kwargs: Any,
    ) -> DataBunch:
        """Return loaders over data sets; training is shuffled and drops an incomplete last batch.

        Args:
            train_ds: training data: anything with a length and `(x, y)` items.
            valid_ds: validation data, or None.
            test_ds: test data, or None.
            path: folder that models and histories are written below.
            bs: samples in a training batch, at least 1.
            val_bs: samples in the other batches; `bs` if None.
            num_workers: worker processes of each loader; 0 loads in this process.
            dl_tfms: functions applied to every batch.
            device: where batches go; `defaults.device` if None.
            collate_fn: makes a batch of samples.
            no_check: True leaves out the look at the first sizes.
            dl_kwargs: `c`, and arguments of torch's DataLoader.

        Raises:
            ArgumentError: `bs` or `val_bs` is not a whole number of at least 1.
        """
        sizes = [bs, *[ifnone(val_bs, bs)] * 3]
        for name, size in zip(("bs", "val_bs"), sizes[:2], strict=True):
            if not isinstance(size, int) or isinstance(size, bool) or size < 1:
                raise ArgumentError(f"{name} is {size!r}; it must be a whole number of at least 1.")
        options: dict[str, Any] = {"c": dl_kwargs.pop("c", None)}
        dl_kwargs.setdefault("pin_memory", DefaultDevice.resolve(device).type == "cuda")
        datasets = cls._init_ds(train_ds, valid_ds, test_ds)
        dls: list[Any] = [
            DataLoader(ds, size, shuffle=train, drop_last=train, num_workers=num_workers, **dl_kwargs)
            for ds, size, train in zip(datasets, sizes, (True, False, False, False), strict=False)
        ]
        names = ["train_dl", *([] if valid_ds is None else ["valid_dl"]), "fix_dl", "test_dl"]
        places = {"valid_dl": None, **dict(zip(names, dls, strict=False))}
        options.update(path=path, device=device, dl_tfms=dl_tfms, collate_fn=collate_fn, no_check=no_check)
        return cls(**places, **options)

    def __getattr__(self, k: str) -> Any:
        if k.startswith("__") or k in ("train_dl", "valid_dl", "test_dl"):
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {k!r}")
        return getattr(self.train_dl, k)

    def __setstate__(self, data: dict[str, Any]) -> None:
        self.__dict__.update(data)

    def dl(self, ds_type: Any = DatasetType.Valid) -> Any:
        """The loader of this kind, None if there is none."""
        if ds_type == DatasetType.Train:
            return self.train_dl
        if ds_type == DatasetType.Test:
            return self.test_dl
        if ds_type == DatasetType.Single:
            return self.single_dl
        if ds_type == DatasetType.Fix:
            return self.fix_dl
        return self.valid_dl

    @property
    def dls(self) -> list[Any]:
        """All loaders there are."""
        found = [
            self.train_dl,
            self.fix_dl,
            self.single_dl,
            None if self.empty_val else self.valid_dl,
            self.test_dl,
        ]
        return [dl for dl in found if dl is not None]

    def add_tfm(self, tfm: Callable[[Any], Any]) -> None:
        """Apply one more function to the batches of every loader."""
        for dl in self.dls:
            dl.add_tfm(tfm)

    def remove_tfm(self, tfm: Callable[[Any], Any]) -> None:
        """Take a function away from every loader."""
        for dl in self.dls:
            dl.remove_tfm(tfm)

    def save(self, file: Any = "data_save.pkl") -> None:
        """Write the data sets to a file (below `path`, if a name) that `load_data` reads.

        Raises:
            NotOfferedError: a data set is not a TensorDataset.
        """
        state: dict[str, Any] = {}
        for name in ("train", "valid", "test"):
            dataset = getattr(getattr(self, f"{name}_dl"), "dataset", None)
            if dataset is not None and not isinstance(dataset, TensorDataset):
                raise NotOfferedError(
                    f"The {name} data is a {type(dataset).__name__}; only a TensorDataset can be saved. "
                    f"Save its source and make the data set again."
                )
            state[name] = None if dataset is None else list(dataset.tensors)
        save_state({**state, "c": self.__dict__.get("c")}, _below(self.path, file))

    def export(self, file: Any = "export.pkl") -> None:
        """Write what the validation data set says of itself (`get_state`), without the data."""
        describe = getattr(self.valid_ds, "get_state", dict)
        try_save(describe(), self.path, file)

    def add_test(self, items: Any, label: Any = None, tfms: Any = None, tfm_y: Any = None) -> None:
        """Take test data: a data set, or inputs as a tensor, array or list, all with one `label` (0 if None).

        Raises:
            ArgumentError: transforms are given; they belong into the data set.
        """
        if tfms is not None or tfm_y is not None:
            raise ArgumentError(
                f"tfms is {tfms!r}, tfm_y is {tfm_y!r}; give a data set that transforms its items."
            )
        if not isinstance(items, Dataset):
            inputs = torch.as_tensor(items)
            items = TensorDataset(inputs, torch.as_tensor(ifnone(label, 0)).expand(len(inputs)))
        like = self.train_dl if self.empty_val else self.valid_dl
        bs = getattr(like, "batch_size", None) or 64
        self.test_dl = self._wrapped(DataLoader(items, bs, num_workers=like.num_workers))

    def one_batch(
        self,
        ds_type: Any = DatasetType.Train,
        detach: bool = True,
        denorm: bool = True,
        cpu: bool = True,
    ) -> tuple[Any, Any]:
        """Return the next batch `(x, y)` of a loader, loaded in this process.

        Args:
            ds_type: which loader.
            detach: whether to detach the batch.
            denorm: whether to undo the normalization, where the data has a `norm` and a `denorm`.
            cpu: with `detach`, whether to bring the batch to the CPU.
        """
        dl = self.dl(ds_type)
        x, y = next(iter(dl.new(num_workers=0) if dl.num_workers else dl))
        if detach:
            x, y = to_detach(x, cpu=cpu), to_detach(y, cpu=cpu)
        if denorm and getattr(self, "norm", False):
            x = self.denorm(x)
        return x, y

    def one_item(
        self,
        item: Any,
        detach: bool = False,
        denorm: bool = False,
        cpu: bool = False,
    ) -> tuple[Any, Any]:
        """Return one input as a batch of one, through the data set where it can take an item."""
        dataset = self.single_ds
        if hasattr(dataset, "set_item"):
            with dataset.set_item(item):
                return self.one_batch(DatasetType.Single, detach=detach, denorm=denorm, cpu=cpu)
        dl = ifnone(self.single_dl, self.train_dl)
        x, y = dl.proc_batch([torch.as_tensor(item)[None], torch.zeros(1, dtype=torch.int64)])
        return (to_detach(x, cpu=cpu), to_detach(y, cpu=cpu)) if detach else (x, y)

    def show_batch(
        self,
        rows: int = 5,
        ds_type: Any = DatasetType.Train,
        reverse: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Show the first `rows * rows` items of a batch, through the data set or as images with targets.

        Raises:
            NotOfferedError: the data set cannot show items and the inputs are no images.
        """
        x, y = self.one_batch(ds_type)
        if reverse:
            x, y = x.flip(0), y.flip(0)
        x, y, ds = x[: rows * rows], y[: rows * rows], self.train_ds
        if hasattr(getattr(ds, "x", None), "show_xys"):
            return ds.x.show_xys([ds.x.reconstruct(o) for o in x], [ds.y.reconstruct(o) for o in y], **kwargs)
        if x.ndim != 4 or x.shape[1] not in (1, 3):
            raise NotOfferedError(
                f"Inputs of shape {tuple(x.shape)} are no images (batch, 1 or 3, height, width)."
            )
        classes = getattr(self, "classes", None)
        return plot_images(x, [str(classes[int(o)] if classes else o.tolist()) for o in y], **kwargs)

    def _grab_dataset(self, dl: Any) -> Any:
        dataset = dl.dl.dataset
        while hasattr(dataset, "dataset"):
            dataset = dataset.dataset
        return dataset

    @property
    def train_ds(self) -> Any:
        """The training data set, out of any wrapper."""
        return self._grab_dataset(self.train_dl)

    @property
    def fix_ds(self) -> Any:
        """The training data set in fixed order."""
        return self._grab_dataset(self.fix_dl)

    @property
    def valid_ds(self) -> Any:
        """The validation data set."""
        return self._grab_dataset(self.valid_dl)

    @property
    def single_ds(self) -> Any:
        """The data set that single items go through, None where the loaders have none."""
        return None if self.single_dl is None else self._grab_dataset(self.single_dl)

    @property
    def test_ds(self) -> Any:
        """The test data set, None if there is none."""
        return None if self.test_dl is None else self._grab_dataset(self.test_dl)

    @property
    def loss_func(self) -> Any:
        """The loss the training targets ask for, negative log likelihood if they do not say."""
        return getattr(getattr(self.train_ds, "y", None), "loss_func", F.nll_loss)

    @property
    def empty_val(self) -> bool:
        """Whether there is nothing to validate on."""
        valid_dl = self.__dict__.get("valid_dl")
        if valid_dl is None:
            return True
        return _is_empty(getattr(valid_dl, "dataset", valid_dl))

    @property
    def is_empty(self) -> bool:
        """Whether no loader has an item."""
        found = [dl for dl in (self.train_dl, self.valid_dl, self.test_dl) if dl is not None]
        return all(_is_empty(getattr(dl, "dataset", dl)) for dl in found)

    @property
    def batch_size(self) -> Any:
        """Samples in a training batch; assigning sets it for training and validation."""
        return self.train_dl.batch_size

    @batch_size.setter
    def batch_size(self, v: int) -> None:
        self.train_dl.batch_size = v
        if self.valid_dl is not None:
            self.valid_dl.batch_size = v

    def sanity_check(self) -> None:
        """Warn if training would not see a single batch."""
        dataset = getattr(self.train_dl, "dataset", None)
        if isinstance(dataset, Sized) and _is_empty(self.train_dl):
            warnings.warn(
                f"Your training dataloader is empty, you have only {len(dataset)} items in your "
                f"training set. Your batch size is {self.train_dl.batch_size}, you should lower it.",
                FastloopWarning,
                stacklevel=3,
            )


def _is_empty(sized: Any) -> bool:
    """Whether it says that its length is 0; what has no length may have items."""
    items = getattr(sized, "items", None)
    if isinstance(items, Sized) and len(items) == 0:
        return True
    return _batches(sized) == 0


def _batches(sized: Any) -> int | None:
    """Its length, None if it does not know it."""
    try:
        return len(sized)
    except TypeError:
        return None


def _below(path: Path, file: Any) -> Any:
    return path / file if isinstance(file, (str, Path)) else file


def load_data(
    path: Any,
    file: Any = "data_save.pkl",
    bs: int = 64,
    val_bs: int | None = None,
    num_workers: int = defaults.cpus,
    dl_tfms: Any = None,
    device: Any = None,
    collate_fn: Callable[..., Any] = data_collate,
    no_check: bool = False,
    **kwargs: Any,
) -> DataBunch:
    """Return a DataBunch over the data sets that `DataBunch.save` wrote; arguments as in `DataBunch.create`.

    Raises:
        RefusedFileError: the file holds more than tensors and plain values, as v1's own files do.
    """
    state = load_state(_below(Path(path), file))
    sets: dict[str, Any] = {
        f"{name}_ds": TensorDataset(*state[name]) if state[name] else None
        for name in ("train", "valid", "test")
    }
    kwargs.setdefault("c", state["c"])
    kwargs.update(path=path, bs=bs, val_bs=val_bs, num_workers=num_workers)
    kwargs.update(dl_tfms=dl_tfms, device=device, collate_fn=collate_fn, no_check=no_check)
    return DataBunch.create(**sets, **kwargs)
