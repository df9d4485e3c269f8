"""A DataBunch keeps loaders as they were given and answers for their data sets."""

from __future__ import annotations

import copy
import pickle
from contextlib import contextmanager

import matplotlib as mpl
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from torch.utils.data import BatchSampler, DataLoader, IterableDataset, RandomSampler, TensorDataset

from fastloop_v1.basic_data import DataBunch, DatasetType
from fastloop_v1.defaults import defaults
from fastloop_v1.errors import ArgumentError, FastloopWarning, NotOfferedError
from fastloop_v1.nested import data_collate

BATCHES = [(torch.full((2, 1), float(i)), torch.tensor([i, i])) for i in range(3)]


class Stream(IterableDataset):
    """Five numbers without a length."""

    def __iter__(self):
        return iter((float(i), i) for i in range(5))


class Unsized:
    """Batches without a length."""

    def __iter__(self):
        return iter(BATCHES)


def numbers(n):
    """Return a data set of the numbers below `n`, each its own target."""
    return TensorDataset(torch.arange(float(n))[:, None], torch.arange(n))


def made(n_train=10, n_valid=5, **options):
    return DataBunch.create(numbers(n_train), numbers(n_valid), **{"bs": 4, "num_workers": 0, **options})


def targets(dl):
    return [y.tolist() for _, y in dl]


# --- loaders built elsewhere --------------------------------------------------------------------------------


def test_loaders_built_elsewhere_are_used_as_they_are():
    def backwards(samples):
        return data_collate(samples[::-1])

    train = DataLoader(numbers(6), 3, sampler=[5, 0, 1])
    valid = DataLoader(numbers(4), 2, collate_fn=backwards)
    data = DataBunch(train, valid)
    assert data.train_dl.dl is train
    assert (targets(data.train_dl), targets(data.valid_dl)) == ([[5, 0, 1]], [[1, 0], [3, 2]])
    assert valid.collate_fn is backwards
    assert targets(data.fix_dl) == [[0, 1, 2], [3, 4, 5]]
    assert targets(data.single_dl) == [[0], [1], [2], [3]]
    assert data.test_dl is None


def test_fixed_loader_has_the_items_that_training_drops():
    data = DataBunch(DataLoader(numbers(5), 2, shuffle=True, drop_last=True), None)
    assert targets(data.fix_dl) == [[0, 1], [2, 3], [4]]


def test_batch_sampler_keeps_making_the_batches():
    sampler = BatchSampler(RandomSampler(numbers(6)), 4, False)
    data = DataBunch(DataLoader(numbers(6), batch_sampler=sampler), None)
    assert data.train_dl.batch_sampler is data.fix_dl.batch_sampler is sampler
    assert sorted(sum(targets(data.train_dl), [])) == list(range(6))


def test_stream_without_a_length_is_training_and_validation_data():
    data = DataBunch(DataLoader(Stream(), batch_size=2), DataLoader(Stream(), batch_size=3))
    assert targets(data.train_dl) == targets(data.fix_dl) == [[0, 1], [2, 3], [4]]
    assert (targets(data.valid_dl), data.empty_val, data.is_empty) == ([[0, 1, 2], [3, 4]], False, False)
    assert "train: ? batches; valid: ? batches" in repr(data)


@pytest.mark.parametrize("batches", [BATCHES, tuple(BATCHES), Unsized()], ids=["list", "tuple", "no length"])
def test_any_iterable_of_batches_is_a_loader(batches):
    data = DataBunch(batches, batches)
    assert targets(data.train_dl) == targets(data.valid_dl) == [[0, 0], [1, 1], [2, 2]]
    assert data.fix_dl is data.train_dl
    assert (data.empty_val, data.single_dl, data.single_ds) == (False, None, None)
    assert data.one_batch()[1].tolist() == [0, 0]


def test_loader_with_a_device_is_not_wrapped_again():
    inner = made().train_dl
    assert DataBunch(inner, None).train_dl is inner


def test_batches_go_to_the_device_of_the_bunch():
    data = made(device="meta")
    assert data.device == torch.device("meta")
    assert {x.device.type for dl in data.dls for x, _ in dl} == {"meta"}


