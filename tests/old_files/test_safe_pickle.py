"""Exports of v1 and of this package come back; what is trusted is allowed, and nothing else."""

from __future__ import annotations

import io
import json
import math
import os
import sys
from fractions import Fraction
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastloop_v1.checkpoint import RefusedFileError
from fastloop_v1.errors import ArgumentError, FastloopWarning
from fastloop_v1.inert_record import InertRecord
from fastloop_v1.losses import FlattenedLoss
from fastloop_v1.metric_functions import accuracy
from fastloop_v1.old_files.safe_pickle import load_export

HERE = Path(__file__).parents[1]
EXPORTS = {name: HERE / "artifacts" / f"export_{name}.pkl" for name in ("clas", "reg")}
KEYS = {
    *("bn_wd", "callback_fns", "cb_state", "cls", "data", "loss_func", "metrics", "model", "model_dir"),
    *("opt_func", "train_bn", "true_wd", "wd"),
}


def saved(found, *, zip_format=True, protocol=2, **options):
    """What comes back of a dict that was saved."""
    file = io.BytesIO()
    torch.save(found, file, _use_new_zipfile_serialization=zip_format, pickle_protocol=protocol)
    file.seek(0)
    return load_export(file, **options)


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


# --- what v1 wrote ---


@pytest.fixture(params=EXPORTS, ids=str)
def recorded(request):
    """A file of v1 that was read, the recipe of its recording, and what was recorded."""
    page = json.loads((HERE / "golden/public" / f"art-export_{request.param}.json").read_text("utf-8"))
    return load_export(EXPORTS[request.param]), page["recipe"], page["expected"]["load"]


def drawn(recipe):
    """Numbers from -1 to 1, or class numbers, as the recording drew them."""
    seed = recipe.get("$u", recipe.get("$ui"))
    numbers = np.random.RandomState(seed).random_sample(recipe["shape"])
    if "$ui" in recipe:
        return torch.from_numpy(np.floor(numbers * recipe["k"]).astype(np.int64))
    return torch.from_numpy(numbers * 2 - 1).float()


def test_export_of_v1_has_all_its_keys(recorded):
    assert set(recorded[0]) == KEYS


def test_model_of_v1_predicts_the_recorded_numbers(recorded):
    found, recipe, expected = recorded
    with torch.no_grad():
        pred = found["model"].eval()(drawn(recipe["x"]))
    torch.testing.assert_close(pred, torch.tensor(expected["pred"]["$t"]), rtol=2e-5, atol=2e-6)


def test_model_of_v1_has_the_recorded_parameters(recorded):
    found, _, expected = recorded
    for key, tensor in found["model"].state_dict().items():
        total, squares, first = expected["params"][key]
        flat = tensor.double().flatten()
        assert [math.fsum(flat), math.fsum(flat**2)] == pytest.approx([total, squares], rel=1e-12)
        assert flat[:5].tolist() == first


def test_loss_of_v1_gives_the_recorded_number(recorded):
    found, recipe, expected = recorded
    loss = found["loss_func"](found["model"].eval()(drawn(recipe["x"])), drawn(recipe["y"]))
    assert loss.item() == pytest.approx(expected["loss"], rel=2e-5)


def test_settings_of_v1_come_back(recorded):
    found, _, expected = recorded
    assert {key: found[key] for key in expected["scalars"]} == expected["scalars"]
    assert [metric.__name__ for metric in found["metrics"]] == expected["metrics"]
    assert [kind.__name__ for kind in found["cb_state"]] == [kind for kind, _ in expected["callbacks"]]
    for state, (_, settings) in zip(found["cb_state"].values(), expected["callbacks"], strict=True):
        assert state.items() >= settings.items()


def test_names_of_v1_stand_for_those_of_this_package():
    found = load_export(EXPORTS["clas"])
    assert found["metrics"] == [accuracy]
    assert type(found["loss_func"]) is FlattenedLoss
    assert (found["opt_func"].func, found["opt_func"].keywords) == (torch.optim.Adam, {"betas": (0.9, 0.99)})
    assert next(iter(found["cb_state"].values()))["operator"] is np.less


