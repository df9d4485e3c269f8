"""Training by several processes or on several devices, and the numbers each process wrote down."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import distributed, nn
from torch.utils.data import Dataset, DistributedSampler, SequentialSampler

from .defaults import defaults
from .learner_callback import LearnerCallback
from .modules import get_model
from .processes import num_distrib, rank_distrib

if TYPE_CHECKING:
    from .basic_train import Learner

__all__ = [
    "DistributedDataParallel",
    "DistributedRecorder",
    "DistributedTrainer",
    "OurDistributedSampler",
    "ParallelTrainer",
    "read_metrics",
    "rnn_reset",
    "setup_distrib",
    "to_distributed",
    "to_parallel",
]


def __getattr__(name: str) -> Any:
    # v1: `to_distributed` was put onto the Learner in this module, so that it was found here too.
    if name == "Learner":
        return import_module(".basic_train", __package__).Learner
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def setup_distrib(gpu: Any = None) -> int | None:
    """Take a GPU and join the other processes; return the number of the GPU, None if none is given.

    The number, address and count of processes are in the environment, where `torchrun` or
    `fastloop_v1.launch` put them (`RANK`, `WORLD_SIZE`, `MASTER_ADDR`, `MASTER_PORT`).

    Args:
        gpu: number of the GPU, also as text. Without a GPU in the machine processes meet all the same.
    """
    if gpu is None:
        return None
    has_gpu = torch.cuda.is_available()
    if has_gpu:
        torch.cuda.set_device(int(gpu))
    if num_distrib() > 1 and not distributed.is_initialized():
        distributed.init_process_group(backend="nccl" if has_gpu else "gloo", init_method="env://")
    return int(gpu)


def rnn_reset(self: Any) -> None:
    """Reset the recurrent state of the model inside a parallel wrapper, if it has one."""
    if hasattr(self.module, "reset"):
        self.module.reset()


class DistributedDataParallel(nn.parallel.DistributedDataParallel):
    """Torch's wrapper, with the `reset` that recurrent models are called by."""

    reset = rnn_reset


class OurDistributedSampler(DistributedSampler[Any]):
    """The share of one process in a data set, of equal size for each; the first samples fill up the rest.

    Args:
        dataset: the data set.
        num_replicas: number of processes; that of the environment if None.
        rank: number of this process; that of the environment if None.
        shuffle: whether the order changes with each `set_epoch`.
        seed: the order of an epoch follows from `seed` and its number; the same in every process.
    """

    def __init__(
        self,
        dataset: Dataset[Any],
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        *,
        seed: int = 0,
    ) -> None:
        num_replicas = max(1, num_distrib()) if num_replicas is None else num_replicas
        rank = rank_distrib() if rank is None else rank
        super().__init__(dataset, num_replicas, rank, shuffle, seed)


class ParallelTrainer(LearnerCallback):
    """Splits each batch over the GPUs of this process while a fit lasts (`torch.nn.DataParallel`)."""

    _order = -20

    def on_train_begin(self, **kwargs: Any) -> None:
        """Wrap the model."""
        self.learn.model = nn.DataParallel(self.learn.model)

    def on_train_end(self, **kwargs: Any) -> None:
        """Unwrap the model."""
        self.learn.model = get_model(self.learn.model)


class DistributedTrainer(LearnerCallback):
    """Shares data and gradients with the other processes while a fit lasts.

    Without a process group, as `setup_distrib` leaves it in a single process, it changes nothing.

    Args:
        learn: the learner.
        cuda_id: number of this process's GPU; without effect for a model that is on none.
    """

    _order = -20
    exclude = (*LearnerCallback.exclude, "old_train_dl", "old_valid_dl", "train_sampler")

    def __init__(self, learn: Learner, cuda_id: int = 0) -> None:
        super().__init__(learn)
        self.cuda_id = cuda_id
        self.train_sampler: OurDistributedSampler | None = None

    def _change_dl(self, dl: Any, shuffle: bool) -> tuple[Any, Any, OurDistributedSampler]:
        """The loader, one of this process's share of it, and the sampler of that."""
        sampler = OurDistributedSampler(dl.dataset, shuffle=shuffle, seed=_common_seed() if shuffle else 0)
        return dl, dl.new(shuffle=False, sampler=sampler), sampler

    def on_train_begin(self, **kwargs: Any) -> None:
        """Wrap the model, take a share of the data, and write a table in the first process only."""
        self.train_sampler = None
        if not (distributed.is_available() and distributed.is_initialized()):
            return
        data, shuffle = self.learn.data, not isinstance(self.learn.data.train_dl.sampler, SequentialSampler)
        _, train_dl, sampler = self._change_dl(data.train_dl, shuffle)
        valid_dl = data.valid_dl if data.empty_val else self._change_dl(data.valid_dl, shuffle=False)[1]
        self.learn.model = self._wrapped(self.learn.model)
        self.old_train_dl, self.old_valid_dl, self.train_sampler = data.train_dl, data.valid_dl, sampler
        data.train_dl, data.valid_dl = train_dl, valid_dl
        if hasattr(self.learn, "recorder"):
            self.learn.recorder.silent = self.learn.recorder.silent or rank_distrib() != 0

    def _wrapped(self, model: nn.Module) -> DistributedDataParallel:
        on_gpu = next(model.parameters()).device.type == "cuda"
        return DistributedDataParallel(model, device_ids=[self.cuda_id] if on_gpu else None)

    def on_epoch_begin(self, epoch: int, **kwargs: Any) -> None:
        """Have another order."""
        if self.train_sampler is not None:
            self.train_sampler.set_epoch(epoch)

    def on_train_end(self, **kwargs: Any) -> None:
        """Put model and loaders back."""
        if self.train_sampler is None:
            return
        self.learn.model = get_model(self.learn.model)
        self.learn.data.train_dl, self.learn.data.valid_dl = self.old_train_dl, self.old_valid_dl
        self.train_sampler = None


