"""Damaged files, and files that declare more than they hold, are refused without harm."""

from __future__ import annotations

import io
import pickle
import random
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from assembly import (
    attributes,
    build,
    call,
    exported,
    name,
    new,
    older,
    read,
    short,
    storage,
    tensor,
    value,
    zipped,
)
from torch import nn

from fastloop_v1.checkpoint import RefusedFileError
from fastloop_v1.losses import CrossEntropyFlat
from fastloop_v1.old_files.safe_pickle import load_export

V1 = Path(__file__).parents[1] / "artifacts" / "export_clas.pkl"


@pytest.fixture(scope="module")
def whole_files():
    """A file of v1, one of ours in the newer format, and one with arrays."""
    ours, arrays = io.BytesIO(), io.BytesIO()
    torch.save({"model": nn.Linear(2, 1), "loss_func": CrossEntropyFlat()}, ours)
    torch.save({"a": np.arange(3.0), "b": np.array(["x"], object), "c": np.float64(2)}, arrays)
    return [V1.read_bytes(), ours.getvalue(), arrays.getvalue()]


def test_truncated_file_is_refused(whole_files):
    for content in whole_files:
        for end in [*range(0, len(content), 64), len(content) - 1]:
            with pytest.raises(RefusedFileError):
                load_export(io.BytesIO(content[:end]))


@pytest.mark.filterwarnings("ignore:invalid escape sequence")
def test_changed_bytes_give_an_export_or_a_refusal(whole_files):
    draw = random.Random(0)
    for content in whole_files * 100:
        changed = bytearray(content)
        for _ in range(draw.randint(1, 4)):
            changed[draw.randrange(len(changed))] = draw.randrange(256)
        try:
            assert type(load_export(io.BytesIO(bytes(changed)))) is dict
        except RefusedFileError:
            continue


NO_EXPORTS = {
    "empty": b"",
    "text": b"hello",
    "JSON": b'{"model": 1}',
    "page": b"<html>",
    "no value": b"\x80\x02.",
    "start of a zip": b"PK\x03\x04",
    "zeros": bytes(1000),
    "plain pickle": pickle.dumps({"a": 1}, 2),
    "unknown protocol": older(b"\x80\x7f}."),
    "value taken twice": older(exported(b"N00000")),
    "mark never set": older(exported(b"t")),
    "memo never filled": older(exported(b"h\x63")),
    "odd pairs": older(exported(b"}(Nu")),
    "other storages listed": older(exported(b"N"), ["0"], bytes(8)),
    "storage left out": older(exported(storage("FloatStorage", 1))),
    "costly storage name": older(exported(b"N"))[:-4] + b"](" + b")" + b"\x85" * 100_000 + b"e.",
}


@pytest.mark.parametrize("content", NO_EXPORTS.values(), ids=NO_EXPORTS)
def test_file_that_is_no_export_is_refused_by_its_name(tmp_path, content):
    path = tmp_path / "export.pkl"
    path.write_bytes(content)
    with pytest.raises(
        RefusedFileError, match=r"export\.pkl was not loaded: its content cannot be read"
    ) as caught:
        load_export(path)
    assert caught.value.refused is None


@pytest.mark.parametrize(
    "part", [b"]", b"K\x01", b"]\x85", new(name("fastai.learner", "Learner")), value({1: 2})]
)
def test_file_that_holds_no_dict_of_names_is_refused(part):
    with pytest.raises(RefusedFileError, match="not a dict of names"):
        load_export(io.BytesIO(older(b"\x80\x02" + part + b".")))


MANY, FEWER = 100_000, 2_000
RECORD = name("fastai.vision", "Image") + b"q\x00)\x81"
MODULE = name("torch.nn", "Module") + b"q\x00)\x81"
PARTIAL = name("torch.nn", "Linear") + b"q\x01q\x020" + name("functools", "partial") + b"q\x00"
DICT = name("collections", "OrderedDict") + b"q\x00)R"
DEEP = {
    "lists": b"]" * MANY + b"a" * (MANY - 1),
    "tuples": b")" + b"\x85" * MANY,
    "dicts": b"}" + b"K\x00}" * MANY + b"s" * MANY,
    "lists by memo": b"]q\x01" + b"0]h\x01aq\x01" * MANY,
    "records": RECORD + b"q\x010h\x00h\x01\x85\x81" * FEWER,
    "states of records": RECORD + b"h\x00)\x81" * FEWER + b"b" * FEWER,
    "modules": MODULE + (b"}" + short("a") + b"h\x00)\x81") * FEWER + b"sb" * FEWER,
    "partials": PARTIAL + b"0h\x00h\x01\x85R(h\x01h\x02\x85}Ntbq\x02" * FEWER,
    "ordered dicts": DICT + b"K\x00h\x00)R" * FEWER + b"s" * FEWER,
    "attributes of dicts": DICT + (b"}" + short("a") + b"h\x00)R") * FEWER + b"sb" * FEWER,
}


@pytest.mark.parametrize("part", DEEP.values(), ids=DEEP)
def test_deep_nesting_is_refused(part):
    with pytest.raises(RefusedFileError, match="nested more than 1000 deep"):
        read(part)


