"""A converted learner is the same as the file it came from, or is not taken for it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from torch import nn

from fastloop_v1.basic_train import load_learner
from fastloop_v1.checkpoint import RefusedFileError
from fastloop_v1.errors import ArgumentError, UnwritablePathError
from fastloop_v1.old_files.conversion import convert_export

ARTIFACTS = Path(__file__).parents[1] / "artifacts"


@pytest.mark.parametrize("name", ["export_clas", "export_reg"])
def test_export_of_v1_is_converted_and_predicts_the_same(tmp_path, name):
    shutil.copy(ARTIFACTS / f"{name}.pkl", tmp_path)
    folder, compared = convert_export(tmp_path / f"{name}.pkl")
    assert folder == tmp_path / name
    assert "the prediction for an input of shape" in compared
    old, new = load_learner(tmp_path, f"{name}.pkl"), load_learner(tmp_path, name)
    for one, other in zip(old.model.state_dict().values(), new.model.state_dict().values(), strict=True):
        assert torch.equal(one, other)


MODELS = {
    "convolution": nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten()),
    "embedding": nn.Sequential(nn.Embedding(5, 2), nn.LSTM(2, 2)),
    "recurrent": nn.GRU(2, 2),
    "nothing to learn": nn.ReLU(),
    "input that is not known": nn.Bilinear(2, 2, 2),
}


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_model_is_compared_as_far_as_its_input_is_known(tmp_path, model):
    torch.save({"model": model}, tmp_path / "a.pkl")
    _, compared = convert_export(tmp_path / "a.pkl", tmp_path / "b")
    known = type(model) in (nn.Sequential, nn.GRU)
    assert ("the prediction" in compared) == known


def test_file_that_is_no_learner_is_refused(tmp_path):
    torch.save({"weight": torch.ones(1)}, tmp_path / "a.pth")
    with pytest.raises(RefusedFileError, match="holds no learner"):
        convert_export(tmp_path / "a.pth")


def test_places_that_cannot_be_are_told(tmp_path):
    shutil.copy(ARTIFACTS / "export_reg.pkl", tmp_path / "plain")
    with pytest.raises(ArgumentError, match="is a folder"):
        convert_export(tmp_path)
    with pytest.raises(ArgumentError, match="no ending to leave out"):
        convert_export(tmp_path / "plain")
    with pytest.raises(UnwritablePathError, match="holds something else: plain"):
        convert_export(tmp_path / "plain", tmp_path)
