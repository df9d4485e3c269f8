"""`fastloop-v1 convert` writes the folder it is told to, and says what was compared."""

from __future__ import annotations

import shutil
from pathlib import Path

import torch
from torch import nn

from fastloop_v1.basic_train import load_learner
from fastloop_v1.cli import main

ARTIFACTS = Path(__file__).parents[1] / "artifacts"


class Own(nn.Linear):
    """A class the package does not know."""


def test_file_is_converted_beside_itself(tmp_path, capsys):
    shutil.copy(ARTIFACTS / "export_reg.pkl", tmp_path)
    assert main(["convert", str(tmp_path / "export_reg.pkl")]) == 0
    assert "export_reg is written; 4 tensors and the prediction" in capsys.readouterr().out
    assert load_learner(tmp_path, "export_reg").predict(torch.zeros(3))


def test_class_of_ones_own_is_named(tmp_path, capsys):
    torch.save({"model": Own(2, 2)}, tmp_path / "a.pkl")
    assert main(["convert", str(tmp_path / "a.pkl"), "-o", str(tmp_path / "b")]) == 2
    name = f"{Own.__module__}.Own"
    assert f'trust=["{name}"]' in capsys.readouterr().err
    assert main(["convert", str(tmp_path / "a.pkl"), "-o", str(tmp_path / "b"), "--trust", name]) == 0
    assert (tmp_path / "b" / "learner.json").is_file()
