"""Both formats of `torch.save` are taken apart: pickles are handed over, storages made and filled."""

from __future__ import annotations

import io
import pickle
import zipfile
from pickle import UnpicklingError

import pytest
import torch

from fastloop_v1.old_files.torch_file import STORAGE_TYPES, Storages, read_torch_file

CPU = torch.device("cpu")
TYPES = sorted(set(STORAGE_TYPES.values()), key=str)


def plainly(file, persistent):
    """Read a pickle by Python's own reader; only for files written here."""

    class Reader(pickle.Unpickler):
        def find_class(self, module, name):
            return STORAGE_TYPES.get(f"{module}.{name}") or super().find_class(module, name)

        def persistent_load(self, pid):
            return persistent(pid)

    return Reader(file).load()


def written(found, *, zip_format):
    """The bytes of a file."""
    file = io.BytesIO()
    torch.save(found, file, _use_new_zipfile_serialization=zip_format)
    return file.getvalue()


both_formats = pytest.mark.parametrize("zip_format", [True, False], ids=["zip", "older format"])


@both_formats
@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_numbers_of_every_type_come_back(dtype, zip_format):
    expected = torch.tensor([0, 1, 1, 0]).to(dtype)
    assert torch.equal(read_torch_file(written(expected, zip_format=zip_format), CPU, plainly), expected)


@both_formats
def test_file_without_tensors_is_read(zip_format):
    assert read_torch_file(written({"a": [1, "b"]}, zip_format=zip_format), CPU, plainly) == {"a": [1, "b"]}


@both_formats
def test_tensor_without_numbers_is_read(zip_format):
    content = written(torch.zeros(0, 3), zip_format=zip_format)
    assert read_torch_file(content, CPU, plainly).shape == (0, 3)


@both_formats
def test_tensors_go_to_the_device(zip_format):
    content = written(torch.ones(3), zip_format=zip_format)
    assert read_torch_file(content, torch.device("meta"), plainly).device.type == "meta"


def test_class_that_quotes_its_source_is_the_class():
    assert Storages(CPU, 0).persistent(("module", dict, "file.py", "class X: ...")) is dict


def test_storage_of_a_key_is_made_once():
    storages = Storages(CPU, 12)
    first, second = (storages.persistent(("storage", torch.float32, "7", "cpu", 3)) for _ in range(2))
    assert first._untyped_storage.data_ptr() == second._untyped_storage.data_ptr()
    assert (storages.keys(), storages.item_size("7")) == ({"7"}, 4)


ASKED = {
    "no tuple": "storage",
    "nothing": (),
    "other kind": ("function", torch.float32, "0", "cpu", 1),
    "type that is none": ("storage", "FloatStorage", "0", "cpu", 1),
    "type that is not read": ("storage", torch.qint8, "0", "cpu", 1),
    "key that is no text": ("storage", torch.float32, 0, "cpu", 1),
    "length that is no number": ("storage", torch.float32, "0", "cpu", "1"),
    "negative length": ("storage", torch.float32, "0", "cpu", -1),
    "more than the file has": ("storage", torch.float32, "0", "cpu", 4),
    "view of a storage": ("storage", torch.float32, "0", "cpu", 1, ("1", 0, 1)),
}


@pytest.mark.parametrize("asked", ASKED.values(), ids=ASKED)
def test_id_of_no_storage_is_refused(asked):
    with pytest.raises(UnpicklingError):
        Storages(CPU, 12).persistent(asked)


def test_storages_together_are_no_larger_than_the_file():
    storages = Storages(CPU, 12)
    storages.persistent(("storage", torch.float32, "0", "cpu", 2))
    with pytest.raises(UnpicklingError, match="8 bytes of numbers, more than it holds"):
        storages.persistent(("storage", torch.float32, "1", "cpu", 2))


def test_storage_of_two_types_is_refused():
    storages = Storages(CPU, 12)
    storages.persistent(("storage", torch.float32, "0", "cpu", 2))
    with pytest.raises(UnpicklingError, match="two types"):
        storages.persistent(("storage", torch.int32, "0", "cpu", 2))


def test_bool_of_another_byte_is_true():
    storages = Storages(CPU, 3)
    storage = storages.persistent(("storage", torch.bool, "0", "cpu", 3))
    storages.fill("0", bytes([0, 1, 255]))
    assert list(storage._untyped_storage) == [0, 1, 1]


@pytest.mark.parametrize("numbers", [b"", bytes(7), bytes(9)], ids=len)
def test_numbers_of_another_length_are_refused(numbers):
    storages = Storages(CPU, 12)
    storages.persistent(("storage", torch.float32, "0", "cpu", 2))
    with pytest.raises(UnpicklingError, match="not 8"):
        storages.fill("0", numbers)


def zipped(*records, compression=zipfile.ZIP_STORED):
    """The bytes of a zip with these records."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in records:
            archive.writestr(name, content)
    return file.getvalue()


DATA = ("a/data.pkl", pickle.dumps(1))
ZIPS = {
    "packed": zipped(DATA, compression=zipfile.ZIP_DEFLATED),
    "two folders": zipped(DATA, ("b/data.pkl", b"")),
    "name that leaves the folder": zipped(DATA, ("a/../b", b"")),
    "absolute name": zipped(("/a/data.pkl", DATA[1])),
    "highest byte first": zipped(DATA, ("a/byteorder", b"big")),
}


@pytest.mark.parametrize("content", ZIPS.values(), ids=ZIPS)
def test_zip_of_another_shape_is_refused(content):
    with pytest.raises(UnpicklingError, match="not one of|highest byte"):
        read_torch_file(content, CPU, plainly)


def test_zip_of_the_least_is_read():
    assert read_torch_file(zipped(DATA), CPU, plainly) == 1


def test_pickle_that_is_no_torch_file_is_refused():
    with pytest.raises(UnpicklingError, match=r"not written by torch\.save"):
        read_torch_file(pickle.dumps({}) * 3, CPU, plainly)
