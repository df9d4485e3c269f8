"""Nothing in a file is run: what it names, calls and fills is allowed, or refused before it is done."""

from __future__ import annotations

import copyreg
import io
import os
import pickle
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
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
    value,
    zipped,
)

from fastloop_v1.basic_data import DatasetType
from fastloop_v1.checkpoint import RefusedFileError
from fastloop_v1.inert_record import InertRecord
from fastloop_v1.metric_functions import accuracy
from fastloop_v1.old_files.safe_pickle import load_export

OS, PICKLE = os.mkdir.__module__, pickle.loads.__module__
MKDIR = name(OS, "mkdir")
PARTIAL, LINEAR = name("functools", "partial"), name("torch.nn.modules.linear", "Linear")
DATASET_TYPE = name("fastai.basic_data", "DatasetType")
LOSS, ACCURACY = name("fastai.layers", "FlattenedLoss"), name("fastai.metrics", "accuracy")


def text(canary):
    """Instructions for the path of the canary."""
    return value(str(canary))


def make(canary):
    """Instructions for the call that makes the canary."""
    return call(MKDIR, text(canary))


def program(canary):
    """Instructions for Python code that makes the canary."""
    return value(f"open({str(canary)!r}, 'w')")


CALLS = {
    f"{OS}.mkdir": make,
    f"{OS}.system": lambda c: call(name(OS, "system"), value(f"touch {c}")),
    "os.mkdir": lambda c: call(name("os", "mkdir"), text(c)),
    "subprocess.Popen": lambda c: call(name("subprocess", "Popen"), value(["touch", str(c)])),
    "builtins.eval": lambda c: call(name("builtins", "eval"), program(c)),
    "builtins.exec": lambda c: call(name("__builtin__", "exec"), program(c)),
    "builtins.open": lambda c: call(name("builtins", "open"), text(c), value("w")),
    "builtins.__import__": lambda c: call(name("builtins", "__import__"), value("antigravity")),
    "builtins.getattr": lambda c: call(call(name("builtins", "getattr"), LINEAR, value("apply")), text(c)),
    "builtins.map": lambda c: call(name("builtins", "map"), name("builtins", "str"), value([1])),
    "builtins.type": lambda c: call(name("builtins", "type"), value("T"), b")", value({})),
    "importlib.import_module": lambda c: call(name("importlib", "import_module"), value("antigravity")),
    "operator.attrgetter": lambda c: call(name("operator", "attrgetter"), value("x")),
    "operator.methodcaller": lambda c: call(name("operator", "methodcaller"), value("x")),
    "functools.reduce": lambda c: name("functools", "reduce"),
    "types.FunctionType": lambda c: name("types", "FunctionType"),
    f"{PICKLE}.loads": lambda c: call(name(PICKLE, "loads"), value(b"N.")),
    "torch.storage._load_from_bytes": lambda c: call(name("torch.storage", "_load_from_bytes"), value(b"")),
    "torch.serialization.load": lambda c: call(name("torch.serialization", "load"), text(c)),
    "torch.jit._serialization.load": lambda c: call(name("torch.jit._serialization", "load"), text(c)),
    "torch.nn.functional.torch": lambda c: name("torch.nn.functional", "torch"),
    "torch.nn.functional._pad": lambda c: name("torch.nn.functional", "_pad"),
    "torch.nn.parallel.distributed.DistributedDataParallel": lambda c: name(
        "torch.nn.parallel.distributed", "DistributedDataParallel"
    ),
    "numpy.load": lambda c: call(name("numpy", "load"), text(c)),
    "numpy.sys": lambda c: name("numpy", "sys"),
    "pathlib.Path.touch": lambda c: call(stack_name("pathlib", "Path.touch"), text(c)),
    "torch.nn.Module.apply": lambda c: stack_name("torch.nn", "Module.apply"),
    "fastai.core.os.mkdir": lambda c: call(stack_name("fastai.core", "os.mkdir"), text(c)),
    "fastai..os.mkdir": lambda c: call(name("fastai..os", "mkdir"), text(c)),
    "fastloop_v1.checkpoint.os": lambda c: name("fastloop_v1.checkpoint", "os"),
    "fastloop_v1.checkpoint.save_state": lambda c: call(
        name("fastloop_v1.checkpoint", "save_state"), value({}), text(c)
    ),
    "fastloop_v1.losses._SHORT_INTEGERS": lambda c: name("fastloop_v1.losses", "_SHORT_INTEGERS"),
    "fastloop_v1.__main__.main": lambda c: name("fastloop_v1.__main__", "main"),
}
# Ways to get `mkdir` called without calling it.
DETOURS = {
    "partial": lambda c: call(PARTIAL, MKDIR, text(c)),
    "state of a partial": lambda c: build(call(PARTIAL, LINEAR), b"(" + MKDIR + b"(" + text(c) + b"t}Nt"),
    "instance of protocol 0": lambda c: b"(" + text(c) + f"i{OS}\nmkdir\n".encode(),
    "object of protocol 1": lambda c: b"(" + MKDIR + text(c) + b"o",
    "new object": lambda c: MKDIR + b"(" + text(c) + b"t\x81",
    "new object with keywords": lambda c: MKDIR + b")" + attributes(path=text(c)) + b"\x92",
    "name kept in the memo": lambda c: stack_name(OS, "mkdir") + b"q\x630" + call(b"h\x63", text(c)),
    "module kept in the memo": lambda c: short(OS) + b"q\x62" + call(short("mkdir") + b"\x93", text(c)),
    "argument of a record": lambda c: call(name("fastai.vision.learner", "create_body"), make(c)),
    "state of a record": lambda c: build(new(name("fastai.vision.image", "Image")), make(c)),
    "forward of a module": lambda c: build(new(LINEAR), attributes(forward=MKDIR)),
    "hook of a module": lambda c: build(new(LINEAR), attributes(_forward_hooks=b"}K\x00" + MKDIR + b"s")),
    "method of a loss": lambda c: build(new(LOSS), attributes(func=MKDIR)),
    "key of a dict": lambda c: b"}" + make(c) + b"Ns",
    "default of a dict": lambda c: call(name("collections", "defaultdict"), MKDIR),
    "source of a class outside": lambda c: b"(" + value("module") + MKDIR + b"NNtQ",
    "storage outside": lambda c: b"(" + value("storage") + MKDIR + value("0") + value("cpu") + b"K\x01NtQ",
    "value that is dropped": lambda c: make(c) + b"0N",
    "below a mark that is dropped": lambda c: b"(" + make(c) + b"1N",
}  # fmt: skip
ATTACKS = {
    **{refused: (refused, attack) for refused, attack in CALLS.items()},
    **{way: (f"{OS}.mkdir", attack) for way, attack in DETOURS.items()},
}


