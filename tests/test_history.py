"""Histories and manifests come back from their files exactly."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import os
import platform
import struct
from dataclasses import asdict, replace
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import fastloop_v1
from fastloop_v1.errors import ArgumentError, UnknownVersionError, UnwritablePathError
from fastloop_v1.history import EpochRow, FileRecord, History, RunManifest

NUMBERS = st.none() | st.floats()
ROWS = st.builds(
    EpochRow,
    epoch=st.integers(),
    train_loss=NUMBERS,
    valid_loss=NUMBERS,
    metrics=st.lists(NUMBERS, max_size=4),
    seconds=NUMBERS,
)
HISTORIES = st.builds(
    History,
    names=st.lists(st.text(max_size=9), max_size=6),
    rows=st.lists(ROWS, max_size=5),
    losses=st.lists(NUMBERS, max_size=20),
    lrs=st.lists(NUMBERS, max_size=20),
    moms=st.lists(NUMBERS, max_size=20),
    schema_version=st.just(1),
)
PLAIN = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)
MANIFESTS = st.builds(
    RunManifest,
    package_version=st.text(),
    torch_version=st.text(),
    numpy_version=st.text(),
    python_version=st.text(),
    seed=st.none() | st.integers(),
    started=st.datetimes(timezones=st.just(timezone.utc)).map(datetime.isoformat),
    seconds=st.floats(min_value=0, allow_infinity=False),
    arguments=st.dictionaries(
        st.text(), st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3), max_leaves=5)
    ),
    files=st.dictionaries(
        st.text(), st.builds(FileRecord, bytes=st.integers(0), sha256=st.text("0123456789abcdef")), max_size=3
    ),
    schema_version=st.just(1),
)
HISTORY = History(
    names=["epoch", "train_loss", "valid_loss", "accuracy", "time"],
    rows=[EpochRow(0, 0.5, 0.25, [0.75], 1.5), EpochRow(1, math.nan, None, [], None)],
    losses=[1.0, 0.5, math.inf],
    lrs=[0.1, 0.1, 0.1],
    moms=[0.9, None, 0.9],
)


def bits(value):
    """Replace every float by its bytes, all NaNs by one, so that NaN equals itself and 0.0 is not -0.0."""
    if isinstance(value, float):
        return struct.pack("d", math.nan if math.isnan(value) else value)
    if isinstance(value, dict):
        return {key: bits(each) for key, each in value.items()}
    return [bits(each) for each in value] if isinstance(value, list) else (type(value), value)


def recorder(**changes):
    """Return what v1's Recorder holds after two epochs of three batches."""
    values = {
        "names": ["epoch", "train_loss", "valid_loss", "accuracy", "time"],
        "losses": [torch.tensor(each) for each in (6.0, 5.0, 4.0, 3.0, 2.0, 1.0)],
        "lrs": [np.float64(0.5)] * 6,
        "moms": [0.9] * 6,
        "val_losses": [np.float32(0.5), np.float32(0.25)],
        "metrics": [[torch.tensor(0.5)], [torch.tensor(0.75)]],
        "nb_batches": [3, 3],
        "epoch_seconds": [1.5, 2.5],
    }
    return SimpleNamespace(**{**values, **changes})


@settings(max_examples=60, deadline=None)
@given(HISTORIES)
def test_history_comes_back_exactly_from_strict_json(tmp_path_factory, history):
    path = tmp_path_factory.mktemp("history") / "a.json"
    history.save_json(path)
    json.loads(path.read_text(encoding="utf-8"), parse_constant=pytest.fail)
    back = History.load_json(path)
    assert bits(asdict(back)) == bits(asdict(history))
    assert all(isinstance(row, EpochRow) for row in back.rows)


@settings(max_examples=60, deadline=None)
@given(MANIFESTS)
def test_manifest_comes_back_exactly(tmp_path_factory, manifest):
    path = tmp_path_factory.mktemp("manifest") / "a.json"
    manifest.save_json(path)
    back = RunManifest.load_json(path)
    assert bits(asdict(back)) == bits(asdict(manifest))
    assert all(isinstance(record, FileRecord) for record in back.files.values())


