"""A child with 200 MB to spare reads hostile files with every reader: all refused in time, nothing made."""

from __future__ import annotations

import copy
import hashlib
import io
import json
import os
import pickle
import random
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

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
    stack_name,
    storage,
    tensor,
    value,
    zipped,
)
from test_names import ATTACKS
from torch import nn

from fastloop_v1.checkpoint import RefusedFileError
from fastloop_v1.exports.learner_folder import described_learner, load_folder
from fastloop_v1.losses import CrossEntropyFlat

HERE = Path(__file__).parent
SECONDS_FOR_ALL = 300
LINEAR, MODULE = name("torch.nn.modules.linear", "Linear"), name("torch.nn", "Module")
OS = os.mkdir.__module__
PRIME = 2**61 - 1


def long(number):
    """Instructions for a whole number."""
    content = pickle.encode_long(number)
    return b"\x8a" + bytes([len(content)]) + content


def pair_keys(count):
    """Pairs of whole numbers that all have one hash, found by solving what Python computes for it."""
    modulus, first, second, start = 2**64, 11400714785074694791, 14029467366897019727, 2870177450012600261
    back, found, aim, lane = pow(second, -1, 2**64), [], None, 0
    while len(found) < count:
        lane += 1
        state = (start + lane * second) % modulus
        state = ((state << 31) | (state >> 33)) % modulus * first % modulus
        aim = (state + 5 * second) % modulus if aim is None else aim
        other = (aim - state) * back % modulus
        other -= modulus if other >= modulus // 2 else 0
        if -PRIME < other < PRIME and other != -1:
            found.append((lane, other))
    return found


def learner(**parts):
    """Instructions for an export with these parts beside a model."""
    return b"\x80\x02" + attributes(model=build(new(LINEAR), value(vars(nn.Module()))), **parts) + b"."


PICKLES = {
    "dotted name": exported(stack_name("torch.nn", "Module.__init__.__globals__")),
    "dotted module": exported(stack_name("torch.nn.Module", "__init__")),
    "attribute of an attribute": exported(
        call(
            name("builtins", "getattr"),
            call(name("builtins", "getattr"), LINEAR, value("forward")),
            value("__globals__"),
        )
    ),
    "attribute of a record": exported(
        call(name("builtins", "getattr"), name("fastai.x", "Y"), value("__class__"))
    ),
    "function of torch that writes": exported(
        call(name("builtins", "getattr"), name("torch._C", "_VariableFunctions"), value("from_file"))
    ),
    "extension of one byte": exported(b"\x82\x01"),
    "extension of two bytes": exported(b"\x83\x01\x00"),
    "extension of four bytes": exported(b"\x84\x01\x00\x00\x00"),
    "hooks of a module": exported(
        build(
            new(LINEAR),
            attributes(
                _forward_hooks=b"}"
                + value(1)
                + call(name("functools", "partial"), name(OS, "system"), value("x"))
                + b"s"
            ),
        )
    ),
    "state setter of its own": exported(
        build(new(LINEAR), attributes(__setstate__=name("builtins", "exec")))
    ),
    "loading again": exported(call(name("torch", "load"), value("x"))),
    "numbers with one hash": exported(b"}" + b"".join(long(i * PRIME) + b"Ns" for i in range(1, 30_000))),
    "members with one hash": exported(
        call(name("builtins", "set"), b"](" + b"".join(long(i * PRIME) for i in range(1, 30_000)) + b"e")
    ),
    "pairs with one hash": exported(
        b"}" + b"".join(value(key).replace(b"q\x00", b"") + b"Ns" for key in pair_keys(30_000))
    ),
    "many instructions": exported(b"]0" * 600_000 + b"N"),
    "many names": exported(b"(" + b"".join(name(f"fastai.m{i}", "A") for i in range(20_000)) + b"l"),
    "deep lists": exported(b"]" * 100_000 + b"a" * 99_999),
    "deep tuples": exported(b")" + b"\x85" * 100_000),
    "lists in lists by memo": exported(b"]q\x01" + b"0]h\x01ah\x01aq\x01" * 5000),
    "storage that is not there": exported(storage("FloatStorage", 10**11)),
    "tensor beyond its storage": exported(tensor("FloatStorage", (10**6, 10**6), (10**6, 1))),
    "bytes of a length": exported(call(name("builtins", "bytearray"), value(10**12))),
    "tensor of a length": exported(name("torch", "Tensor") + value((10**10,)) + b"\x81"),
    "array of objects": exported(
        call(
            name("numpy.core.multiarray", "_reconstruct"), name("numpy", "ndarray"), value((0,)), value(b"b")
        )
        + b"(K\x01K\x01\x85"
        + call(name("numpy", "dtype"), value("O8"))
        + b"\x89("
        + name(OS, "system")
        + b"lttb"
    ),
    "large layer as a callback": learner(
        cb_state=b"}" + LINEAR + value({"in_features": 10**6, "out_features": 10**6}) + b"s",
        opt_func=b"N",
        data=b"}",
    ),
    "class of the learner": learner(cls=value(3), cb_state=value([]), data=b"}"),
    "unknown part": learner(opt=b"N", data=b"}"),
    "data that are no dict": learner(data=value([1])),
    "classes without a length": learner(
        data=attributes(
            y_proc=b"(" + build(new(name("fastai.data_block", "P")), value({"classes": 3})) + b"l"
        )
    ),
    "model that is no model": exported(value(1)),
    "model in a module that is none": exported(build(new(MODULE), attributes(_modules=value({"a": 1})))),
}


