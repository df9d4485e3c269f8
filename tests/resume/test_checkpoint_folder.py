"""Checkpoints are whole or not there, and checked to the last bit."""

from __future__ import annotations

import json

import pytest
import torch

from fastloop_v1.errors import UnwritablePathError
from fastloop_v1.resume.checkpoint_folder import (
    Checkpoint,
    CheckpointFolder,
    CheckpointManifest,
    DamagedCheckpointError,
    read_checkpoint,
    read_manifest,
)
from fastloop_v1.resume.state_table import StateTable


def _checkpoint(serial, run="a", fit=0):
    table = StateTable(
        {"x": {"ref": 0}}, [{"kind": "list", "items": [serial]}], {"w": torch.full((30,), serial)}
    )
    manifest = CheckpointManifest(serial, run, fit, 1, 10 * serial, 2, ended=False, files={}, not_kept=[])
    return Checkpoint(manifest, {"training": table}, {"point": "epoch"})


@pytest.fixture
def folder(tmp_path):
    """An empty folder of checkpoints."""
    return CheckpointFolder(tmp_path / "deep" / "checkpoints")


def test_checkpoint_comes_back(folder):
    path = folder.write(_checkpoint(3))
    found = read_checkpoint(path)
    assert sorted(each.name for each in path.iterdir()) == ["manifest.json", "state.json", "tensors.pth"]
    assert found.place == {"point": "epoch"}
    assert found.manifest == read_manifest(path)
    assert found.tables["training"].entries == [{"kind": "list", "items": [3]}]
    assert torch.equal(found.tables["training"].tensors["w"], torch.full((30,), 3))


def test_newest_comes_first_by_its_number(folder):
    for serial in (9, 10, 100_000_000, 2):
        folder.write(_checkpoint(serial))
    assert [int(path.name[11:]) for path in folder.paths()] == [100_000_000, 10, 9, 2]
    assert folder.next_serial() == 100_000_001


def test_empty_folder_has_none(folder):
    assert (folder.paths(), folder.unfinished(), folder.next_serial()) == ([], [], 0)


def test_tensor_is_written_without_the_rest_of_its_memory(folder):
    checkpoint = _checkpoint(1)
    checkpoint.tables["training"].tensors["w"] = torch.zeros(1_000_000)[10:40]
    path = folder.write(checkpoint)
    assert (path / "tensors.pth").stat().st_size < 10_000
    assert read_checkpoint(path).tables["training"].tensors["w"].shape == (30,)


def _edited(**changes):
    def edit(path):
        content = json.loads((path / "manifest.json").read_text())
        (path / "manifest.json").write_text(json.dumps({**content, **changes}))

    return edit


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (_edited(iteration=11), "was changed"),
        (_edited(files={}), "was changed"),
        (_edited(schema_version=2), "schema version 2; known here: 1"),
        (lambda path: (path / "manifest.json").write_text("{}"), "no manifest that can be read"),
        (lambda path: (path / "state.json").unlink(), "cannot be read"),
        (lambda path: (path / "tensors.pth").write_bytes(b""), "not what was written"),
        (lambda path: path.rename(path.with_name("checkpoint-00000009")), "has a manifest that was changed"),
    ],
)
def test_damage_is_told(folder, damage, why):
    damage(folder.write(_checkpoint(1)))
    with pytest.raises(DamagedCheckpointError, match=why):
        read_checkpoint(folder.paths()[0])


def test_write_that_fails_leaves_the_others_and_nothing_else(folder):
    folder.write(_checkpoint(1))
    (folder.path / "checkpoint-00000002").write_text("a file")
    with pytest.raises(UnwritablePathError):
        folder.write(_checkpoint(2))
    assert sorted(path.name for path in folder.path.iterdir()) == [
        "checkpoint-00000001",
        "checkpoint-00000002",
    ]


def test_newest_of_the_fit_and_last_of_the_others_are_worth_keeping(folder):
    order = [("old", 0), ("old", 1), ("old", 1), ("a", 0), ("a", 0), ("a", 1), ("a", 1), ("a", 1)]
    for serial, (run, fit) in enumerate(order):
        folder.write(_checkpoint(serial, run, fit))
    kept = folder.worth_keeping(_checkpoint(7, "a", 1).manifest, 2)
    assert [int(path.name[11:]) for path in kept] == [7, 6, 4, 2]


def test_what_cannot_be_read_is_not_removed(folder):
    for serial in range(3):
        folder.write(_checkpoint(serial))
    (folder.paths()[2] / "manifest.json").write_text("?")
    assert len(folder.worth_keeping(_checkpoint(2).manifest, 1)) == 2


def test_others_and_unfinished_ones_are_removed(folder):
    for serial in range(3):
        folder.write(_checkpoint(serial))
    (folder.path / ".checkpoint-00000003.0f.tmp").mkdir()
    (folder.path / "mine").mkdir()
    assert [path.name for path in folder.unfinished()] == [".checkpoint-00000003.0f.tmp"]
    folder.keep(folder.paths()[:1])
    assert sorted(path.name for path in folder.path.iterdir()) == ["checkpoint-00000002", "mine"]
