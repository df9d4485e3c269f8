"""`DeviceDataLoader`: any loader, its batches moved to a device and passed through batch transforms."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch.utils.data import DataLoader, RandomSampler, SequentialSampler, default_collate

from .batch_fetching import batches
from .defaults import DefaultDevice, defaults
from .errors import add_note
from .nested import data_collate, to_device
from .sequences import listify

__all__ = ["DeviceDataLoader", "loader_options"]

_DEVICE: Any = DefaultDevice()
_KEPT = (
    "num_workers",
    "collate_fn",
    "pin_memory",
    "timeout",
    "worker_init_fn",
    "multiprocessing_context",
    "generator",
)


def loader_options(dl: Any) -> dict[str, Any]:
    """The keyword arguments that make another torch loader like this one over the same data set."""
    options = {name: getattr(dl, name) for name in _KEPT}
    if dl.num_workers > 0:
        options.update(prefetch_factor=dl.prefetch_factor, persistent_workers=dl.persistent_workers)
    if dl.batch_size is None and dl.batch_sampler is not None:
        return {**options, "batch_sampler": dl.batch_sampler}
    options.update(batch_size=dl.batch_size, drop_last=dl.drop_last)
    if type(dl.sampler) is SequentialSampler:
        return {**options, "shuffle": False}
    if _is_plain_shuffle(dl):
        return {**options, "shuffle": True}
    # An iterable data set has a sampler of torch's own that must not be handed in again.
    iterable = isinstance(dl.dataset, torch.utils.data.IterableDataset)
    return options if iterable else {**options, "sampler": dl.sampler}


def _is_plain_shuffle(dl: Any) -> bool:
    sampler = dl.sampler
    return (
        type(sampler) is RandomSampler
        and not sampler.replacement
        and len(sampler) == len(dl.dataset)
        and sampler.generator in (None, dl.generator)
    )


def _merged(options: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Options with changes, dropping what torch does not accept together with them."""
    merged = {**options, **changes}
    if "batch_sampler" in changes:
        for name in ("batch_size", "shuffle", "sampler", "drop_last"):
            merged.pop(name, None)
    elif "batch_size" in changes or "sampler" in changes:
        merged.pop("batch_sampler", None)
    if changes.get("sampler") is not None:
        merged.pop("shuffle", None)
    elif "shuffle" in changes:
        merged.pop("sampler", None)
        if "batch_sampler" in merged:
            merged.pop("shuffle")
    if "batch_sampler" in merged:
        merged.pop("drop_last", None)
    if not merged.get("num_workers"):
        for name in ("prefetch_factor", "persistent_workers", "multiprocessing_context"):
            merged.pop(name, None)
        merged["timeout"] = 0
    return merged


@dataclass
class DeviceDataLoader:
    """A loader whose batches come on a device, with batch transforms applied.

    Attributes it does not have are looked up on the loader, then on its data set.

    Args:
        dl: a torch DataLoader, or anything that yields batches `(x, y)`.
        device: where batches go.
        tfms: functions from a batch `(x, y)` to a batch, applied in order.
        collate_fn: makes a batch of samples; takes the place of torch's own rule only, never of a
            loader's own function.
    """

    dl: Any
    device: Any
    tfms: Any = None
    collate_fn: Callable[..., Any] = data_collate

    def __post_init__(self) -> None:
        """Take the device of the moment if none is named, and set the rule for making batches."""
        self.device = DefaultDevice.resolve(self.device)
        self.tfms: list[Any] = listify(self.tfms)
        if getattr(self.dl, "collate_fn", None) is default_collate:
            self.dl.collate_fn = self.collate_fn

    def __len__(self) -> int:
        return len(self.dl)

    def __getattr__(self, k: str) -> Any:
        if k.startswith("__") or k == "dl":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {k!r}")
        # v1: a loader answers for its data set.
        return getattr(self.dl, k) if hasattr(self.dl, k) else getattr(self.dl.dataset, k)

    def __setstate__(self, data: dict[str, Any]) -> None:
        self.__dict__.update(data)

    @property
    def init_kwargs(self) -> dict[str, Any]:
        """The arguments that would make the inner loader again."""
        return loader_options(self.dl)

    @property
    def batch_size(self) -> Any:
        """Samples in a batch; assigning makes a new inner loader."""
        return self.dl.batch_size

    @batch_size.setter
    def batch_size(self, v: int) -> None:
        self.dl = self._like(batch_size=v)
        if hasattr(self.dl.dataset, "bs"):
            self.dl.dataset.bs = v

    @property
    def num_workers(self) -> int:
        """Worker processes; assigning makes a new inner loader."""
        return int(getattr(self.dl, "num_workers", 0))

    @num_workers.setter
    def num_workers(self, v: int) -> None:
        if v != self.num_workers:
            self.dl = self._like(num_workers=v)

    def add_tfm(self, tfm: Callable[[Any], Any]) -> None:
        """Apply one more function to batches, after the others."""
        self.tfms.append(tfm)

    def remove_tfm(self, tfm: Callable[[Any], Any]) -> None:
        """Do not apply this function any more; one that is not there is let be."""
        self.tfms = [other for other in self.tfms if other is not tfm]

    def new(self, **kwargs: Any) -> DeviceDataLoader:
        """Return a loader over the same data with some of torch's DataLoader arguments changed."""
        return type(self)(self._like(**kwargs), self.device, list(self.tfms), self.collate_fn)

    def _like(self, **changes: Any) -> Any:
        return type(self.dl)(self.dl.dataset, **_merged(self.init_kwargs, changes))

    def proc_batch(self, b: Any) -> Any:
        """Return a batch on the device, transformed."""
        try:
            b = to_device(b, self.device)
        except Exception as error:
            add_note(error, f"This happened when a batch was moved to the device {self.device}.")
            raise
        for tfm in self.tfms:
            b = tfm(b)
        return b

    def __iter__(self) -> Iterator[Any]:
        for b in batches(self.dl):
            yield self.proc_batch(b)

    @classmethod
    def create(
        cls,
        dataset: Any,
        bs: int = 64,
        shuffle: bool = False,
        device: Any = _DEVICE,
        tfms: Any = None,
        num_workers: int = defaults.cpus,
        collate_fn: Callable[..., Any] = data_collate,
        **kwargs: Any,
    ) -> DeviceDataLoader:
        """Return a loader over a data set; `kwargs` go to torch's DataLoader."""
        dl: DataLoader[Any] = DataLoader(
            dataset, batch_size=bs, shuffle=shuffle, num_workers=num_workers, **kwargs
        )
        return cls(dl, device=device, tfms=tfms, collate_fn=collate_fn)
