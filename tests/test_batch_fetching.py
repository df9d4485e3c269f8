"""Batches fetched whole are those torch's loader makes, in values, order, kind, errors and random numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
    WeightedRandomSampler,
    default_collate,
)

from fastloop_v1.batch_fetching import _is_ordinary, _Rows, batches
from fastloop_v1.nested import data_collate

SHAPES = [(), (1,), (3,), (1, 4, 4), (3, 1, 1), (2, 0)]
KINDS = [torch.float32, torch.float16, torch.int64, torch.bool]
SAMPLERS = {
    "in order": dict,
    "shuffled": lambda: {"shuffle": True},
    "shuffled by a generator": lambda: {"shuffle": True, "generator": torch.Generator().manual_seed(3)},
    "weighted": lambda: {"sampler": WeightedRandomSampler(torch.arange(1.0, 11.0), 7)},
    "from the end": lambda: {"sampler": [-1, 3, -2, 0]},
    "by batches": lambda: {"batch_sampler": BatchSampler([5, 4, 3, 2], 3, drop_last=False)},
}


def data(shape=(3,), kind=torch.float32, n=23):
    values = torch.arange(n * torch.Size(shape).numel()).reshape(n, *shape)
    return TensorDataset((values % 5).to(kind) if kind is torch.bool else values.to(kind), torch.arange(n))


def outcome(way, make):
    """Two epochs of a new loader, the random number after them, or the error."""
    torch.manual_seed(1)
    loader = make()
    try:
        return [list(way(loader)), list(way(loader)), torch.rand(())]
    except Exception as error:  # noqa: BLE001  (any error is compared)
        return type(error), str(error), torch.rand(())


def assert_same(one, other):
    assert type(one) is type(other)
    if isinstance(one, (list, tuple)):
        assert len(one) == len(other)
        for a, b in zip(one, other, strict=True):
            assert_same(a, b)
    elif isinstance(one, torch.Tensor):
        assert one.dtype == other.dtype
        assert one.stride() == other.stride()
        assert torch.equal(one, other)
    else:
        assert one == other


def assert_as_torch(make):
    assert_same(outcome(batches, make), outcome(iter, make))


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_batches_are_those_of_torch(sampler, shape, kind):
    def make():
        options = sampler()
        return DataLoader(
            data(shape, kind), **({} if "batch_sampler" in options else {"batch_size": 4}), **options
        )

    assert _Rows.behind(make()) is not None
    assert_as_torch(make)


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_batches_of_a_tensor_are_those_of_torch(sampler, shape):
    def make():
        options = sampler()
        size = {} if "batch_sampler" in options else {"batch_size": 4}
        return DataLoader(data(shape).tensors[0], **size, **options)

    assert _Rows.behind(make()) is not None
    assert_as_torch(make)


@pytest.mark.parametrize("sampler", SAMPLERS.values(), ids=SAMPLERS)
@pytest.mark.parametrize("shape", SHAPES[:-1], ids=str)
@pytest.mark.parametrize("kind", ["u1", "i8", "f2", "f4"])
@pytest.mark.parametrize("collate", [data_collate, default_collate])
def test_batches_of_an_array_are_those_of_torch(sampler, shape, kind, collate):
    array = (data(shape).tensors[0].numpy() % 5).astype(kind)

    def make():
        options = sampler()
        size = {} if "batch_sampler" in options else {"batch_size": 4}
        return DataLoader(array, collate_fn=collate, **size, **options)

    assert _Rows.behind(make()) is not None
    assert_as_torch(make)


@pytest.mark.parametrize("subset", [None, [3, 1, 2, 7, 7]], ids=["whole", "subset"])
def test_batches_of_an_array_on_disk_are_those_of_torch(tmp_path, subset):
    np.save(tmp_path / "rows.npy", np.arange(60.0, dtype=np.float32).reshape(20, 3))
    array = np.load(tmp_path / "rows.npy", mmap_mode="r+")
    dataset = array if subset is None else Subset(array, subset)
    assert _Rows.behind(DataLoader(dataset, 4)) is not None
    assert_as_torch(lambda: DataLoader(dataset, 4, shuffle=True))
    for batch in batches(DataLoader(dataset, 4)):
        batch.zero_()
    assert array[7, 2] == 23


@settings(max_examples=100, deadline=None)
@given(
    n=st.integers(1, 40),
    size=st.integers(1, 12),
    drop_last=st.booleans(),
    shuffle=st.booleans(),
    subset=st.lists(st.integers(0, 39), min_size=1, max_size=30),
    nested=st.booleans(),
)
def test_batches_of_a_subset_are_those_of_torch(n, size, drop_last, shuffle, subset, nested):
    chosen = Subset(data(n=n), [i % n for i in subset])
    chosen = Subset(chosen, range(len(chosen) // 2, len(chosen))) if nested else chosen
    assert_as_torch(lambda: DataLoader(chosen, size, drop_last=drop_last, shuffle=shuffle))


@pytest.mark.parametrize(
    "make",
    [lambda: WithClasses(*data().tensors), lambda: Part(WithClasses(*data().tensors), [3, 1, 2, 7, 7])],
    ids=["tensors", "subset"],
)
def test_subclass_that_keeps_torchs_rules_is_fetched_whole(make):
    assert _Rows.behind(DataLoader(make(), 4)) is not None
    assert_as_torch(lambda: DataLoader(make(), 4, shuffle=True))


def test_more_batches_than_one_block_are_those_of_torch():
    assert_as_torch(lambda: DataLoader(data(n=2500), 1, shuffle=True))


WRONG_INDICES = {
    "beyond the end": [1, 99],
    "a number with a point": [0.5],
    "a truth value": [True],
    "text": ["a"],
}


@pytest.mark.parametrize("indices", WRONG_INDICES.values(), ids=WRONG_INDICES)
def test_an_index_that_does_not_fit_is_answered_as_by_torch(indices):
    assert_as_torch(lambda: DataLoader(data(), 2, sampler=indices))


def test_a_subset_beyond_the_end_fails_as_in_torch():
    assert_as_torch(lambda: DataLoader(Subset(data(n=3), [0, 7]), 2))


def test_a_batch_is_new_memory():
    dataset = data()
    for x, _ in batches(DataLoader(dataset, 4)):
        x.zero_()
    assert torch.equal(dataset.tensors[0], data().tensors[0])


class Doubled(TensorDataset):
    """Has a rule of its own for samples."""

    def __getitem__(self, index):
        return tuple(tensor * 2 for tensor in super().__getitem__(index))


class WithClasses(TensorDataset):
    """Tells more than its samples, which come by torch's rule."""

    classes = ("a", "b")

    def __len__(self):
        return 20