def test_device_is_the_default_of_the_moment(monkeypatch):
    monkeypatch.setattr(defaults, "_device", torch.device("meta"))
    assert made().device == torch.device("meta")


@pytest.mark.parametrize("make", [lambda c: DataBunch(BATCHES, None, c=c), lambda c: made(c=c)],
                         ids=["loaders", "create"])  # fmt: skip
def test_number_of_classes_is_kept(make):
    assert make(10).c == 10


def test_number_of_classes_is_that_of_the_data_set_if_not_given():
    train = numbers(4)
    train.c, train.classes = 4, list("abcd")
    data = DataBunch.create(train, numbers(4), bs=2, num_workers=0)
    assert (data.c, data.classes) == (4, list("abcd"))
    assert not hasattr(made(), "c")


# --- create -------------------------------------------------------------------------------------------------


def test_created_bunch_shuffles_and_cuts_training_only():
    torch.manual_seed(0)
    data = made(10, 5, test_ds=numbers(7))
    first, second = targets(data.train_dl), targets(data.train_dl)
    assert [len(batch) for batch in first] == [4, 4]
    assert first != second
    assert targets(data.valid_dl) == [[0, 1, 2, 3], [4]]
    assert targets(data.fix_dl) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
    assert targets(data.test_dl) == [[0, 1, 2, 3], [4, 5, 6]]


def test_validation_batches_have_a_size_of_their_own():
    data = made(val_bs=3)
    assert [len(batch) for batch in targets(data.train_dl)] == [4, 4]
    assert [len(batch) for batch in targets(data.valid_dl)] == [3, 2]
    assert [len(batch) for batch in targets(data.fix_dl)] == [3, 3, 3, 1]


def test_bunch_without_validation_data_has_none():
    data = DataBunch.create(numbers(4), None, numbers(2), bs=4, num_workers=0)
    assert (data.valid_dl, data.empty_val) == (None, True)
    assert (targets(data.fix_dl), targets(data.test_dl)) == ([[0, 1, 2, 3]], [[0, 1]])


@pytest.mark.parametrize("sizes", [{"bs": 0}, {"bs": -1}, {"bs": 2.0}, {"bs": None}, {"val_bs": 0}], ids=str)
def test_batch_size_that_is_none_is_refused(sizes):
    ((name, size),) = sizes.items()
    with pytest.raises(ArgumentError, match=f"^{name} is {size!r}; it must be a whole number of at least 1"):
        made(**sizes)


def test_further_options_go_to_the_loaders_of_torch():
    generator = torch.Generator()
    data = made(generator=generator, timeout=0)
    assert data.train_dl.dl.generator is generator
    assert made().train_dl.pin_memory is False
    with pytest.raises(TypeError, match="no_such_option"):
        made(no_such_option=1)


def test_collate_function_and_path_are_those_given(tmp_path):
    data = made(collate_fn=lambda samples: (torch.zeros(1), torch.tensor([len(samples)])), path=tmp_path)
    assert (targets(data.valid_dl), data.path) == ([[4], [1]], tmp_path)


def test_data_set_with_sides_makes_the_fixed_one():
    class Sides(TensorDataset):
        x, y = torch.zeros(2), torch.zeros(2)

        def new(self, x, y):
            return TensorDataset(x + 7, y)

    data = DataBunch.create(Sides(torch.ones(2), torch.ones(2)), Sides(torch.ones(2), torch.ones(2)), bs=2,
                            num_workers=0)  # fmt: skip
    assert data.fix_ds.tensors[0].tolist() == [7, 7]


@pytest.mark.parametrize("check", [True, False])
def test_training_data_below_a_batch_is_warned_of_unless_unchecked(recwarn, check):
    if check:
        with pytest.warns(FastloopWarning, match="you have only 3 items .* Your batch size is 4"):
            made(n_train=3)
    else:
        made(n_train=3, no_check=True)
    assert not recwarn


# --- what a bunch is asked for ------------------------------------------------------------------------------


def test_kind_of_data_set_names_a_loader():
    data = made(test_ds=numbers(2))
    kinds = {"Train": data.train_dl, "Valid": data.valid_dl, "Test": data.test_dl, "Single": data.single_dl,
             "Fix": data.fix_dl}  # fmt: skip
    assert {kind.name: data.dl(kind) for kind in DatasetType} == kinds
    assert [kind.value for kind in DatasetType] == [1, 2, 3, 4, 5]
    assert data.dl() is data.valid_dl


