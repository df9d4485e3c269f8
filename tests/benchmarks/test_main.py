"""The command, run as anybody runs it, and what it does with arguments it cannot use."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.__main__ import main
from benchmarks.page import BEGIN, END
from benchmarks.workloads import WORKLOADS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A round of a few batches: the finished process, and its folder."""
    folder = tmp_path_factory.mktemp("round")
    (folder / "page.md").write_text(f"# Page\n\n{BEGIN}\nold\n{END}\n\nend\n", encoding="utf-8")
    what = ["--workloads", "W0", "--variants", "bare", "--peers", "fastloop_v1", "--batches", "10"]
    results = ["--rounds", "1", "--out", "out.jsonl", "--write", "page.md"]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "benchmarks", *what, *results],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    return done, folder


def test_tiny_round_is_fine(tiny):
    done, _ = tiny
    assert done.returncode == 0, done.stderr
    assert re.search(r"^fastloop_v1 .* yes$", done.stdout, flags=re.MULTILINE)


def test_hand_written_runs_stand_around_the_others(tiny):
    lines = (tiny[1] / "out.jsonl").read_text(encoding="utf-8").splitlines()
    machine, *records = map(json.loads, lines)
    assert "Python" in machine["machine"]["versions"]
    assert [record["loop"] for record in records] == ["hand-written", "fastloop_v1", "hand-written"]
    assert {record["batches"] for record in records} == {10}


def test_page_has_the_tables_between_its_markers(tiny):
    page = (tiny[1] / "page.md").read_text(encoding="utf-8")
    assert page.startswith("# Page\n")
    assert page.endswith(f"{END}\n\nend\n")
    assert "old" not in page
    assert "**W0 bare: " in page


def test_tables_can_be_printed_again(tiny, capsys):
    assert main(["--read", str(tiny[1] / "out.jsonl"), "--markdown"]) == 0
    assert capsys.readouterr().out.strip() in (tiny[1] / "page.md").read_text(encoding="utf-8")


def test_other_losses_are_an_error(tiny, tmp_path, capsys):
    lines = (tiny[1] / "out.jsonl").read_text(encoding="utf-8").splitlines()
    changed = [json.loads(line) for line in lines]
    next(record for record in changed if record.get("loop") == "fastloop_v1")["train_loss"] += 1e-3
    (tmp_path / "changed.jsonl").write_text("\n".join(map(json.dumps, changed)), encoding="utf-8")
    assert main(["--read", str(tmp_path / "changed.jsonl")]) == 1
    shown = capsys.readouterr()
    assert "NO, 1e-03" in shown.out
    assert "W0 fastloop_v1 bare ends with other losses" in shown.err


def test_help_names_every_workload(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert all(f"\n  {workload.name}" in shown and workload.title in shown for workload in WORKLOADS.values())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(["--workloads", "W0,W77"], "no W77 among W0, W1,", id="unknown workload"),
        pytest.param(["--peers", "keras"], "no keras among fastloop_v1,", id="unknown peer"),
        pytest.param(["--rounds", "0"], "'0' is not a whole number from 1 on", id="no round"),
    ],
)
def test_argument_that_cannot_be_used_is_named(arguments, said, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", f"{END} {BEGIN}", f"{BEGIN} {BEGIN} {END}"], ids=repr)
def test_page_without_markers_is_refused_before_anything_runs(text, tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    assert main(["--write", str(page)]) == 2
    assert "page.md needs the lines" in capsys.readouterr().err
    assert page.read_text(encoding="utf-8") == text


@pytest.mark.parametrize("line", ["{", "[]", '{"loop": "x"}'], ids=["no JSON", "no object", "no record"])
def test_file_without_records_is_refused(line, tmp_path, capsys):
    (tmp_path / "out.jsonl").write_text(line, encoding="utf-8")
    assert main(["--read", str(tmp_path / "out.jsonl")]) == 2
    assert "out.jsonl, line 1 is" in capsys.readouterr().err
