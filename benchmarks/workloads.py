"""What is trained in a benchmark, as plain facts: model, data, optimizer, and how much of each."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

__all__ = ["CALLBACKS", "WORKLOADS", "Case", "Workload", "disk_rows"]

Kind = Literal["loop", "calls", "long", "import"]
Optimizer = Literal["sgd", "adam", "adamw"]
Storage = Literal["tensors", "batched", "disk"]
CALLBACKS = 20  # of the variant `twenty`: as many calls in each batch
_BYTES = 4  # of a number in single precision


@dataclass(frozen=True)
class Workload:
    """One thing to train.

    Args:
        name: how it is asked for.
        title: one line that says what is special about it.
        kind: what is measured: a loop beside the hand-written one, calls of callbacks, a long fit, an import.
        variants: the ways of training that make sense here.
        model: name in `models.MODELS`.
        shape: of one sample.
        classes: number of classes.
        train: training samples; a multiple of `batch`.
        valid: validation samples.
        batch: samples in a batch.
        epochs: number of epochs; 30% of all batches are a whole number, so that one-cycles have equal phases.
        lr: highest learning rate, or the constant one.
        optimizer: which of torch's; `adamw` is Adam with decoupled decay.
        decay: weight decay.
        storage: tensors in memory, the same fetched by the batch (`__getitems__`), or arrays on disk.
        workers: processes that load.
        repeats: timed runs in one process.
        peers: whether other libraries take part.
    """

    name: str
    title: str
    kind: Kind = "loop"
    variants: tuple[str, ...] = ("usual", "bare", "fused")
    model: str = "scalar"
    shape: tuple[int, ...] = (2,)
    classes: int = 2
    train: int = 5000
    valid: int = 50
    batch: int = 1
    epochs: int = 1
    lr: float = 1e-2
    optimizer: Optimizer = "sgd"
    decay: float = 0.0
    storage: Storage = "tensors"
    workers: int = 0
    repeats: int = 2
    peers: bool = True

    @property
    def batches(self) -> int:
        """Training batches of a whole run."""
        return self.train // self.batch * self.epochs

    def of_batches(self, most: int) -> Workload:
        """The same with one epoch of so many batches at most."""
        return replace(self, train=min(self.train, most * self.batch), epochs=1)


@dataclass(frozen=True)
class Case:
    """A workload, with its training samples in order or shuffled anew in each epoch."""

    workload: Workload
    shuffle: bool = False

    @property
    def name(self) -> str:
        """How tables name it."""
        return f"{self.workload.name} shuffled" if self.shuffle else self.workload.name


def disk_rows(megabytes: int, batch: int = 64, width: int = 784) -> int:
    """How many rows of single-precision numbers make so many megabytes, in whole tens of batches."""
    rows = megabytes * 1_000_000 // (_BYTES * width)
    return max(10, rows // batch // 10 * 10) * batch


_MLP = Workload(
    name="W1",
    title="net of 784, 50 and 10 units, 64 a batch out of a TensorDataset, Adam",
    model="mlp",
    shape=(784,),
    classes=10,
    train=20_480,
    valid=4_096,
    batch=64,
    epochs=2,
    lr=3e-3,
    optimizer="adam",
)
_DISK = replace(
    _MLP,
    name="W4",
    title="the net of W1, samples read one by one from memory-mapped arrays on disk, in this process",
    variants=("usual",),
    train=disk_rows(64),
    epochs=1,
    storage="disk",
    repeats=1,
    peers=False,
)
_ALL = (
    Workload(name="W0", title="one scalar parameter, one sample a batch, SGD: nothing but the loop"),
    _MLP,
    replace(
        _MLP,
        name="W1f",
        title="the net of W1 out of a data set that gives whole batches (`__getitems__`)",
        storage="batched",
    ),
    replace(
        _MLP,
        name="W2",
        title="three convolutions with batch norm on 28 x 28 pixels, 64 a batch, Adam",
        model="convnet",
        shape=(1, 28, 28),
        train=5_120,
        valid=1_024,
    ),
    replace(
        _MLP,
        name="W3",
        title="200 linear layers of 8 units, 400 small tensors, AdamW (fastloop_v1: Adam with `true_wd`)",
        model="chain",
        shape=(8,),
        classes=8,
        train=1_600,
        valid=160,
        batch=16,
        optimizer="adamw",
        decay=1e-2,
    ),
    _DISK,
    replace(_DISK, name="W4w", title="W4 with two worker processes that load", workers=2),
    Workload(
        name="W5",
        title="W0 with twenty callbacks, each of which overrides one event of a batch with `return None`",
        kind="calls",
        variants=("bare", "twenty"),
        peers=False,
    ),
    Workload(
        name="W6",
        title="W0 for long: ten epochs, the last beside the first, and the memory grown in between",
        kind="long",
        variants=("usual",),
        model="marked",
        train=10_000,
        epochs=10,
        repeats=1,
        peers=False,
    ),
    Workload(name="import", title="seconds of an import, torch being there", kind="import", variants=()),
)
WORKLOADS = {workload.name: workload for workload in _ALL}