def test_class_of_v1_that_is_not_offered_becomes_a_record():
    (process,) = load_export(EXPORTS["clas"])["data"]["y_proc"]
    assert isinstance(process, InertRecord)
    assert (type(process).__module__, type(process).__name__) == ("fastai.data_block", "CategoryProcessor")
    assert process.classes == process.state["classes"] == ["ant", "bee", "cow"]


# --- what this package writes ---


@pytest.mark.parametrize("zip_format", [True, False], ids=["zip", "older format"])
def test_export_written_again_comes_back_the_same(zip_format):
    found = load_export(EXPORTS["clas"])
    again = saved(found, zip_format=zip_format)
    assert set(again) == KEYS
    for key, tensor in found["model"].state_dict().items():
        assert torch.equal(again["model"].state_dict()[key], tensor)
    assert again["data"]["y_cls"] is found["data"]["y_cls"]
    assert again["data"]["y_proc"][0].classes == ["ant", "bee", "cow"]
    assert again["cb_state"] == found["cb_state"]


@pytest.mark.parametrize("zip_format", [True, False], ids=["zip", "older format"])
def test_tensors_share_their_numbers_as_they_did(zip_format):
    base = torch.arange(6.0)
    found = saved({"base": base, "part": base[2:5], "turned": base.view(2, 3).t()}, zip_format=zip_format)
    assert found["part"].tolist() == [2, 3, 4]
    assert found["turned"].tolist() == [[0, 3], [1, 4], [2, 5]]
    found["base"][2] = 9
    assert (found["part"][0], found["turned"][2, 0]) == (9, 9)


MODULES = {
    "convolution": lambda: nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Dropout(0.2)),
    "pooling": lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1, 3), nn.GELU()),
    "upsampling": lambda: nn.Sequential(nn.Upsample(scale_factor=2), nn.ConvTranspose2d(1, 1, 3)),
    "recurrent": lambda: nn.Sequential(nn.Flatten(), nn.LSTM(36, 2, num_layers=2, bidirectional=True)),
    "attention": lambda: nn.Sequential(nn.Flatten(), nn.TransformerEncoderLayer(36, 2, 8, activation=F.gelu)),
    "spectral norm": lambda: nn.utils.spectral_norm(nn.Conv2d(1, 1, 1)),
    "data parallel": lambda: nn.DataParallel(nn.Linear(6, 2)),
}


@pytest.mark.parametrize("make", MODULES.values(), ids=MODULES)
def test_modules_of_torch_come_back_and_run(make):
    module, x = make().eval(), torch.ones(2, 1, 6, 6)
    with torch.no_grad():
        found, expected = saved({"model": module})["model"](x), module(x)
    assert torch.equal(*(out[0] if isinstance(out, tuple) else out for out in (found, expected)))


PLAIN = {
    "set": {1, 2},
    "frozenset": frozenset({"a"}),
    "slice": slice(1, None),
    "range": range(3),
    "complex": 1 + 2j,
    "bytes": b"\xff\x00",
    "bytearray": bytearray(b"ab"),
    "path": Path("a/b"),
    "dtype": torch.float16,
    "device": torch.device("cuda", 1),
    "size": torch.Size([1, 2]),
    "numpy type": np.dtype(">f4"),
    "numpy class": np.float32,
    "numpy number": np.float64(0.1),
    "function of torch": F.cross_entropy,
    "nested": [({"a": None},), 1.5, -(10**30), "é"],
}


@pytest.mark.parametrize("found", PLAIN.values(), ids=PLAIN)
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_value_comes_back(found, protocol):
    again = saved({"value": found}, protocol=protocol)["value"]
    assert again == found
    assert type(again) is type(found)


def test_tensors_go_to_the_device_asked_for():
    for device, expected in [("cpu", "cpu"), (None, "cpu"), ("meta", "meta")]:
        assert load_export(EXPORTS["reg"], device)["model"][0].weight.device == torch.device(expected)
        assert saved({"a": torch.ones(2)}, device=device)["a"].device == torch.device(expected)


def test_file_is_read_from_where_it_is():
    file = io.BytesIO(b"before" + EXPORTS["reg"].read_bytes())
    file.seek(6)
    assert set(load_export(file)) == KEYS