def with_size(record_size):
    """A zip whose directory says so much of one record."""
    content = bytearray(zipped(exported(b"N")))
    place = content.rindex(b"PK\x01\x02", 0, content.rindex(b"byteorder"))
    content[place + 20 : place + 28] = struct.pack("<II", record_size, record_size)
    return bytes(content)


def packed(level_content):
    """A zip with packed records."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", level_content)
    return file.getvalue()


def overlapping(count):
    """A zip whose storages are all the same bytes of the file."""
    asked = b"".join(
        b"("
        + value("storage")
        + name("torch", "ByteStorage")
        + value(str(i))
        + value("cpu")
        + value(1 << 20)
        + b"tQ"
        for i in range(count)
    )
    content = zipped(exported(b"(" + asked + b"l"), [("data/0", bytes(1 << 20))])
    with zipfile.ZipFile(file := io.BytesIO(content), "a") as archive:
        first = archive.getinfo("archive/data/0")
        for i in range(1, count):
            again = copy.copy(first)
            again.filename = f"archive/data/{i}"
            archive.filelist.append(again)
            archive.NameToInfo[again.filename] = again
        archive._didModify = True
    return file.getvalue()


FILES = {
    "packed bomb": packed(bytes(300 << 20)),
    "record of 4 GB": with_size(0xFFFFFFF0),
    "storages that overlap": overlapping(1000),
    "many records": zipped(exported(b"N"), [(f"data/{i}", b"") for i in range(5000)]),
    "name that leaves": zipped(exported(b"N"), [("../../../canary", b"x")]),
    "JSON": b"[" * 100_000,
}


def sealed(folder, contents):
    """Write files with digests that fit them."""
    folder.mkdir()
    digests = "".join(f"{hashlib.sha256(held).hexdigest()}  {name}\n" for name, held in contents.items())
    for file, held in {**contents, "SHA256SUMS": digests.encode()}.items():
        (folder / file).write_bytes(held)
    return folder


def good_folder():
    """The description and the tensors of a small learner."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    state = {
        "model": model,
        "loss_func": CrossEntropyFlat(),
        "data": {"a": (1, 2.5)},
        "metrics": [],
        "cb_state": {},
    }
    contents = described_learner(state)
    return json.loads(contents["learner.json"]), contents["model.safetensors"]


def header(text, numbers=b""):
    """A safetensors file with this header."""
    return struct.pack("<Q", len(text)) + text + numbers


TENSORS = {
    "header of a length": struct.pack("<Q", 2**62) + b"{}",
    "header that is deep": header(b'{"a":' * 50_000),
    "header of numbers": header(b"[1, 2]"),
    "numbers that are not there": header(
        b'{"a":{"dtype":"F32","shape":[1000000000],"data_offsets":[0,4000000000]}}'
    ),
    "numbers that overlap": header(
        b'{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}',
        bytes(4),
    ),
    "shape that does not fit": header(b'{"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}}', bytes(4)),
    "type that is none": header(b'{"a":{"dtype":"PY","shape":[1],"data_offsets":[0,1]}}', bytes(1)),
    "empty": b"",
}
LEARNERS = {
    "list": [],
    "number": 1,
    "name that is not allowed": {"model": {"call": f"{OS}.system", "args": ["touch canary"]}},
    "name in a state": {
        "model": {
            "new": "torch.nn.modules.linear.Linear",
            "state": {"dict": {"forward": {"name": "builtins.eval"}}},
        }
    },
    "name by attributes": {
        "model": {"call": "builtins.getattr", "args": [{"name": "torch.nn.modules.linear.Linear"}, "apply"]}
    },
    "nothing to refer to": {"model": {"ref": 7}},
    "itself": {"model": {"tuple": [{"ref": 1}], "id": 1}},
    "number that is a list": {"model": {"list": [], "id": []}},
    "two kinds": {"model": {"list": [], "dict": {}}},
    "no kind": {"model": {"x": 1}},
    "bytes": {"model": {"bytes": "???"}},
    "float": {"model": {"float": "1e9"}},
    "tensor that is not there": {"model": {"tensor": "x"}},
    "tensor of a length": {
        "model": {"tensor": "0.weight", "shape": [10**9, 10**9], "stride": [0, 0], "offset": 0}
    },
    "tensor before its start": {"model": {"tensor": "0.weight", "shape": [1], "stride": [1], "offset": -5}},
    "one hash": {"model": {"dict": [[i * PRIME, None] for i in range(1, 5000)]}},
    "class that is called": {"model": {"call": "torch.nn.modules.linear.Linear", "args": [10**6, 10**6]}},
}


