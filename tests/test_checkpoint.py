"""States on disk: written whole, read without running anything."""

from __future__ import annotations

import io
import os
import pickle
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from fastloop_v1.checkpoint import RefusedFileError, load_state, save_state, torch_save, try_save
from fastloop_v1.errors import FastloopError, UnwritablePathError

needs_safe_globals = pytest.mark.skipif(
    not hasattr(torch.serialization, "safe_globals"), reason="torch 2.5 and later"
)

ARTIFACTS = sorted((Path(__file__).parent / "artifacts").glob("*.pth"))
STATE = {"weight": torch.arange(4.0), "step": 3, "betas": (0.9, 0.99), "name": "sgd", "nested": [{"x": None}]}


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> tuple[Any, Any]:
        return self.call


class OldNumpyPickler(pickle._Pickler):
    """Writes numpy scalars under the module name numpy had before version 2, or has since."""

    module = "numpy.core.multiarray"

    def save_global(self, obj: Any, name: str | None = None) -> None:
        if getattr(obj, "__name__", "") == "scalar":
            self.write(b"c" + self.module.encode() + b"\nscalar\n")
            self.memoize(obj)
        else:
            super().save_global(obj, name)


class NewNumpyPickler(OldNumpyPickler):
    """Writes numpy scalars under the module name of numpy 2."""

    module = "numpy._core.multiarray"


def written_by(pickler: type[pickle._Pickler], state: Any) -> io.BytesIO:
    """Return a file of the older format whose pickles that pickler wrote."""
    file = io.BytesIO()
    module = SimpleNamespace(
        __name__="pickle", Pickler=pickler, dump=lambda obj, out, protocol: pickler(out, protocol).dump(obj)
    )
    torch_save(state, file, pickle_module=module)
    file.seek(0)
    return file


def assert_same(left: Any, right: Any) -> None:
    assert type(left) is type(right)
    if isinstance(left, torch.Tensor):
        assert torch.equal(left, right)
        assert left.dtype == right.dtype
    elif isinstance(left, dict):
        assert list(left) == list(right)
        for key in left:
            assert_same(left[key], right[key])
    elif isinstance(left, (list, tuple)):
        assert len(left) == len(right)
        for one, other in zip(left, right, strict=True):
            assert_same(one, other)
    else:
        assert left == right


@pytest.mark.parametrize("save", [save_state, torch_save, lambda state, target: try_save(state, file=target)])
@pytest.mark.parametrize("kind", ["path", "string", "buffer"])
def test_saved_state_comes_back_the_same(tmp_path: Path, save: Any, kind: str) -> None:
    buffer = io.BytesIO()
    target = {"path": tmp_path / "a.pth", "string": str(tmp_path / "a.pth"), "buffer": buffer}[kind]
    save(STATE, target)
    buffer.seek(0)
    assert_same(load_state(target), STATE)


def test_tensors_come_back_on_the_device_asked_for(tmp_path: Path) -> None:
    save_state(STATE, tmp_path / "a.pth")
    assert load_state(tmp_path / "a.pth")["weight"].device == torch.device("cpu")
    assert load_state(tmp_path / "a.pth", "meta")["weight"].device == torch.device("meta")


@pytest.mark.parametrize("path", ARTIFACTS, ids=lambda path: path.stem)
def test_file_of_v1_is_read_as_unguarded_pickle_reads_it(path: Path) -> None:
    assert_same(load_state(path), torch.load(path, weights_only=False))


def test_files_of_v1_are_there() -> None:
    assert [path.stem for path in ARTIFACTS] == [
        "pth_adam_onecycle", "pth_noopt", "pth_rms_skipopt", "pth_sgd_groups"
    ]  # fmt: skip


def test_optimizer_with_numpy_learning_rates_comes_back(tmp_path: Path) -> None:
    model = nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    optimizer.param_groups[0]["lr"] = np.float64(1e-3) * 2
    save_state(optimizer.state_dict(), tmp_path / "a.pth")
    optimizer.load_state_dict(load_state(tmp_path / "a.pth"))
    assert optimizer.param_groups[0]["lr"] == 2e-3


