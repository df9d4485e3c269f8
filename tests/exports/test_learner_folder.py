"""A learner as a folder comes back the same, and damage is told by file."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from fastloop_v1.checkpoint import RefusedFileError
from fastloop_v1.errors import ArgumentError, UnwritablePathError
from fastloop_v1.exports.learner_folder import (
    LEARNER_FILES,
    LearnerDescription,
    described_learner,
    folder_content,
    is_learner_folder,
    load_folder,
    save_folder,
)
from fastloop_v1.losses import CrossEntropyFlat
from fastloop_v1.old_files.safe_pickle import load_export

V1 = Path(__file__).parents[1] / "artifacts" / "export_clas.pkl"


class Own(nn.Linear):
    """A class the package does not know."""


def tied():
    """A model whose two layers have one weight."""
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2, bias=False))
    model[1].weight = model[0].weight
    return model


@pytest.fixture(params=["safetensors", "torch"])
def tensors(request, monkeypatch):
    """The name of the file with the tensors, with and without safetensors installed."""
    if request.param == "torch":
        monkeypatch.setitem(sys.modules, "safetensors.torch", None)
        return "model.pth"
    pytest.importorskip("safetensors")
    return "model.safetensors"


def test_learner_of_v1_comes_back_the_same(tmp_path, tensors):
    state = load_export(V1)
    save_folder(state, tmp_path / "a")
    assert sorted(os.listdir(tmp_path / "a")) == sorted(["SHA256SUMS", "learner.json", tensors])
    again = load_folder(tmp_path / "a")
    assert again.keys() == state.keys()
    assert again["cb_state"] == state["cb_state"]
    assert again["metrics"] == state["metrics"]
    x = torch.randn(5, 4)
    with torch.no_grad():
        assert torch.equal(again["model"].eval()(x), state["model"].eval()(x))


def test_no_file_holds_a_pickle_that_names_classes(tmp_path):
    pytest.importorskip("safetensors")
    save_folder({"model": tied(), "loss_func": CrossEntropyFlat()}, tmp_path / "a")
    assert not [path for path in (tmp_path / "a").iterdir() if path.read_bytes()[:1] in (b"\x80", b"P")]


def test_tensors_have_the_names_of_the_model_state(tmp_path):
    load_file = pytest.importorskip("safetensors.torch").load_file
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2))
    save_folder({"model": model}, tmp_path / "a")
    found = load_file(tmp_path / "a" / "model.safetensors")
    assert found.keys() == model.state_dict().keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.usefixtures("tensors")
def test_tied_weights_stay_tied(tmp_path):
    save_folder({"model": tied()}, tmp_path / "a")
    model = load_folder(tmp_path / "a")["model"]
    assert model[0].weight is model[1].weight


def test_class_of_ones_own_needs_trust(tmp_path):
    save_folder({"model": Own(2, 2)}, tmp_path / "a")
    name = f"{Own.__module__}.Own"
    with pytest.raises(RefusedFileError, match=r"learner\.json was not loaded: it names .*Own") as caught:
        load_folder(tmp_path / "a")
    assert caught.value.refused == name
    assert type(load_folder(tmp_path / "a", trust=[name])["model"]) is Own
    with pytest.raises(ArgumentError):
        load_folder(tmp_path / "a", trust=name)


def test_digests_are_those_of_the_system_tool(tmp_path):
    save_folder({"model": tied()}, tmp_path / "a")
    lines = (tmp_path / "a" / "SHA256SUMS").read_text(encoding="ascii").splitlines()
    for digest, name in (line.split("  ") for line in lines):
        assert hashlib.sha256((tmp_path / "a" / name).read_bytes()).hexdigest() == digest


@pytest.mark.parametrize("change", ["missing", "cut off", "changed", "empty"])
@pytest.mark.parametrize("number", range(3), ids=["description", "tensors", "digests"])
def test_damage_is_told_by_file(tmp_path, change, number):
    save_folder({"model": tied()}, tmp_path / "a")
    names = sorted(os.listdir(tmp_path / "a"), key=["learner.json", "model.safetensors", "SHA256SUMS"].index)
    path = tmp_path / "a" / names[number]
    content = path.read_bytes()
    path.write_bytes(
        {"cut off": content[:-5], "changed": b"0" + content[:-1], "empty": b""}.get(change, content)
    )
    if change == "missing":
        path.unlink()
    with pytest.raises(RefusedFileError, match="was not loaded") as caught:
        load_folder(tmp_path / "a")
    assert str(path.parent) in str(caught.value)


def test_unknown_schema_version_is_refused(tmp_path):
    contents = described_learner({"model": tied()})
    changed = json.loads(contents["learner.json"]) | {"schema_version": 2}
    contents["learner.json"] = json.dumps(changed).encode()
    digest = hashlib.sha256(contents["learner.json"]).hexdigest()
    contents["SHA256SUMS"] = f"{digest}  learner.json\n".encode() + contents["SHA256SUMS"].splitlines()[1]
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(
        RefusedFileError, match=r"learner\.json was not loaded.*schema version 2; known here: 1"
    ):
        load_folder(tmp_path)


def test_other_files_are_not_lost(tmp_path):
    save_folder({"model": tied()}, tmp_path / "a")
    (tmp_path / "a" / "notes").write_text("mine", encoding="utf-8")
    with pytest.raises(UnwritablePathError, match="notes"):
        save_folder({"model": tied()}, tmp_path / "a")
    assert load_folder(tmp_path / "a")


def test_description_says_what_wrote_it(tmp_path):
    assert not is_learner_folder(tmp_path)
    save_folder({"model": tied()}, tmp_path / "a")
    description, contents = folder_content(tmp_path / "a")
    assert is_learner_folder(tmp_path / "a")
    assert isinstance(description, LearnerDescription)
    assert (description.schema_version, description.torch_version) == (1, str(torch.__version__))
    assert set(contents) < set(LEARNER_FILES)


def test_tool_of_the_system_agrees(tmp_path):
    save_folder({"model": tied()}, tmp_path / "a")
    try:
        done = subprocess.run(
            ["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path / "a", capture_output=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("there is no sha256sum")
    assert done.returncode == 0