def test_all_loaders_are_those_there_are():
    data = made(test_ds=numbers(2))
    assert data.dls == [data.train_dl, data.fix_dl, data.single_dl, data.valid_dl, data.test_dl]
    assert len(DataBunch(BATCHES, None).dls) == 2


def test_transform_runs_in_every_loader_until_taken_away():
    def negative(batch):
        return [-batch[0], batch[1]]

    data = made(test_ds=numbers(3), dl_tfms=negative)
    assert all(x.max() <= 0 for dl in data.dls for x, _ in dl)
    data.remove_tfm(negative)
    assert all(x.min() >= 0 for dl in data.dls for x, _ in dl)
    data.add_tfm(negative)
    assert all(x.max() <= 0 for dl in data.dls for x, _ in dl)


def test_data_sets_are_found_inside_wrappers():
    train = numbers(4)
    data = DataBunch(DataLoader(torch.utils.data.Subset(train, [0, 1]), 2), DataLoader(numbers(2)))
    assert data.train_ds is data.fix_ds is train
    assert len(data.valid_ds) == len(data.single_ds) == 2
    assert data.test_ds is None


def test_loss_is_the_one_the_targets_ask_for():
    assert made().loss_func is F.nll_loss
    train = numbers(4)
    train.y = type("Targets", (), {"loss_func": staticmethod(F.mse_loss)})()
    assert DataBunch.create(train, numbers(4), bs=2, num_workers=0).loss_func is F.mse_loss


@pytest.mark.parametrize(
    ("valid", "empty"),
    [
        pytest.param(None, True, id="none"),
        pytest.param([], True, id="no batch"),
        pytest.param(BATCHES, False, id="batches"),
        pytest.param(DataLoader(numbers(0)), True, id="no item"),
        pytest.param(DataLoader(Stream()), False, id="no length"),
    ],
)
def test_validation_is_empty_without_items(valid, empty):
    data = DataBunch(BATCHES, valid)
    assert data.empty_val is empty
    data.valid_dl = None
    assert data.empty_val


def test_bunch_is_empty_without_any_item():
    assert not made().is_empty
    assert DataBunch(DataLoader(numbers(0)), None, no_check=True).is_empty


def test_assigned_batch_size_holds_for_training_and_validation():
    data = made()
    data.batch_size = 5
    assert data.batch_size == data.valid_dl.batch_size == 5
    assert [len(batch) for batch in targets(data.valid_dl)] == [5]
    alone = DataBunch(DataLoader(numbers(4), 4), None)
    alone.batch_size = 2
    assert len(alone.train_dl) == 2


def test_representation_names_sizes_path_and_device(tmp_path):
    expected = f"DataBunch(train: 2 batches; valid: 2 batches; path={str(tmp_path)!r}; device=cpu)"
    assert repr(made(path=tmp_path, device="cpu")) == expected


def test_attributes_it_does_not_have_are_those_of_training():
    data = made()
    assert data.dataset is data.train_ds
    assert not hasattr(data, "no_such_name")
    assert not hasattr(DataBunch.__new__(DataBunch), "valid_dl")


@pytest.mark.parametrize("clone", [copy.deepcopy, lambda data: pickle.loads(pickle.dumps(data))],
                         ids=["deep copy", "pickle"])  # fmt: skip
def test_copy_gives_the_same_batches(clone):
    data = made()
    assert targets(clone(data).valid_dl) == targets(data.valid_dl)


# --- batches and items --------------------------------------------------------------------------------------


def test_one_batch_is_the_first_of_the_loader():
    x, y = made().one_batch(DatasetType.Valid)
    assert (x.tolist(), y.tolist()) == ([[0.0], [1.0], [2.0], [3.0]], [0, 1, 2, 3])


def test_one_batch_is_detached_and_denormalized_as_asked():
    data = DataBunch([(torch.ones(2, requires_grad=True), torch.ones(2))], None)
    assert not data.one_batch()[0].requires_grad
    assert data.one_batch(detach=False)[0].requires_grad
    data.norm, data.denorm = True, lambda x: x * 255
    assert data.one_batch()[0].tolist() == [255, 255]
    assert data.one_batch(denorm=False)[0].tolist() == [1, 1]


