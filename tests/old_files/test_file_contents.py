"""What is in a file is told in full, be it good, hostile or damaged."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from torch import nn

from fastloop_v1.exports.learner_folder import save_folder
from fastloop_v1.old_files.file_contents import FileContents, ModuleOutline, NameUse, file_contents
from fastloop_v1.old_files.safe_pickle import load_export

ARTIFACTS = Path(__file__).parents[1] / "artifacts"


def statuses(found):
    return {use.name: use.status for use in found.names}


def check_learner(found):
    assert (found.holds, found.problem, found.readable, found.parameters) == ("learner", None, True, 57)
    kinds = [(each.name, each.kind.rpartition(".")[2], each.parameters) for each in found.modules]
    assert kinds == [
        ("", "Sequential", 0),
        ("0", "Linear", 24),
        ("1", "BatchNorm1d", 12),
        ("2", "ReLU", 0),
        ("3", "Linear", 21),
    ]
    assert found.learner["class"][0].endswith("basic_train.Learner")
    assert [name.rpartition(".")[2] for name in found.learner["callbacks"]] == [
        "EarlyStoppingCallback",
        "GradientClipping",
    ]
    assert found.learner["optimizer"] == ["torch.optim.adam.Adam"]
    assert (
        statuses(found)["fastai.data_block.ItemList" if found.kind[:4] == "file" else "functools.partial"]
        != "refused"
    )


def test_export_of_v1_is_told():
    found = file_contents(ARTIFACTS / "export_clas.pkl")
    check_learner(found)
    assert found.kind == "file of torch.save, older format"
    assert found.learner["metrics"] == ["fastai.metrics.accuracy"]
    assert statuses(found)["fastai.data_block.CategoryProcessor"] == "record"


def test_folder_is_told(tmp_path):
    save_folder(load_export(ARTIFACTS / "export_clas.pkl"), tmp_path / "a")
    found = file_contents(tmp_path / "a")
    check_learner(found)
    assert len(found.sizes) == len(found.digests) == 3
    assert found.versions["torch"] == str(torch.__version__)


@pytest.mark.parametrize("zipped", [True, False])
def test_weights_are_told(tmp_path, zipped):
    path, model = tmp_path / "a.pth", nn.Linear(2, 3)
    opt = torch.optim.SGD(model.parameters(), 0.1).state_dict()
    torch.save({"model": model.state_dict(), "opt": opt}, path, _use_new_zipfile_serialization=zipped)
    found = file_contents(path)
    assert (found.holds, found.problem) == ("weights and the state of an optimizer", None)
    assert found.tensors == {"weight": [3, 2], "bias": [3]}


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("zipped", [True, False])
def test_hostile_file_is_told_and_not_run(tmp_path, zipped):
    made, path = tmp_path / "made", tmp_path / "a.pkl"
    state = {"model": nn.Linear(1, 1), "opt_func": Call(os.mkdir, str(made))}
    torch.save(state, path, _use_new_zipfile_serialization=zipped)
    found = file_contents(path)
    assert statuses(found)[f"{os.mkdir.__module__}.mkdir"] == "refused"
    assert (found.readable, found.parameters) == (True, 2)
    assert "was not loaded: it names" in found.problem
    assert not made.exists()


@pytest.mark.parametrize("end", [0, 10, 500, -1])
def test_damaged_file_is_told(tmp_path, end):
    path = tmp_path / "a.pkl"
    path.write_bytes((ARTIFACTS / "export_clas.pkl").read_bytes()[:end])
    found = file_contents(path)
    assert found.problem
    assert found.sizes["a.pkl"] == path.stat().st_size


def test_folder_that_is_none_is_told_and_missing_file_is_an_error(tmp_path):
    assert "has no learner.json" in file_contents(tmp_path).problem
    with pytest.raises(FileNotFoundError):
        file_contents(tmp_path / "a")


def test_contents_go_through_json():
    found = FileContents("a", names=[NameUse("a.b", "allowed")], modules=[ModuleOutline("", "a.B", 3)])
    assert FileContents.from_json(found.to_json()) == found