def test_missing_file_is_an_ordinary_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_export(tmp_path / "export.pkl")


def test_file_open_for_text_is_an_argument_error(tmp_path):
    (tmp_path / "a").write_text("a", encoding="utf-8")
    with (tmp_path / "a").open(encoding="utf-8") as file, pytest.raises(ArgumentError, match="binary mode"):
        load_export(file)


# --- trust ---


class Scaled(nn.Module):
    """A model of the user's own."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(3.0))

    def forward(self, x):
        return x * self.scale


class Other(Scaled):
    """Another one."""


@pytest.fixture
def own_classes(monkeypatch):
    """The classes above, in a module that pickle finds."""
    monkeypatch.setitem(sys.modules, "owned", sys.modules[__name__])
    for kind in (Scaled, Other):
        monkeypatch.setattr(kind, "__module__", "owned")
        # Python 3.13 forgets the line then, for which torch asks when it writes its older format.
        monkeypatch.setattr(kind, "__firstlineno__", 1, raising=False)


@pytest.mark.usefixtures("own_classes")
@pytest.mark.parametrize("zip_format", [True, False], ids=["zip", "older format"])
def test_trust_allows_exactly_what_it_names(zip_format):
    with pytest.raises(RefusedFileError, match=r'trust=\["owned.Scaled"\]') as caught:
        saved({"model": Scaled()}, zip_format=zip_format)
    assert caught.value.refused == "owned.Scaled"
    both = {"model": nn.Sequential(Scaled(), Scaled())}
    found = saved(both, zip_format=zip_format, trust=["owned.Scaled"])
    assert found["model"](torch.tensor(1.0)).item() == 9
    both["model"].append(Other())
    with pytest.raises(RefusedFileError, match=r'trust=\["owned.Other"\]'):
        saved(both, zip_format=zip_format, trust=["owned.Scaled"])


def test_trusted_class_may_be_called_and_held():
    found = saved({"share": Fraction(1, 3), "call": partial(Fraction, 1)}, trust={"fractions.Fraction"})
    assert (found["share"], found["call"](2)) == (Fraction(1, 3), Fraction(1, 2))


@pytest.mark.parametrize(
    "trust", ["fractions.Fraction", "os.makedirs", "x.{}.mkdir", "{}.mkdi", "{}.mkdir.x"]
)
def test_trust_in_one_name_allows_no_other(tmp_path, trust):
    with pytest.raises(RefusedFileError):
        saved({"a": Call(os.mkdir, str(tmp_path / "made"))}, trust=[trust.format(os.mkdir.__module__)])
    assert not (tmp_path / "made").exists()


def test_trusted_name_that_is_not_there_is_refused(tmp_path):
    path = tmp_path / "export.pkl"
    torch.save({"a": Fraction(1, 3)}, path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes().replace(b"cfractions\nFraction", b"cno_package\nFraction"))
    with pytest.raises(RefusedFileError, match="No module named 'no_package'"):
        load_export(path, trust=["no_package.Fraction"])


def test_trust_in_everything_runs_what_is_there_with_a_warning(tmp_path):
    with pytest.warns(FastloopWarning, match="trust=True lets the file run any code"):
        saved({"a": Call(os.mkdir, str(tmp_path / "made"))}, trust=True)
    assert (tmp_path / "made").is_dir()


@pytest.mark.filterwarnings("ignore:trust=True")
def test_trust_in_everything_reads_what_v1_wrote(recorded):
    for path in EXPORTS.values():
        assert set(load_export(path, trust=True)) == KEYS
    again = saved({**recorded[0], "share": Fraction(1, 2), "array": np.zeros(2, "i4,f4")}, trust=True)
    assert again["share"] == Fraction(1, 2)
    assert again["array"].dtype.names == ("f0", "f1")
    assert again["model"][0].weight.equal(recorded[0]["model"][0].weight)


@pytest.mark.parametrize("trust", ["mypkg.Model", [1], ["Model"], 3.5, None])
def test_trust_that_is_no_list_of_dotted_names_is_an_argument_error(trust):
    with pytest.raises(ArgumentError, match="allowed are True, or a list of dotted names"):
        load_export(EXPORTS["reg"], trust=trust)