@pytest.mark.parametrize(
    "part",
    [
        b"}" + b")" + b"\x85" * MANY + b"Ns",
        b"\x8f(" + b")" + b"\x85" * MANY + b"\x90",
        call(name("builtins", "set"), b"](" + b")" + b"\x85" * MANY + b"e"),
        b"}" + b")" + b"q\x00h\x00\x86" * 64 + b"Ns",
        b"(" * MANY + b"\x91" * MANY,
    ],
    ids=["key of a dict", "member of a set", "member of a set made by call", "doubled tuples", "frozen sets"],
)
def test_key_that_is_costly_to_hash_is_refused(part):
    with pytest.raises(RefusedFileError, match="a key has more than 1000 parts"):
        read(part)


def test_deepest_that_pickle_writes_is_read():
    nested = []
    for _ in range(300):
        nested = [nested]
    assert read(value(nested)) == nested


def test_object_that_holds_itself_is_read():
    part = read(b"]q\x00h\x00a")
    assert part[0] is part


def test_shared_parts_are_walked_through_once():
    assert len(read(b")" + b"q\x00h\x00\x86" * 100)) == 2


def with_numbers(part, count=2, numbers=bytes(8)):
    """A file whose one storage has that many numbers."""
    return io.BytesIO(older(exported(part), ["0"], struct.pack("<q", count) + numbers))


def test_tensor_within_its_storage_is_read():
    found = load_export(
        with_numbers(tensor("FloatStorage", (2, 3), (1, 0)), numbers=struct.pack("<ff", 1, 2))
    )
    assert found["model"].tolist() == [[1, 1, 1], [2, 2, 2]]


OVERSIZED = {
    "size": tensor("FloatStorage", (3,), (1,)),
    "stride": tensor("FloatStorage", (2,), (2,)),
    "offset": tensor("FloatStorage", (2,), (1,), offset=1),
    "negative offset": tensor("FloatStorage", (1,), (1,), offset=-1),
    "negative stride": tensor("FloatStorage", (2,), (-1,), offset=1),
    "negative size": tensor("FloatStorage", (-1,), (1,)),
    "other lengths": tensor("FloatStorage", (1,), (1, 1)),
    "shown numbers": tensor("FloatStorage", (1 << 31,), (0,)),
    "storage": tensor("FloatStorage", (1,), (1,), count=10**12),
    "empty tensor far away": tensor("FloatStorage", (0,), (1,), offset=10**12),
    "two types": tensor("FloatStorage", (2,), (1,)) + b"0" + tensor("LongStorage", (1,), (1,), count=1),
    "type that is not read": tensor("qint8", (2,), (1,)),
    "layers": build(new(name("torch.nn", "LSTM")), value({"num_layers": 10**12, "_all_weights": [[1]]})),
    "padding": build(
        new(name("torch.nn", "Conv1d")), attributes(padding=call(name("builtins", "range"), value(10**12)))
    ),
    "bytes": b"\x8e" + struct.pack("<q", 10**12),
    "bytearray": b"\x96" + struct.pack("<q", 10**12),
    "text": b"\x8d" + struct.pack("<q", 10**12),
    "integer": b"\x8b" + struct.pack("<i", 2**31 - 1),
    "digits": b"L" + b"9" * 100_000 + b"L\n",
    "dicts with a default": name("collections", "defaultdict")
    + b"q\x00)R"
    + b"K\x00h\x00)R" * MANY
    + b"s" * MANY,
    "copies": short("a" * 10_000)
    + b"q\x00"
    + call(name("_codecs", "encode"), b"h\x00", value("latin1")) * 100,
}


COSTLY = b")" + b"\x85" * MANY
OVERSIZED["member of an enum"] = call(name("fastai.basic_data", "DatasetType"), COSTLY)
OVERSIZED["byte order"] = build(call(name("numpy", "dtype"), value("f8")), b"(K\x03" + COSTLY + b"NNNNNNt")


@pytest.mark.parametrize("part", OVERSIZED.values(), ids=OVERSIZED)
def test_more_than_the_file_holds_is_refused(part):
    with pytest.raises(RefusedFileError):
        load_export(with_numbers(part))


@pytest.mark.parametrize(
    ("count", "numbers"),
    [(1, bytes(8)), (3, bytes(12)), (2, bytes(7)), (-1, b""), (2**62, bytes(8))],
    ids=["fewer", "more", "cut off", "negative", "huge"],
)
def test_numbers_that_do_not_fit_their_storage_are_refused(count, numbers):
    with pytest.raises(RefusedFileError):
        load_export(with_numbers(tensor("FloatStorage", (2,), (1,)), count, numbers))


LEAVING = {
    "name": zipped(exported(b"N"), [("../../evil", b"")]),
    "folder": zipped(exported(b"N"), folder=".."),
    "absolute name": zipped(exported(b"N"), folder="/etc"),
    "numbers": zipped(exported(b"N"), [("data/../../evil", b"")]),
}


@pytest.mark.parametrize("content", LEAVING.values(), ids=LEAVING)
def test_zip_with_names_that_leave_its_folder_is_refused(tmp_path, monkeypatch, content):
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")
    with pytest.raises(RefusedFileError, match=r"not one of torch\.save"):
        load_export(io.BytesIO(content))
    assert list(tmp_path.rglob("*")) == [tmp_path / "inner"]


@pytest.mark.parametrize("key", ["../../data.pkl", "/etc/passwd", "1", "."])
def test_storage_that_is_not_in_the_zip_is_refused(key):
    asked = b"(" + value("storage") + name("torch", "ByteStorage") + value(key) + value("cpu") + b"K\x01tQ"
    with pytest.raises(RefusedFileError):
        load_export(io.BytesIO(zipped(exported(asked), [("data/0", b"\0")])))