def deep(count):
    """A description that is nested so deep."""
    return '{"list":[' * count + "]}" * count


def write_pickles(folder, canary):
    """Write all hostile files, and return by file name what each is."""
    pickles = {**PICKLES, **{way: exported(attack(canary)) for way, (_, attack) in ATTACKS.items()}}
    forms = {"older": older, "zip": zipped}
    files = {f"{way}, {form}": wrap(each) for way, each in pickles.items() for form, wrap in forms.items()}
    for number, content in enumerate({**files, **FILES}.values()):
        (folder / f"{number}.pkl").write_bytes(content)
    return {f"{number}.pkl": way for number, way in enumerate({**files, **FILES})}


def write_folders(folder):
    """Write all hostile folders."""
    good, tensors = good_folder()
    text = json.dumps(good)
    for number, content in enumerate(TENSORS.values()):
        sealed(folder / f"t{number}", {"learner.json": text.encode(), "model.safetensors": content})
    texts = [json.dumps({**good, "learner": each}) for each in LEARNERS.values()]
    texts += [
        text.replace('"learner": {', f'"learner": {{"x": {deep(count)}, ', 1) for count in (900, 100_000)
    ]
    texts += [json.dumps({**good, **changed}) for changed in ({"schema_version": 2}, {"tensors": "../a"})]
    for number, each in enumerate([*texts, "", "[", "null", '{"schema_version": 1}']):
        sealed(folder / f"j{number}", {"learner.json": each.encode(), "model.safetensors": tensors})


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """What every reader made of every hostile file: file, reader, outcome, seconds."""
    folder, home = tmp_path_factory.mktemp("files"), tmp_path_factory.mktemp("nothing")
    names = write_pickles(folder, home / "canary")
    write_folders(folder)
    done = subprocess.run(
        [sys.executable, HERE / "reading_child.py", folder],
        cwd=home,
        env={**os.environ, "PYTHONPATH": str(HERE.parents[1])},
        capture_output=True,
        text=True,
        timeout=SECONDS_FOR_ALL,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert list(home.iterdir()) == []
    return [(names.get(file, file), *rest) for file, *rest in map(json.loads, done.stdout.splitlines())]


def test_no_reader_takes_a_hostile_file(outcomes):
    for file, reader, outcome, _ in outcomes:
        # Whatever holds only plain values is no weights of this model, as torch says.
        expected = ("refused", "failed: RuntimeError: Error(s) in loading state_dict")[
            : 1 + (reader == "load")
        ]
        assert reader == "inspect" or outcome.startswith(expected), (file, reader, outcome)


def test_inspection_tells_of_every_file(outcomes):
    assert not [each for each in outcomes if each[1] == "inspect" and each[2] != "read"]


def test_no_file_takes_long(outcomes):
    assert not [each for each in outcomes if each[3] > 10]  # 2 seconds on a machine with nothing else to do


def _places(node, found):
    if isinstance(node, dict):
        found += [(node, key) for key in node]
        for value in node.values():
            _places(value, found)
    elif isinstance(node, list):
        found += [(node, i) for i in range(len(node))]
        for value in node:
            _places(value, found)
    return found


def test_description_of_wrong_types_is_read_or_refused(tmp_path):
    draw, (good, tensors) = random.Random(0), good_folder()
    for number in range(400):
        changed = copy.deepcopy(good)
        node, key = draw.choice(_places(changed, []))
        node[key] = draw.choice(
            [
                None,
                True,
                -1,
                1.5,
                "a",
                "builtins.eval",
                [],
                {},
                [[1]],
                {"ref": 1},
                {"list": [1]},
                {"tensor": "0.bias"},
            ]
        )
        folder = sealed(
            tmp_path / str(number),
            {"learner.json": json.dumps(changed).encode(), "model.safetensors": tensors},
        )
        try:
            assert type(load_folder(folder)) is dict
        except RefusedFileError:
            continue


def test_record_of_a_method_is_all_that_an_attribute_of_v1_gives():
    found = read(call(name("builtins", "getattr"), name("fastai.vision.data", "ImageList"), short("open")))
    assert f"{type(found).__module__}.{type(found).__name__}" == "fastai.vision.data.ImageList.open"
