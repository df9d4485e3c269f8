"""A loader with a device and transforms around it gives the batches of the loader inside."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from fastloop_v1.data_loading import DeviceDataLoader, loader_options
from fastloop_v1.defaults import defaults
from fastloop_v1.nested import data_collate

SET = TensorDataset(torch.arange(10.0), torch.arange(10))


class Stream(IterableDataset):
    """Seven numbers without a length."""

    def __iter__(self):
        return iter((float(i), i) for i in range(7))


def backwards(samples):
    return data_collate(samples[::-1])


def seeded(make):
    """Return what `make` makes, the global generator and the one it is given at a fixed state."""
    torch.manual_seed(3)
    return make(torch.Generator().manual_seed(5))


def targets(dl):
    """Return the targets of a loader, batch by batch."""
    return [y.tolist() if y.ndim else y.item() for _, y in dl]


LOADERS = {
    "in order": lambda g: DataLoader(SET, batch_size=4),
    "last batch dropped": lambda g: DataLoader(SET, batch_size=4, drop_last=True),
    "shuffled by the global generator": lambda g: DataLoader(SET, batch_size=4, shuffle=True),
    "shuffled by its own generator": lambda g: DataLoader(SET, batch_size=4, shuffle=True, generator=g),
    "sampler": lambda g: DataLoader(SET, batch_size=3, sampler=WeightedRandomSampler([1.0] * 10, 6)),
    "sampler with a generator": lambda g: DataLoader(SET, 3, sampler=RandomSampler(SET, generator=g)),
    "drawn with replacement": lambda g: DataLoader(SET, 3, sampler=RandomSampler(SET, True, 5)),
    "as many drawn with replacement": lambda g: DataLoader(SET, 3, sampler=RandomSampler(SET, True)),
    "batch sampler": lambda g: DataLoader(SET, batch_sampler=BatchSampler(SequentialSampler(SET), 3, False)),
    "no batches": lambda g: DataLoader(SET, batch_size=None),
    "own collate": lambda g: DataLoader(SET, batch_size=4, collate_fn=backwards),
    "stream": lambda g: DataLoader(Stream(), batch_size=3),
}


@pytest.mark.parametrize("make", LOADERS.values(), ids=LOADERS)
def test_options_of_a_loader_make_its_like(make):
    expected = targets(seeded(make))
    again = seeded(lambda g: DataLoader((old := make(g)).dataset, **loader_options(old)))
    assert targets(again) == expected


@pytest.mark.parametrize("make", LOADERS.values(), ids=LOADERS)
def test_batches_are_those_of_the_loader_inside(make):
    expected = targets(seeded(make))
    dl = seeded(lambda g: DeviceDataLoader(make(g), torch.device("cpu")))
    assert targets(dl) == expected


@pytest.mark.parametrize("make", LOADERS.values(), ids=LOADERS)
def test_new_loader_without_changes_gives_the_same_batches(make):
    expected = targets(seeded(make))
    dl = seeded(lambda g: DeviceDataLoader(make(g), torch.device("cpu")).new())
    assert targets(dl) == expected


def test_worker_options_are_kept():
    dl = DataLoader(SET, 4, num_workers=2, prefetch_factor=3, persistent_workers=True, timeout=9)
    options = loader_options(dl)
    assert [options[name] for name in ("num_workers", "prefetch_factor", "timeout")] == [2, 3, 9]
    assert options["persistent_workers"]
    alone = DeviceDataLoader(dl, "cpu").new(num_workers=0)
    assert (alone.num_workers, alone.timeout, targets(alone)) == (0, 0, targets(DataLoader(SET, 4)))


CHANGES = [
    pytest.param("shuffled by the global generator", {"shuffle": False}, [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]],
                 id="shuffled to ordered"),
    pytest.param("sampler", {"shuffle": False}, [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]],
                 id="sampler to ordered"),
    pytest.param("in order", {"batch_size": 6}, [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9]], id="batch size"),
    pytest.param("in order", {"drop_last": True}, [[0, 1, 2, 3], [4, 5, 6, 7]], id="drop last"),
    pytest.param("shuffled by the global generator", {"sampler": [9, 0, 8]}, [[9, 0, 8]], id="sampler"),
    pytest.param("last batch dropped", {"batch_sampler": [[3, 1], [2]]}, [[3, 1], [2]], id="batch sampler"),
    pytest.param("batch sampler", {"batch_size": 8}, [[0, 1, 2, 3, 4, 5, 6, 7], [8, 9]],
                 id="batch sampler to batch size"),
    pytest.param("batch sampler", {"sampler": [4, 2], "batch_size": 1}, [[4], [2]],
                 id="batch sampler to sampler"),
    # What orders the batches stays in charge: no other order is known.
    pytest.param("batch sampler", {"shuffle": True}, [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]],
                 id="batch sampler stays"),
    pytest.param("own collate", {"batch_size": 5}, [[4, 3, 2, 1, 0], [9, 8, 7, 6, 5]], id="collate stays"),
    pytest.param("stream", {"batch_size": 5}, [[0, 1, 2, 3, 4], [5, 6]], id="stream"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "changes", "expected"), CHANGES)
def test_new_loader_has_the_changes_and_leaves_the_old_one(kind, changes, expected):
    dl = seeded(lambda g: DeviceDataLoader(LOADERS[kind](g), "cpu"))
    inner = dl.dl
    assert targets(dl.new(**changes)) == expected
    assert dl.dl is inner
    assert targets(seeded(lambda g: dl)) == targets(seeded(LOADERS[kind]))


def test_new_loader_shuffles_if_asked():
    dl = DeviceDataLoader(DataLoader(SET, batch_size=10), "cpu").new(shuffle=True)
    torch.manual_seed(0)
    (batch,) = targets(dl)
    assert sorted(batch) == list(range(10))
    assert batch != sorted(batch)


def test_new_loader_takes_device_transforms_and_collate_with_it():
    dl = DeviceDataLoader(DataLoader(SET, 4), "meta", [list], backwards)
    other = dl.new(batch_size=2)
    other.add_tfm(tuple)
    assert other.device == torch.device("meta")
    assert (other.tfms, other.collate_fn) == ([list, tuple], backwards)
    assert dl.tfms == [list]


def test_rule_for_batches_takes_the_place_of_torchs_own_only():
    assert targets(DeviceDataLoader(DataLoader(SET, 4), "cpu", collate_fn=backwards))[0] == [3, 2, 1, 0]
    own = DataLoader(SET, 4, collate_fn=backwards)
    assert targets(DeviceDataLoader(own, "cpu"))[0] == [3, 2, 1, 0]
    assert own.collate_fn is backwards


def test_batches_go_to_the_device():
    x, y = next(iter(DeviceDataLoader(DataLoader(SET, 4), "meta")))
    assert (x.device.type, y.device.type) == ("meta", "meta")
    nested = DeviceDataLoader([], "meta").proc_batch([{"a": torch.ones(1)}, (torch.ones(1), [torch.ones(1)])])
    assert {nested[0]["a"].device.type, nested[1][0].device.type, nested[1][1][0].device.type} == {"meta"}


def test_device_is_the_default_of_the_moment(monkeypatch):
    monkeypatch.setattr(defaults, "_device", torch.device("meta"))
    assert DeviceDataLoader.create(SET, num_workers=0).device == torch.device("meta")
    assert DeviceDataLoader([], None).device == torch.device("meta")


def test_transforms_run_in_order_and_can_be_taken_away():
    def double(batch):
        return [batch[0] * 2, batch[1]]

    def plus_one(batch):
        return [batch[0] + 1, batch[1]]

    dl = DeviceDataLoader(DataLoader(SET, 10), "cpu", double)
    dl.add_tfm(plus_one)
    assert next(iter(dl))[0].tolist() == [2 * i + 1 for i in range(10)]
    dl.remove_tfm(double)
    dl.remove_tfm(double)
    assert next(iter(dl))[0].tolist() == [i + 1 for i in range(10)]


def test_attributes_are_those_of_loader_then_data_set():
    data = TensorDataset(torch.zeros(4), torch.zeros(4))
    data.classes, data.batch_size = ["a", "b"], "never seen"
    dl = DeviceDataLoader(DataLoader(data, 2), "cpu")
    assert (dl.classes, dl.drop_last, dl.batch_size, len(dl)) == (["a", "b"], False, 2, 2)
    assert not hasattr(dl, "no_such_name")
    assert not hasattr(dl, "__array__")


@pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy, lambda dl: pickle.loads(pickle.dumps(dl))],
                         ids=["copy", "deep copy", "pickle"])  # fmt: skip
def test_copy_gives_the_same_batches(clone):
    dl = DeviceDataLoader(DataLoader(SET, 4), "cpu", [list])
    assert targets(clone(dl)) == targets(dl)


def test_assigned_batch_size_makes_a_new_loader_inside():
    data = TensorDataset(torch.arange(6.0), torch.arange(6))
    data.bs = 2
    dl = DeviceDataLoader(DataLoader(data, 2), "cpu")
    inner = dl.dl
    dl.batch_size = 5
    assert (targets(dl), dl.batch_size, data.bs) == ([[0, 1, 2, 3, 4], [5]], 5, 5)
    assert targets(inner) == [[0, 1], [2, 3], [4, 5]]


def test_assigned_number_of_workers_makes_a_new_loader_inside_if_it_differs():
    dl = DeviceDataLoader(DataLoader(SET, 4), "cpu")
    inner = dl.dl
    dl.num_workers = 0
    assert dl.dl is inner
    dl.num_workers = 1
    assert (dl.num_workers, dl.dl.num_workers, inner.num_workers) == (1, 1, 0)
    assert DeviceDataLoader([1, 2], "cpu").num_workers == 0


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_worker_processes_give_the_batches_one_process_gives():
    dl = DeviceDataLoader.create(SET, bs=4, num_workers=2, device="cpu")
    assert dl.dl.num_workers == 2
    assert targets(dl) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]


def test_created_loader_has_the_options_given():
    dl = DeviceDataLoader.create(SET, 3, False, "cpu", list, 0, backwards, drop_last=True)
    assert (targets(dl), dl.tfms) == ([[2, 1, 0], [5, 4, 3], [8, 7, 6]], [list])
    torch.manual_seed(0)
    (batch,) = targets(DeviceDataLoader.create(SET, 10, shuffle=True, num_workers=0))
    assert sorted(batch) == list(range(10)) != batch


def test_any_iterable_is_a_loader():
    batches = [(torch.zeros(2), torch.tensor([i])) for i in range(3)]
    dl = DeviceDataLoader(batches, "cpu")
    assert (len(dl), targets(dl), targets(dl)) == (3, [[0], [1], [2]], [[0], [1], [2]])


def test_class_of_torch_stays_as_it_was():
    before = dict(vars(DataLoader))
    dl = DeviceDataLoader.create(SET, bs=4, num_workers=0, device="cpu")
    dl.batch_size = 2
    targets(dl.new(shuffle=True))
    assert dict(vars(DataLoader)) == before
    assert DataLoader.__init__.__module__ == "torch.utils.data.dataloader"
    assert not hasattr(DataLoader(SET), "classes")