@pytest.mark.parametrize("data", [made(), DataBunch(BATCHES, None)], ids=["data set", "batches"])
@pytest.mark.parametrize("item", [[1.5], np.array([1.5]), torch.ones(1) * 1.5], ids=type)
def test_one_item_is_a_batch_of_one(data, item):
    x, y = data.one_item(item)
    assert (x.tolist(), y.tolist()) == ([[1.5]], [0])


def test_one_item_goes_through_a_data_set_that_takes_items():
    class Settable(TensorDataset):
        item = None

        @contextmanager
        def set_item(self, item):
            self.item = item
            yield
            self.item = None

        def __getitem__(self, index):
            return super().__getitem__(index) if self.item is None else (torch.tensor([self.item * 10]), 3)

    data = DataBunch(BATCHES, DataLoader(Settable(*numbers(3).tensors), 2))
    assert [part.tolist() for part in data.one_item(2.0)] == [[[20.0]], [3]]
    assert targets(data.valid_dl) == [[0, 1], [2]]


@pytest.mark.parametrize(
    ("items", "options", "expected"),
    [
        (torch.ones(5, 1), {}, [[0, 0, 0, 0], [0]]),
        ([[1.0], [2.0]], {"label": 7}, [[7, 7]]),
        (np.ones((2, 1), np.float32), {}, [[0, 0]]),
        (numbers(3), {}, [[0, 1, 2]]),
    ],
    ids=["tensor", "list with label", "array", "data set"],
)
def test_test_data_can_be_added(items, options, expected):
    data = made()
    data.add_test(items, **options)
    assert targets(data.test_dl) == targets(data.dl(DatasetType.Test)) == expected


@pytest.mark.parametrize("data", [DataBunch(BATCHES, BATCHES),
                                  DataBunch(DataLoader(numbers(4), batch_sampler=[[0, 1]]), None)],
                         ids=["batches", "batch sampler"])  # fmt: skip
def test_test_data_comes_in_batches_whatever_the_other_loaders_are(data):
    data.add_test(torch.ones(3, 1))
    assert targets(data.test_dl) == [[0, 0, 0]]


def test_transforms_of_test_data_are_refused():
    with pytest.raises(ArgumentError, match="tfms is 3, tfm_y is None"):
        made().add_test(torch.ones(2), tfms=3)


# --- pictures -----------------------------------------------------------------------------------------------


@pytest.fixture
def images():
    """Six images of one channel, a bright one each from the first to the last."""
    backend = mpl.get_backend()
    plt.switch_backend("agg")
    pictures = torch.arange(6.0)[:, None, None, None].expand(6, 1, 4, 4) / 6
    data = DataBunch(DataLoader(TensorDataset(pictures, torch.arange(6)), 6), None)
    yield data
    plt.close("all")
    plt.switch_backend(backend)


def test_shown_batch_is_a_figure_of_its_own(images):
    figure = images.show_batch(rows=2)
    assert isinstance(figure, Figure)
    shown = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in shown] == ["0", "1", "2", "3"]
    assert [round(float(axes.images[0].get_array()[0, 0]) * 6) for axes in shown] == [0, 1, 2, 3]
    assert plt.get_fignums() == []


def test_shown_batch_has_class_names_and_can_be_reversed(images):
    images.classes = list("abcdef")
    figure = images.show_batch(rows=1, reverse=True)
    assert [axes.get_title() for axes in figure.axes] == ["f"]


def test_batch_that_is_no_image_is_not_shown():
    with pytest.raises(NotOfferedError, match=r"shape \(4, 1\)"):
        made().show_batch()


def test_data_set_shows_its_items_itself():
    class Side:
        def reconstruct(self, item):
            return item.item()

        def show_xys(self, xs, ys, **options):
            return xs, ys, options

    valid, train = numbers(4), numbers(4)
    train.x = train.y = Side()
    data = DataBunch(DataLoader(train, 4), DataLoader(valid, 4))
    assert data.show_batch(2, DatasetType.Valid, size=3) == ([0.0, 1.0, 2.0, 3.0], [0, 1, 2, 3], {"size": 3})