@pytest.mark.parametrize("pickler", [OldNumpyPickler, NewNumpyPickler])
@pytest.mark.parametrize(
    "value",
    [
        np.float64(0.1), np.float32(0.1), np.float16(0.5), np.int64(-3), np.uint8(200), np.bool_(True),
        np.complex128(1 + 2j),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_numpy_number_of_either_numpy_comes_back(pickler: type[pickle._Pickler], value: Any) -> None:
    file = written_by(pickler, {"lr": [value, value]})
    assert pickler.module.encode() in file.getvalue()
    assert_same(load_state(file), {"lr": [value, value]})


def test_big_endian_number_is_read_by_its_byte_order() -> None:
    scalar, _ = np.float64(0).__reduce__()[:2]
    big = np.dtype(">f8")
    file = io.BytesIO()
    torch.save(Call(scalar, big, np.array(0.25, big).tobytes()), file)
    file.seek(0)
    assert load_state(file) == 0.25


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "older format"])
def test_code_in_a_file_is_refused_by_name_and_not_run(tmp_path: Path, zipped: bool) -> None:
    proof, path = tmp_path / "ran", tmp_path / "bad.pth"
    torch.save({"model": Call(os.mkdir, str(proof))}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(RefusedFileError, match=r"names \w+\.mkdir.*Nothing in it was run") as caught:
        load_state(path)
    assert str(path) in str(caught.value)
    assert caught.value.refused == f"{os.mkdir.__module__}.mkdir"
    assert isinstance(caught.value, (FastloopError, pickle.UnpicklingError))
    assert not proof.exists()


@pytest.mark.parametrize(
    ("value", "refused"),
    [
        pytest.param(Call(eval, "1"), "builtins.eval", id="eval"),
        pytest.param(Call(getattr, "", "join"), "builtins.getattr", id="getattr"),
        pytest.param(np.zeros(3), "numpy.core.multiarray._reconstruct", id="array"),
        pytest.param(np.float64, "numpy.float64", id="numpy class"),
        pytest.param(nn.ReLU(), "torch.nn.modules.activation.ReLU", id="module"),
        pytest.param(Path("a"), None, id="path"),
    ],
)
def test_anything_but_values_is_refused(value: Any, refused: str | None) -> None:
    file = io.BytesIO()
    torch.save([value], file)
    file.seek(0)
    with pytest.raises(RefusedFileError) as caught:
        load_state(file)
    assert caught.value.refused == refused or (refused is None and "athlib" in str(caught.value.refused))


@pytest.mark.parametrize(
    "value",
    [np.datetime64(1, "s"), np.zeros(1, "i4, f4")[0]],
    ids=["date", "record"],
)
def test_numpy_scalar_that_is_no_number_is_refused(value: Any) -> None:
    file = io.BytesIO()
    torch.save([value], file)
    file.seek(0)
    with pytest.raises(RefusedFileError, match="are not read"):
        load_state(file)


@pytest.mark.parametrize("content", [b"", b"hello world", b"<html>"], ids=["empty", "text", "page"])
def test_file_that_is_no_state_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.pth"
    path.write_bytes(content)
    with pytest.raises(RefusedFileError, match=r"a\.pth was not loaded: it holds no state"):
        load_state(path)


def test_cut_off_file_is_named_in_the_error(tmp_path: Path) -> None:
    path = tmp_path / "a.pth"
    save_state(STATE, path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(RefusedFileError) as caught:
        load_state(path)
    assert str(path) in str(caught.value)


def test_allowed_names_hold_during_the_reading_only(tmp_path: Path) -> None:
    save_state({"lr": np.float64(1)}, tmp_path / "a.pth")
    before = set(torch.serialization.get_safe_globals())
    load_state(tmp_path / "a.pth")
    assert set(torch.serialization.get_safe_globals()) == before
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / "a.pth", weights_only=True)


@needs_safe_globals
def test_numpy_functions_allowed_before_do_not_disturb(tmp_path: Path) -> None:
    save_state({"lr": np.float64(1)}, tmp_path / "a.pth")
    scalar = np.float64(0).__reduce__()[0]
    allowed = [np.dtype, np.dtypes.Float64DType, scalar, (scalar, "numpy.core.multiarray.scalar")]
    with torch.serialization.safe_globals(allowed):
        before = set(torch.serialization.get_safe_globals())
        assert load_state(tmp_path / "a.pth") == {"lr": 1.0}
        assert set(torch.serialization.get_safe_globals()) == before


@needs_safe_globals
def test_class_the_user_trusts_is_read(tmp_path: Path) -> None:
    save_state([Fraction(1, 3)], tmp_path / "a.pth")
    with pytest.raises(RefusedFileError, match=r"fractions\.Fraction"):
        load_state(tmp_path / "a.pth")
    with torch.serialization.safe_globals([Fraction]):
        assert load_state(tmp_path / "a.pth") == [Fraction(1, 3)]


def test_threads_read_at_the_same_time(tmp_path: Path) -> None:
    save_state({"lr": np.float64(1)}, tmp_path / "a.pth")
    with ThreadPoolExecutor(4) as pool:
        assert all(state == {"lr": 1.0} for state in pool.map(load_state, [tmp_path / "a.pth"] * 40))


def test_missing_file_is_an_ordinary_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load_state(tmp_path / "a.pth")


@pytest.mark.parametrize("save", [save_state, torch_save])
def test_state_that_cannot_be_pickled_keeps_the_old_file(tmp_path: Path, save: Any) -> None:
    path = tmp_path / "a.pth"
    save(STATE, path)
    with pytest.raises((pickle.PicklingError, AttributeError)):
        save({"function": lambda: None}, path)
    assert_same(load_state(path), STATE)
    assert os.listdir(tmp_path) == ["a.pth"]


def test_torch_save_writes_the_older_format_unless_asked(tmp_path: Path) -> None:
    torch_save(STATE, tmp_path / "old.pth")
    torch_save(STATE, tmp_path / "new.pth", _use_new_zipfile_serialization=True)
    torch_save(obj=STATE, f=tmp_path / "named.pth")
    assert (tmp_path / "old.pth").read_bytes()[:2] != b"PK"
    assert (tmp_path / "new.pth").read_bytes()[:2] == b"PK"
    assert_same(load_state(tmp_path / "named.pth"), STATE)


def test_try_save_joins_folder_and_name(tmp_path: Path) -> None:
    try_save(STATE, tmp_path, "a.pth")
    try_save(STATE, path=tmp_path / "whole.pth")
    assert_same(load_state(tmp_path / "a.pth"), STATE)
    assert_same(load_state(tmp_path / "whole.pth"), STATE)


def test_try_save_ignores_the_folder_for_an_open_file(tmp_path: Path) -> None:
    file = io.BytesIO()
    try_save(STATE, tmp_path, file)
    file.seek(0)
    assert_same(load_state(file), STATE)
    assert os.listdir(tmp_path) == []


def test_try_save_names_the_path_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    with pytest.raises(UnwritablePathError, match="plain/a.pth cannot be written"):
        try_save(STATE, tmp_path / "plain", "a.pth")