class Part(Subset):
    """Has a name."""

    name = "part"


class Twice(TensorDataset):
    """Gives batches by a rule of its own."""

    def __getitems__(self, indices):
        return [self[i] for i in indices for _ in range(2)]


class Computed(TensorDataset):
    """Makes its tensors when they are asked for."""

    @property
    def tensors(self):
        return (torch.arange(20),)

    @tensors.setter
    def tensors(self, value):
        """Nothing is kept."""


def with_a_rule_of_its_own():
    dataset = data()
    dataset.__getitems__ = lambda indices: [dataset[0] for _ in indices]
    return dataset


class Rows(Dataset):
    """Gives whole batches itself."""

    def __len__(self):
        return 6

    def __getitem__(self, index):
        return torch.tensor(index)

    def __getitems__(self, indices):
        return [torch.tensor(10 * index) for index in indices]


class OwnLoader(DataLoader):
    """Has a rule of its own for batches."""

    def __iter__(self):
        return iter(["mine"])


class Halved(np.ndarray):
    """Gives half of each row."""

    def __getitem__(self, index):
        return np.asarray(self)[index] / 2


def listed(samples):
    return samples


ORDINARY = {
    "a data set with its own rule": lambda: DataLoader(Doubled(*data().tensors), 4),
    "a data set of tensors that gives batches": lambda: DataLoader(Twice(*data().tensors), 4),
    "a data set that makes its tensors": lambda: DataLoader(Computed(torch.ones(20)), 4),
    "a data set that was given a rule": lambda: DataLoader(with_a_rule_of_its_own(), 4),
    "a data set that gives batches": lambda: DataLoader(Rows(), 4),
    "a function of one's own for batches": lambda: DataLoader(data(), 4, collate_fn=listed),
    "data that needs gradients": lambda: DataLoader(TensorDataset(torch.ones(3, 2, requires_grad=True)), 2),
    "sparse data": lambda: DataLoader(TensorDataset(torch.eye(3).to_sparse()), 2),
    "data that is not in one piece": lambda: DataLoader(TensorDataset(torch.eye(4).t()[:, ::2]), 2),
    "a parameter": lambda: DataLoader(
        TensorDataset(torch.nn.Parameter(torch.ones(3), requires_grad=False)), 2
    ),
    "an array without numbers": lambda: DataLoader(np.ones((3, 2, 0)), 2),
    "an array of truth values": lambda: DataLoader(np.ones((3, 2), np.bool_), 2),
    "an array of texts": lambda: DataLoader(np.array(["a", "b", "c"]), 2),
    "an array of dates": lambda: DataLoader(np.array(["2026-11-22"] * 3, dtype="datetime64[D]"), 2),
    "an array of numbers torch has no kind for": lambda: DataLoader(np.ones(3, np.longdouble), 2),
    "an array in the other byte order": lambda: DataLoader(np.ones((3, 2), ">f4"), 2),
    "an array of a class of one's own": lambda: DataLoader(np.ones((3, 2)).view(Halved), 2),
    "a list of samples": lambda: DataLoader([(1, 2.0), (3, 4.0)], 2),
    "a subset by other numbers": lambda: DataLoader(Subset(data(), [-1, 2]), 2),
}


