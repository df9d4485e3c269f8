"""Exports in the layouts of v1 load and predict; what they hold beside that is kept, left out or refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
from torch import nn

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner, load_learner
from fastloop_v1.checkpoint import RefusedFileError
from fastloop_v1.errors import ArgumentError, FastloopWarning, NotOfferedError
from fastloop_v1.exports.exported_learner import EXPORTED, exported_learner, write_export
from fastloop_v1.inert_record import InertRecord, inert_class
from fastloop_v1.old_files.safe_pickle import load_export

HERE = Path(__file__).parents[1]
LAYOUTS = (
    *("callbacks", "metrics", "layers", "data", "older", "parallel", "recurrent", "sgd", "rms", "optimizer"),
    *("smoothing", "text learner"),
)


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """A folder of exports under v1's names, and what their models gave in the process that wrote them."""
    folder = tmp_path_factory.mktemp("exports")
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent), "PYTHONWARNINGS": "ignore"}
    subprocess.run([sys.executable, HERE / "exports" / "v1_like.py", folder], env=environment, check=True)
    return folder, json.loads((folder / "expected.json").read_text(encoding="utf-8"))


def loaded(*args, **kwargs):
    """A learner, and the texts of the warnings while it was loaded."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        learn = load_learner(*args, **kwargs)
    return learn, [str(each.message) for each in caught]


@pytest.mark.parametrize("ending", [".pkl", ".zip.pkl"], ids=["older format", "zip"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_export_in_a_layout_of_v1_predicts_its_numbers(exports, layout, ending):
    folder, expected = exports
    x, given = (torch.tensor(each) for each in expected[layout])
    learn, said = loaded(folder, layout + ending)
    with torch.no_grad():
        found = learn.model.eval()(x)
    torch.testing.assert_close(found, given)
    assert len(said) == (layout == "callbacks")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_export_in_a_layout_of_v1_goes_through_the_new_form(exports, layout):
    folder, expected = exports
    learn, _ = loaded(folder, layout + ".pkl")
    learn.export("again")
    found, _ = loaded(folder, "again")
    x = torch.tensor(expected[layout][0])
    with torch.no_grad():
        assert torch.equal(found.model.eval()(x), learn.model.eval()(x))


def test_callbacks_of_v1_have_their_settings(exports):
    learn, (said,) = loaded(exports[0], "callbacks.pkl")
    found = {type(each).__name__: each for each in learn.callbacks}
    assert len(found) == 14
    assert found["MixedPrecision"].loss_scale == 65536
    assert (found["SaveModelCallback"].every, found["SaveModelCallback"].best) == ("improvement", 0.5)
    assert found["CSVLogger"].filename == "history"
    assert "without the callback Own: it is not offered here" in said


def test_data_of_layers_that_are_not_here_are_records(exports):
    data = load_export(exports[0] / "data.pkl")["data"]
    assert isinstance(data["tfms"][0], InertRecord)
    assert isinstance(data["bar"], InertRecord)
    assert isinstance(data["method"], InertRecord)
    assert data["subset"].name == "Valid"
    learn, _ = loaded(exports[0], "data.pkl")
    assert learn.data.classes == ["a", "b", "c"]
    assert learn.predict(torch.zeros(4))[0] in "abc"


# --- forms ---


def learner(path):
    data = DataBunch([torch.zeros(2, 2)], None, path=path)
    return Learner(data, nn.Linear(2, 2), loss_func=nn.MSELoss(), silent=True)


def test_name_without_an_ending_is_a_folder_and_every_other_a_pickle(tmp_path):
    learn = learner(tmp_path)
    learn.export()
    learn.export("stage")
    learn.export("model.v1")
    learn.export("old", format="pickle")
    learn.export("new.pkl", format="folder")
    kinds = {each.name: each.is_dir() for each in tmp_path.iterdir()}
    assert kinds == {"export.pkl": False, "stage": True, "model.v1": False, "old": False, "new": True}
    for name in (*kinds, "new.pkl"):
        found = load_learner(tmp_path, name)
        assert torch.equal(found.model.weight, learn.model.weight)
        assert found.path == tmp_path


def test_export_itself_may_be_the_path(tmp_path):
    learner(tmp_path).export()
    learner(tmp_path).export("stage")
    assert [load_learner(tmp_path / name).path for name in ("export.pkl", "stage")] == [tmp_path] * 2


def test_folder_stands_for_the_file_that_is_not_there(tmp_path):
    learn = learner(tmp_path)
    learn.export(format="folder")
    assert torch.equal(load_learner(tmp_path).model.weight, learn.model.weight)


def test_newer_folder_beside_the_file_is_told(tmp_path):
    learn = learner(tmp_path)
    learn.export()
    learn.export(format="folder")
    os.utime(tmp_path / "export.pkl", (1, 1))
    with pytest.warns(FastloopWarning, match="is newer"):
        load_learner(tmp_path)


@pytest.mark.parametrize("form", ["zip", "safetensors", 3])
def test_unknown_form_is_an_argument_error(tmp_path, form):
    with pytest.raises(ArgumentError, match="format is"):
        write_export({}, tmp_path, "a", form)


def test_open_file_for_a_folder_is_an_argument_error(tmp_path):
    with (tmp_path / "a").open("wb") as file, pytest.raises(ArgumentError, match="a folder by name"):
        write_export({}, tmp_path, file, "folder")


# --- what is no learner ---


def written(path, **changed):
    """Write an export with some parts changed, and read it."""
    state = {"model": nn.Linear(2, 2), "data": {}, "cb_state": {}, "metrics": [], **changed}
    torch.save(state, path / "export.pkl")
    return exported_learner(Learner, path, "export.pkl")


WRONG = {
    "unknown part": {"opt": None},
    "model": {"model": 3},
    "data": {"data": [1]},
    "callbacks": {"cb_state": [1]},
    "class as callback": {"cb_state": {nn.Linear: {"in_features": 10, "out_features": 10}}},
    "class of a callback": {"cb_state": {inert_class("fastai.callbacks.own.Own"): {"__class__": 1}}},
    "state of a callback": {"cb_state": {Learner: 3}},
    "callback_fns": {"callback_fns": 3},
}


@pytest.mark.parametrize("changed", WRONG.values(), ids=WRONG)
def test_export_that_is_no_learner_is_refused(tmp_path, changed):
    with pytest.raises(RefusedFileError, match=r"export\.pkl was not loaded"):
        written(tmp_path, **changed)


def test_model_of_a_layer_that_is_not_here_is_named(tmp_path):
    gone = inert_class("fastai.text.models.awd_lstm.AWD_LSTM")()
    model = nn.Sequential(nn.Linear(2, 2))
    model._modules["1"] = gone
    with pytest.raises(NotOfferedError, match=r"the model's 1 is a fastai\.text\.models\.awd_lstm\.AWD_LSTM"):
        written(tmp_path, model=model)


def test_settings_that_an_export_keeps_are_those_of_v1():
    assert EXPORTED[:3] == ("opt_func", "loss_func", "metrics")
    assert len(EXPORTED) == 9
