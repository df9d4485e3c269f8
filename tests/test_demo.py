"""The demonstration learns the digits and writes down all it measured."""

from __future__ import annotations

import csv
import json
import math
from hashlib import sha256
from pathlib import Path

import pytest
import torch
from torch import nn

from fastloop_v1.basic_train import Learner
from fastloop_v1.datasets import digits
from fastloop_v1.demo import digits_net, run_demo
from fastloop_v1.errors import ArgumentError, UnwritablePathError
from fastloop_v1.history import History, RunManifest
from fastloop_v1.metrics import accuracy

PICTURES = {"lr_find.png", "losses.png", "schedule.png", "confusion_matrix.png"}
NUMBERS = {"history.json", "history.csv", "model.pth"}
SHORT = {"epochs": 1, "lr": 1e-2, "bs": 32, "seed": 0}
WRONG = [
    ("epochs", 0, "epochs is 0; it must be at least 1."),
    ("epochs", -1, "epochs is -1; it must be at least 1."),
    ("lr", 0.0, "lr is 0.0; it must be a finite number above 0."),
    ("lr", -0.1, "lr is -0.1; it must be a finite number above 0."),
    ("lr", math.inf, "lr is inf; it must be a finite number above 0."),
    ("lr", math.nan, "lr is nan; it must be a finite number above 0."),
    ("bs", 0, "bs is 0; it must be from 1 to 1438."),
    ("bs", 1439, "bs is 1439; it must be from 1 to 1438."),
    ("seed", -1, "seed is -1; it must be from 0 to 4294967295."),
    ("seed", 2**32, "seed is 4294967296; it must be from 0 to 4294967295."),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a whole run, the accuracy it returned, and the lines it said."""
    out, lines = tmp_path_factory.mktemp("runs") / "demo", []
    reached = run_demo(out, epochs=6, lr=1e-2, bs=64, seed=0, say=lines.append)
    return out, reached, lines


def measured(out):
    """The history in a folder without the seconds, which differ from run to run."""
    history = History.load_json(out / "history.json")
    for row in history.rows:
        row.seconds = None
    return history


def test_net_gives_ten_scores_to_each_image():
    assert digits_net()(torch.rand(5, 1, 8, 8)).shape == (5, 10)


def test_demo_learns_the_digits(run):
    assert run[1] >= 0.97


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(5))
def test_demo_learns_the_digits_with_any_seed(seed, tmp_path):
    assert run_demo(tmp_path, epochs=6, lr=1e-2, bs=64, seed=seed) >= 0.97


def test_demo_writes_its_files_and_nothing_else(run):
    assert {path.name for path in run[0].rglob("*")} == NUMBERS | PICTURES | {"run.json"}


def test_history_holds_every_epoch(run):
    out, reached, _ = run
    history = measured(out)
    assert history.names == ["epoch", "train_loss", "valid_loss", "accuracy", "time"]
    assert [row.epoch for row in history.rows] == list(range(6))
    assert history.rows[-1].metrics == [reached]
    assert len(history.losses) == len(history.lrs) == 6 * (1438 // 64)
    assert max(history.lrs) == pytest.approx(1e-2, rel=1e-3)


def test_csv_holds_the_table_of_the_history(run):
    with (run[0] / "history.csv").open(encoding="utf-8", newline="") as file:
        titles, *rows = csv.reader(file)
    history = measured(run[0])
    assert titles == history.names
    assert [[float(cell) for cell in row[:-1]] for row in rows] == [
        [row.epoch, row.train_loss, row.valid_loss, *row.metrics] for row in history.rows
    ]


def test_saved_model_has_the_accuracy_reached(run):
    out, reached, _ = run
    learn = Learner(
        digits(seed=0),
        digits_net(),
        loss_func=nn.CrossEntropyLoss(),
        metrics=[accuracy],
        path=out,
        model_dir=".",
    )
    assert float(learn.load("model").validate()[1]) == pytest.approx(reached)


def test_pictures_are_png_files(run):
    assert all((run[0] / name).read_bytes().startswith(b"\x89PNG\r\n") for name in PICTURES)


def test_manifest_names_arguments_and_digest_of_each_file(run):
    out, _, _ = run
    manifest = RunManifest.load_json(out / "run.json")
    assert manifest.seed == 0
    assert manifest.arguments == {"epochs": 6, "lr": 1e-2, "bs": 64, "seed": 0, "out": str(out)}
    assert {name: record.sha256 for name, record in manifest.files.items()} == {
        name: sha256((out / name).read_bytes()).hexdigest() for name in NUMBERS | PICTURES
    }


def test_demo_says_what_it_does_found_and_wrote(run):
    out, reached, lines = run
    said = "\n".join(lines)
    assert "1438 to train on, 359 to validate" in said
    assert "(steepest)" in said
    assert "This run takes 1.0e-02." in said
    assert f"Accuracy {reached:.4f}" in said
    assert f"Written to {out}:" in said
    assert all(name in said for name in NUMBERS | PICTURES | {"run.json"})


def test_same_seed_gives_the_same_numbers_and_another_seed_others(tmp_path):
    for folder, seed in {"first": 3, "again": 3, "other": 4}.items():
        run_demo(tmp_path / folder, **SHORT | {"seed": seed})
    first, again, other = (measured(tmp_path / folder) for folder in ("first", "again", "other"))
    assert again == first
    assert other.losses != first.losses


def test_diverged_training_is_written_too(tmp_path):
    run_demo(tmp_path, **SHORT | {"lr": 1e30})
    assert math.isnan(measured(tmp_path).rows[-1].valid_loss)
    assert (
        json.loads((tmp_path / "history.json").read_text(encoding="utf-8"))["rows"][0]["valid_loss"] == "NaN"
    )


def test_demo_leaves_the_number_of_threads_as_it_was(tmp_path):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        run_demo(tmp_path, **SHORT)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(("name", "value", "message"), WRONG)
def test_wrong_value_is_named_before_anything_is_made(name, value, message, tmp_path):
    with pytest.raises(ArgumentError) as caught:
        run_demo(tmp_path / "demo", **SHORT | {name: value})
    assert str(caught.value) == message
    assert not (tmp_path / "demo").exists()


def test_largest_batch_is_all_images_left_for_training():
    with pytest.raises(ArgumentError, match=f"from 1 to {len(digits().train_ds)}"):
        run_demo(Path("demo"), **SHORT | {"bs": 1797})


@pytest.mark.parametrize("out", ["file", "file/demo"])
def test_folder_that_cannot_be_is_named(out, tmp_path):
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    with pytest.raises(UnwritablePathError, match=r"no file can be written there"):
        run_demo(tmp_path / out, **SHORT)
    assert (tmp_path / "file").read_text(encoding="utf-8") == "mine"