@pytest.mark.parametrize(
    ("value", "word"), [(math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity")], ids=str
)
def test_number_json_does_not_have_is_written_as_a_word(tmp_path, value, word):
    replace(HISTORY, losses=[value]).save_json(tmp_path / "a.json")
    assert json.loads((tmp_path / "a.json").read_text())["losses"] == [word]


def test_argument_that_is_no_json_value_is_refused_and_keeps_the_old_file(tmp_path):
    manifest = RunManifest("", "", "", "", None, "", 0.0, {"lr": 0.1}, {})
    manifest.save_json(tmp_path / "a.json")
    for value in (math.nan, object()):
        with pytest.raises((ValueError, TypeError), match="JSON"):
            replace(manifest, arguments={"lr": value}).save_json(tmp_path / "a.json")
    assert RunManifest.load_json(tmp_path / "a.json") == manifest
    assert os.listdir(tmp_path) == ["a.json"]


@pytest.mark.parametrize("kind", [History, RunManifest])
@pytest.mark.parametrize(
    ("content", "version"),
    [
        pytest.param('{"schema_version": 2, "rows": 1}', "2", id="newer"),
        pytest.param('{"schema_version": "one"}', "one", id="a word"),
        pytest.param("{}", "None", id="none"),
        pytest.param("[1]", "None", id="a list"),
    ],
)
def test_unknown_schema_version_is_refused_by_name(tmp_path, kind, content, version):
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(UnknownVersionError, match=rf"a\.json has schema version {version}; known here: 1\."):
        kind.load_json(path)


def test_file_that_is_no_json_is_named(tmp_path):
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(json.JSONDecodeError) as caught:
        History.load_json(tmp_path / "a.json")
    assert str(tmp_path / "a.json") in "".join(
        getattr(caught.value, "__notes__", map(str, caught.value.args))
    )


@pytest.mark.parametrize("save", [HISTORY.save_json, HISTORY.save_csv], ids=["json", "csv"])
def test_unwritable_path_is_named(tmp_path, save):
    (tmp_path / "plain").write_bytes(b"")
    with pytest.raises(UnwritablePathError, match="plain/a cannot be written"):
        save(tmp_path / "plain" / "a")


def test_csv_has_a_line_for_each_epoch_and_empty_cells(tmp_path):
    HISTORY.save_csv(tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text() == (
        "epoch,train_loss,valid_loss,accuracy,time\n0,0.5,0.25,0.75,1.5\n1,nan,,,\n"
    )


def test_csv_quotes_names_and_follows_the_order_of_the_columns(tmp_path):
    row = EpochRow(4, 0.1, None, [1.0, 2.0], None)
    History(["epoch", "a,b", "train_loss", "c"], [row], [], [], []).save_csv(tmp_path / "a.csv")
    with open(tmp_path / "a.csv", newline="") as file:
        assert list(csv.reader(file)) == [["epoch", "a,b", "train_loss", "c"], ["4", "1.0", "0.1", "2.0"]]


def test_history_of_a_recorder_takes_the_smoothed_loss_at_each_epoch_end():
    history = History.from_recorder(recorder())
    assert history.rows == [EpochRow(0, 4.0, 0.5, [0.5], 1.5), EpochRow(1, 1.0, 0.25, [0.75], 2.5)]
    assert history.losses == [6.0, 5.0, 4.0, 3.0, 2.0, 1.0]
    assert history.lrs == [0.5] * 6
    assert history.moms == [0.9] * 6
    assert history.names == ["epoch", "train_loss", "valid_loss", "accuracy", "time"]
    assert {type(value) for value in (*history.losses, *history.lrs, history.rows[0].valid_loss)} == {float}


@pytest.mark.parametrize(
    ("changes", "rows"),
    [
        pytest.param(
            {"nb_batches": [1, 5]},
            [EpochRow(0, 6.0, 0.5, [0.5], 1.5), EpochRow(1, 1.0, 0.25, [0.75], 2.5)],
            id="epochs of different length",
        ),
        pytest.param(
            {"val_losses": [None, None], "metrics": []},
            [EpochRow(0, 4.0, None, [], 1.5), EpochRow(1, 1.0, None, [], 2.5)],
            id="no validation",
        ),
        pytest.param(
            {"val_losses": [None, 0.25], "metrics": [[0.75]]},
            [EpochRow(0, 4.0, None, [], 1.5), EpochRow(1, 1.0, 0.25, [0.75], 2.5)],
            id="first epoch not validated",
        ),
        pytest.param(
            {"val_losses": [None, None], "metrics": [[1.0], [2.0]]},
            [EpochRow(0, 4.0, None, [1.0], 1.5), EpochRow(1, 1.0, None, [2.0], 2.5)],
            id="metrics without validation",
        ),
        pytest.param(
            {"nb_batches": [3], "val_losses": [0.5], "metrics": [[torch.ones(2)]], "epoch_seconds": []},
            [EpochRow(0, 4.0, 0.5, [None], None)],
            id="stopped, odd metric, no times",
        ),
        pytest.param(
            {"losses": [], "nb_batches": [0], "val_losses": [0.5], "metrics": []},
            [EpochRow(0, None, 0.5, [], 1.5)],
            id="no batch",
        ),
        pytest.param({"nb_batches": [], "val_losses": [], "metrics": []}, [], id="no epoch"),
    ],
)
def test_history_of_an_unusual_fit_has_a_row_for_each_epoch(changes, rows):
    assert History.from_recorder(recorder(**changes)).rows == rows


def test_history_of_a_resumed_fit_numbers_its_epochs_from_the_first():
    assert [row.epoch for row in History.from_recorder(recorder(), first_epoch=3).rows] == [3, 4]


def test_momentum_an_optimizer_does_not_have_is_none():
    assert History.from_recorder(recorder(moms=[None] * 6)).moms == [None] * 6


@pytest.mark.parametrize("size", [0, 1, (1 << 20) + 1])
def test_file_record_holds_size_and_digest(tmp_path, size):
    content = b"x" * size
    (tmp_path / "a").write_bytes(content)
    assert FileRecord.of(tmp_path / "a") == FileRecord(size, hashlib.sha256(content).hexdigest())


def test_manifest_of_a_run_names_versions_time_and_files(tmp_path):
    (tmp_path / "model.pth").write_bytes(b"abc")
    started = datetime(2024, 5, 1, 14, 0, tzinfo=timezone(timedelta(hours=2)))
    manifest = RunManifest.of_run({"bs": 64}, [tmp_path / "model.pth"], started=started, seconds=2.0, seed=42)
    assert manifest.package_version == fastloop_v1.__version__
    assert manifest.torch_version == torch.__version__
    assert manifest.numpy_version == np.__version__
    assert manifest.python_version == platform.python_version()
    assert (manifest.seed, manifest.seconds, manifest.arguments) == (42, 2.0, {"bs": 64})
    assert manifest.started == "2024-05-01T12:00:00+00:00"
    assert manifest.files == {"model.pth": FileRecord(3, hashlib.sha256(b"abc").hexdigest())}


def test_start_without_a_time_zone_is_refused():
    with pytest.raises(ArgumentError, match="started is 2024-05-01T00:00:00; it must have a time zone"):
        RunManifest.of_run({}, [], started=datetime(2024, 5, 1), seconds=0.0)