@pytest.mark.parametrize("wrap", [older, zipped], ids=["older format", "zip"])
@pytest.mark.parametrize(("refused", "attack"), ATTACKS.values(), ids=ATTACKS)
def test_name_that_is_not_allowed_is_refused_by_name(tmp_path, canary, refused, attack, wrap):
    path = tmp_path / "export.pkl"
    path.write_bytes(wrap(exported(attack(canary))))
    with pytest.raises(RefusedFileError) as caught:
        load_export(path)
    assert caught.value.refused == refused
    assert f"{path} was not loaded: it names {refused}" in str(caught.value)
    assert "Nothing in it was run" in str(caught.value)
    assert f'trust=["{refused}"]' in str(caught.value)
    assert isinstance(caught.value, pickle.UnpicklingError)


def test_canary_dies_where_nothing_protects_it(tmp_path):
    assert pickle.loads(exported(make(tmp_path / "canary"))) == {"model": None}
    assert (tmp_path / "canary").is_dir()


@pytest.mark.parametrize("place", ["magic number", "version", "sizes", "list of storages"])
def test_name_in_any_pickle_of_the_older_format_is_refused(canary, place):
    attack, whole = b"\x80\x02" + make(canary) + b".", older(exported(value(1)))
    starts = {"magic number": 0, "version": 15, "sizes": 21, "list of storages": -len(pickle.dumps([], 2))}
    with pytest.raises(RefusedFileError) as caught:
        load_export(io.BytesIO(whole[: starts[place]] + attack))
    assert caught.value.refused == f"{OS}.mkdir"


def test_name_before_damage_is_refused_by_name(canary):
    with pytest.raises(RefusedFileError) as caught:
        read(make(canary) + b"\xff")
    assert caught.value.refused == f"{OS}.mkdir"


def test_all_refused_names_are_told_at_once():
    names = [
        ("torchvision.models.resnet", "BasicBlock"),
        ("mypkg", "Head"),
        ("mypkg", "Head"),
        ("torch.nn", "Linear"),
    ]
    with pytest.raises(RefusedFileError) as caught:
        read(b"(" + b"".join(name(*pair) for pair in names) + b"l")
    assert 'trust=["torchvision.models.resnet.BasicBlock", "mypkg.Head"]' in str(caught.value)
    assert caught.value.refused == "torchvision.models.resnet.BasicBlock"


