"""`fastloop-v1 inspect` tells what is in a file, in words or as JSON, and answers by its exit status."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch

from fastloop_v1.cli import main

ARTIFACTS = Path(__file__).parents[1] / "artifacts"


class Call:
    """Pickles as a call of a function."""

    def __reduce__(self):
        return os.mkdir, ("made",)


def test_export_is_told_in_words(capsys):
    assert main(["inspect", str(ARTIFACTS / "export_clas.pkl")]) == 0
    said = capsys.readouterr().out
    for part in (
        "model: 57 parameters",
        "metrics: fastai.metrics.accuracy",
        "0: torch.nn.modules.linear.Linear, 24",
    ):
        assert part in said
    assert "fastai.data_block.CategoryProcessor: record" in said
    assert said.endswith("would be loaded: yes\n")


def test_export_is_told_as_json(capsys):
    assert main(["inspect", "--json", str(ARTIFACTS / "pth_noopt.pth")]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["holds"], found["problem"]) == ("weights", None)


def test_hostile_file_gives_one(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    torch.save({"model": Call(), "\x1b[31m": 1}, "a.pkl")
    assert main(["inspect", "a.pkl"]) == 1
    said = capsys.readouterr().out
    assert "mkdir: refused" in said
    assert "\x1b" not in said
    assert not Path("made").exists()


@pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04", b"\x80\x02"])
def test_damaged_file_gives_two(tmp_path, capsys, content):
    (tmp_path / "a.pkl").write_bytes(content)
    assert main(["inspect", str(tmp_path / "a.pkl")]) == 2
    assert "would be loaded: no" in capsys.readouterr().out


def test_missing_file_gives_two(tmp_path, capsys):
    assert main(["inspect", str(tmp_path / "a.pkl")]) == 2
    assert "a.pkl" in capsys.readouterr().err