def _common_seed() -> int:
    """The first process's seed, so that every process has the same order and every run another."""
    if defaults.v1_quirks:
        # v1: the order of an epoch is the same in every run.
        return 0
    seed = torch.tensor([torch.initial_seed() % 2**31])
    if distributed.get_backend() == "nccl":
        seed = seed.cuda()
    distributed.broadcast(seed, src=0)
    return int(seed)


class DistributedRecorder(LearnerCallback):
    """Writes validation losses and metrics of this process to files that `read_metrics` reads.

    Args:
        learn: the learner.
        cuda_id: number that the files of this process have in their names.
        cache_dir: folder below the learner's `path/model_dir`.
    """

    def __init__(self, learn: Learner, cuda_id: int = 0, cache_dir: Any = "tmp") -> None:
        super().__init__(learn)
        self.cuda_id, self.cache_dir = cuda_id, cache_dir

    @property
    def cache_path(self) -> Path:
        """The folder of the files."""
        return Path(self.learn.path, self.learn.model_dir, self.cache_dir)

    def on_train_begin(self, **kwargs: Any) -> None:
        """Make the folder."""
        self.cache_path.mkdir(parents=True, exist_ok=True)

    def on_epoch_end(self, **kwargs: Any) -> None:
        """Write what there is so far."""
        self.save_stats()

    def on_train_end(self, **kwargs: Any) -> None:
        """Write everything."""
        self.save_stats()

    def save_stats(self) -> None:
        """Write losses, `(epochs,)`, and metrics, `(epochs, metrics)`; NaN where there is no value."""
        recorder = self.learn.recorder
        losses, metrics = _numbers(recorder.val_losses), [_numbers(row) for row in recorder.metrics]
        np.save(self.cache_path / f"losses_{self.cuda_id}", np.array(losses, dtype=np.float64))
        np.save(self.cache_path / f"metrics_{self.cuda_id}", np.array(metrics, dtype=np.float64))


def _numbers(values: Any) -> list[float]:
    return [float("nan") if value is None else float(value) for value in values]


def read_metrics(cache_path: Any, n_gpus: int, reduce: bool = True) -> tuple[Any, Any]:
    """Return losses and metrics that processes wrote as `DistributedRecorder` does.

    Args:
        cache_path: folder of the files.
        n_gpus: number of processes, counted from 0 in the names.
        reduce: whether to return means over the processes, `(epochs,)` and `(epochs, metrics)`; else a list
            with an array for each process.
    """
    found = [
        [np.load(Path(cache_path) / f"{kind}_{number}.npy") for number in range(n_gpus)]
        for kind in ("losses", "metrics")
    ]
    if reduce:
        return np.mean(found[0], axis=0), np.mean(found[1], axis=0)
    return found[0], found[1]


def to_parallel(learn: Learner) -> Learner:
    """Train on all GPUs of this process from now on; return the learner."""
    learn.callbacks.append(ParallelTrainer(learn))
    return learn


def to_distributed(learn: Learner, cuda_id: int, cache_dir: Any = "tmp") -> Learner:
    """Train together with the other processes from now on; return the learner.

    Args:
        learn: the learner.
        cuda_id: number of this process's GPU.
        cache_dir: folder below the learner's `path/model_dir` for what `read_metrics` reads.
    """
    learn.callbacks += [DistributedTrainer(learn, cuda_id), DistributedRecorder(learn, cuda_id, cache_dir)]
    return learn
