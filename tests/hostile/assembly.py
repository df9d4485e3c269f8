"""Files of `torch.save`, put together from single pickle instructions."""

from __future__ import annotations

import io
import pickle
import struct
import zipfile

from fastloop_v1.old_files.safe_pickle import load_export


def older(payload, keys=(), numbers=b""):
    """A file of the older format around a pickle, with keys and content of its storages."""
    head = [0x1950A86A20F9469CFC6C, 1001, {"little_endian": True}]
    return b"".join(
        [*(pickle.dumps(each, 2) for each in head), payload, pickle.dumps(list(keys), 2), numbers]
    )


def zipped(payload, records=(), folder="archive"):
    """A file of the newer format around a pickle, with further records."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in [("data.pkl", payload), ("byteorder", b"little"), *records]:
            archive.writestr(f"{folder}/{name}", content)
    return file.getvalue()


def exported(part):
    """A pickle of a dict with one key, and instructions for its value."""
    return b"\x80\x02}" + value("model") + part + b"s."


def read(part, **options):
    """What the instructions give."""
    return load_export(io.BytesIO(older(exported(part))), **options)["model"]


def value(found):
    """Instructions for a plain value."""
    return pickle.dumps(found, 2)[2:-1]


def short(text):
    """Instructions for a string that is not memorised."""
    return b"X" + struct.pack("<I", len(text)) + text.encode()


def name(module, attribute):
    """Instructions for what a name stands for."""
    return f"c{module}\n{attribute}\n".encode()


def stack_name(module, attribute):
    """Instructions for what a name stands for, put together as since protocol 4."""
    return short(module) + short(attribute) + b"\x93"


def call(function, *arguments):
    """Instructions for a call."""
    return function + b"(" + b"".join(arguments) + b"tR"


def new(kind):
    """Instructions for an object without arguments."""
    return kind + b")\x81"


def build(made, state):
    """Instructions for an object with attributes."""
    return made + state + b"b"


def attributes(**found):
    """Instructions for a dict of names and of what further instructions give."""
    return b"}" + b"".join(short(key) + part + b"s" for key, part in found.items())


def storage(kind, count, key="0"):
    """Instructions for a storage of the older format."""
    return b"(" + value("storage") + name("torch", kind) + value(key) + value("cpu") + value(count) + b"NtQ"


def tensor(kind, size, stride, offset=0, count=2):
    """Instructions for a tensor over a storage of the older format."""
    function, hooks = name("torch._utils", "_rebuild_tensor_v2"), call(name("collections", "OrderedDict"))
    return call(function, storage(kind, count), value(offset), value(size), value(stride), b"\x89", hooks)