# What may be held is not for calling, and what may be called is not for calling with anything.
MISUSED = {
    "class called": call(LINEAR, value(1), value(1)),
    "function called": call(ACCURACY, value(1)),
    "class of this package called": call(LOSS, LINEAR),
    "object called": call(new(LINEAR), value(1)),
    "partial called": call(call(PARTIAL, LINEAR), value(1)),
    "text called": call(value("text")),
    "record called": call(new(name("fastai.vision", "Image")), value(1)),
    "plain object made": new(name("builtins", "object")),
    "object made with arguments": LOSS + value((1,)) + b"\x81",
    "arguments that are no tuple": LOSS + b"]\x81",
    "function filled": build(ACCURACY, value({"a": 1})),
    "class filled": build(LINEAR, value({"a": 1})),
    "class filled by slots": build(LOSS, value((None, {"a": 1}))),
    "record's class filled": build(name("fastai.vision", "Image"), value({"a": 1})),
    "what is called filled": build(name("pathlib._local", "PosixPath"), b"(" + LINEAR + b")}Nt"),
    "member of an enum filled": build(call(DATASET_TYPE, value(1)), value({"a": 1})),
    "slots of a module": build(new(LINEAR), value(({}, {"forward": 1}))),
    "attributes without names": build(new(LINEAR), value({1: 2})),
    "size filled": build(call(name("torch", "Size"), b")"), value({"a": 1})),
    "text filled": build(value("text"), value({"a": 1})),
    "members added to a module": new(name("torch.nn", "ModuleList")) + value(1) + b"a",
    "pairs set in a module": new(name("torch.nn", "ModuleDict")) + value("a") + value(1) + b"s",
    "partial of an object": call(PARTIAL, new(LINEAR)),
    "partial of nothing": call(PARTIAL),
    "partial filled with an object": build(call(PARTIAL, LINEAR), b"(" + new(LINEAR) + b")}Nt"),
    "partial filled with no names": build(call(PARTIAL, LINEAR), b"(" + LINEAR + b")}K\x01K\x01sNt"),
    "list of a range": call(name("builtins", "list"), call(name("builtins", "range"), value(10**12))),
    "bytes of a length": call(name("builtins", "bytearray"), value(10**12)),
    "default that is no plain type": call(name("collections", "defaultdict"), LINEAR),
    "slice of a list": call(name("builtins", "slice"), value([])),
    "path of bytes": call(name("pathlib", "PosixPath"), value(b"a")),
    "bytes by another encoding": call(name("_codecs", "encode"), value("a"), value("rot13")),
    "numpy function": call(name("numpy.core", "_ufunc_reconstruct"), value("numpy"), value("load")),
    "function of no numpy": call(name("numpy.core", "_ufunc_reconstruct"), value("os"), value("less")),
    "array of a length": call(
        name("numpy.core.multiarray", "_reconstruct"), name("numpy", "ndarray"), value((10**12,)), value(b"b")
    ),
    "record of no name": call(name("fastloop_v1.inert_record", "inert_class"), value("../a.b")),
    "id of its own kind": value(("function", 1)) + b"Q",
    "id that is a text": b"Pos.system\n",
    "extension": b"\x82\xc8",
    "buffer outside": b"\x97",
}  # fmt: skip


@pytest.mark.parametrize("part", MISUSED.values(), ids=MISUSED)
def test_what_may_be_held_is_not_misused(part):
    with pytest.raises(RefusedFileError, match="was not loaded"):
        read(part)


def test_refused_filling_leaves_shared_objects_as_they_are():
    for part in (MISUSED["member of an enum filled"], MISUSED["what is called filled"]):
        with pytest.raises(RefusedFileError):
            read(part)
    assert not hasattr(DatasetType(1), "a")
    assert read(call(name("pathlib._local", "PosixPath"), value("a"))) in (Path("a"), *Path("a").parents)


def test_extension_registry_is_not_asked(canary):
    copyreg.add_extension(OS, "mkdir", 200)
    try:
        with pytest.raises(RefusedFileError, match="EXT1"):
            read(call(b"\x82\xc8", text(canary)))
    finally:
        copyreg.remove_extension(OS, "mkdir", 200)


@pytest.mark.parametrize("package", ["", "torch.", "numpy.", "fastloop_v1.", "fastai."])
def test_module_that_a_file_names_is_not_imported(tmp_path, monkeypatch, canary, package):
    (tmp_path / "hostile_module.py").write_text(f"open({str(canary)!r}, 'w')", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    with nullcontext() if package == "fastai." else pytest.raises(RefusedFileError):
        read(name(f"{package}hostile_module", "thing"))
    assert not [module for module in sys.modules if module.endswith("hostile_module")]


def test_attribute_named_like_a_method_is_not_called():
    # The second state would go to the first one's `__setstate__`, were it asked of the object.
    once = build(new(LOSS), attributes(__setstate__=ACCURACY))
    assert vars(read(build(once, value({"axis": 3})))) == {"__setstate__": accuracy, "axis": 3}


def test_attribute_of_a_dict_named_like_a_method_is_not_called():
    made = build(call(name("collections", "OrderedDict")), attributes(keys=ACCURACY, values=ACCURACY))
    assert list(read(made)) == []


def test_function_of_v1_that_does_more_than_compute_becomes_a_record(canary):
    url = Path(__file__).as_uri()
    record = read(call(name("fastai.core", "download_url"), value(url), text(canary)))
    assert isinstance(record, InertRecord)
    assert record.args == (url, str(canary))