@pytest.mark.parametrize("make", ORDINARY.values(), ids=ORDINARY)
def test_anything_else_is_asked_as_by_torch(make):
    assert _Rows.behind(make()) is None
    assert_as_torch(make)


@pytest.mark.parametrize("collate", [data_collate, default_collate])
def test_both_rules_for_batches_are_known(collate):
    assert_as_torch(lambda: DataLoader(data(), 4, collate_fn=collate))


class Stream(IterableDataset):
    """Gives samples without indices."""

    def __iter__(self):
        return iter([1, 2, 3])


class Pairs:
    """Gives lists of indices by a rule of its own."""

    def __iter__(self):
        return iter([[0, 1], [2, 3]])

    def __len__(self):
        return 2


TORCHS_WAY = {
    "workers": lambda: DataLoader(data(), 4, num_workers=1),
    "a stream": lambda: DataLoader(Stream(), 2),
    "a loader with its own rule": lambda: OwnLoader(data(), 4),
    "a sampler of batches": lambda: DataLoader(data(), batch_sampler=Pairs()),
    "samples one by one": lambda: DataLoader(data(), batch_size=None),
}


@pytest.mark.parametrize("make", TORCHS_WAY.values(), ids=TORCHS_WAY)
def test_what_is_left_to_torch(make):
    assert not _is_ordinary(make())
    assert_as_torch(make)


def test_any_iterable_is_taken():
    assert list(batches([1, 2])) == [1, 2]


def test_a_patched_data_set_class_is_obeyed(monkeypatch):
    monkeypatch.setattr(TensorDataset, "__getitem__", lambda self, index: (torch.tensor(7),))
    assert [batch[0].tolist() for batch in batches(DataLoader(data(n=2), 2))] == [[7, 7]]
