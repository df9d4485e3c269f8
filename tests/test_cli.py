"""The command says what it does, does it, and ends with the right status."""

from __future__ import annotations

import argparse
import configparser
import importlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import fastloop_v1
from fastloop_v1.cli import _parser, main

ROOT = Path(__file__).parents[1]
FILES = {"history.json", "history.csv", "model.pth", "run.json"}
PICTURES = {"lr_find.png", "losses.png", "schedule.png", "confusion_matrix.png"}
SHORT = ["demo", "--epochs", "1", "--bs", "32"]
# Wherever the tests are started from, an interrupt is one here.
COMMAND = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from fastloop_v1.cli import main
sys.exit(main())
"""
WRONG_VALUES = {
    "--epochs 0": "epochs is 0; it must be at least 1.",
    "--epochs -1": "epochs is -1; it must be at least 1.",
    "--bs 0": "bs is 0; it must be from 1 to 1438.",
    "--lr nan": "lr is nan; it must be a finite number above 0.",
    "--seed -1": "seed is -1; it must be from 0 to 4294967295.",
}
WRONG_WORDS = {
    "": "fastloop-v1: error: the following arguments are required: COMMAND; see `fastloop-v1 --help`\n",
    "demo --lr fast": (
        "fastloop-v1 demo: error: argument --lr: invalid float value: 'fast'; see `fastloop-v1 demo --help`\n"
    ),
    "demo --speed 1": "fastloop-v1: error: unrecognized arguments: --speed 1; see `fastloop-v1 --help`\n",
}


def process(arguments, folder, settings=None, **options):
    """Start Python in a folder, warnings as errors."""
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return subprocess.Popen(
        [sys.executable, "-W", "error", *arguments],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1"} | (settings or {}),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def finished(arguments, folder, settings=None):
    """Run Python in a folder; return exit status, output and error output."""
    with process(arguments, folder, settings) as child:
        out, err = child.communicate()
    return child.returncode, out, err


def commands():
    """The parser of each command by its name."""
    for action in _parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


@pytest.mark.parametrize("arguments", [["--help"], ["demo", "--help"]], ids=" ".join)
def test_help_is_shown_with_status_0(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("usage: fastloop-v1")


def test_demo_has_its_options_each_with_help():
    options = {action.option_strings[-1]: action.help for action in commands()["demo"]._actions}
    assert {*options} == {"--help", "--epochs", "--lr", "--bs", "--seed", "--out", "--quiet"}
    assert all(options.values())


def test_version_is_that_of_the_package(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"fastloop-v1 {fastloop_v1.__version__}\n"


def test_module_run_as_a_program_is_the_command(tmp_path):
    status, out, err = finished(["-m", "fastloop_v1", "--version"], tmp_path)
    assert (status, out, err) == (0, f"fastloop-v1 {fastloop_v1.__version__}\n", "")


def test_console_script_is_main():
    settings = configparser.ConfigParser()
    settings.read(ROOT / "setup.cfg", encoding="utf-8")
    name, _, target = settings["options.entry_points"]["console_scripts"].strip().partition(" = ")
    module, _, function = target.partition(":")
    assert name == "fastloop-v1"
    assert getattr(importlib.import_module(module), function) is main


def test_help_does_not_wait_for_torch(tmp_path):
    code = (
        "import sys, fastloop_v1.cli; fastloop_v1.cli._parser().format_help(); print('torch' in sys.modules)"
    )
    assert finished(["-c", code], tmp_path) == (0, "False\n", "")


@pytest.mark.parametrize(("options", "message"), WRONG_VALUES.items(), ids=WRONG_VALUES)
def test_wrong_value_is_one_line_and_status_2(options, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["demo", *options.split()]) == 2
    assert capsys.readouterr() == ("", f"fastloop-v1: error: {message}\n")


@pytest.mark.parametrize(("arguments", "line"), WRONG_WORDS.items(), ids=WRONG_WORDS)
def test_words_that_are_no_command_are_one_line_and_status_2(arguments, line, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments.split())
    assert ended.value.code == 2
    assert capsys.readouterr() == ("", line)


def test_unwritable_folder_is_one_line_and_status_2(capsys, tmp_path):
    file = tmp_path / "file"
    file.write_text("mine", encoding="utf-8")
    assert main(["demo", "--out", str(file)]) == 2
    line = f"fastloop-v1: error: out is {file}; no file can be written there: File exists.\n"
    assert capsys.readouterr() == ("", line)


def test_quiet_demo_prints_nothing_and_writes_everything(capsys, tmp_path):
    assert main([*SHORT, "--quiet", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr() == ("", "")
    assert {path.name for path in tmp_path.iterdir()} == FILES | PICTURES


def test_demo_in_a_pipe_prints_lines_without_control_characters(tmp_path):
    status, out, err = finished(["-m", "fastloop_v1", *SHORT], tmp_path)
    assert (status, err) == (0, "")
    assert re.fullmatch(r"[ -~\n]+", out)
    assert re.search(r"^epoch     train_loss  valid_loss  accuracy  time    $", out, re.MULTILINE)
    assert re.search(r"^0 +[\d.]+ +[\d.]+ +[\d.]+ +\d\d:\d\d +$", out, re.MULTILINE)
    assert {path.name for path in (tmp_path / "runs" / "demo").iterdir()} == FILES | PICTURES


def test_demo_in_a_terminal_shows_nested_bars_on_the_error_stream(tmp_path):
    settings = {"FASTLOOP_PROGRESS": "terminal"}
    status, out, err = finished(["-m", "fastloop_v1", *SHORT], tmp_path, settings)
    assert status == 0
    assert "Epoch: " in err
    assert "/44 [" in err
    assert "Epoch: " not in out
    assert re.search(r"^0 +[\d.]+ +[\d.]+ +[\d.]+ +\d\d:\d\d +$", out, re.MULTILINE)


def test_demo_without_matplotlib_says_what_to_install_and_goes_on(tmp_path):
    code = "import sys; sys.modules['matplotlib'] = None\n" + COMMAND
    status, out, err = finished(["-c", code, *SHORT, "--out", "demo"], tmp_path)
    assert (status, err) == (0, "")
    assert "python -m pip install 'fastloop_v1[plots]'" in out
    assert {path.name for path in (tmp_path / "demo").iterdir()} == FILES


def test_interrupt_is_a_short_line_and_status_130(tmp_path):
    with process(["-c", COMMAND, "demo", "--epochs", "1000"], tmp_path) as child:
        # Once a row of the table is out, PyTorch has imported all it imports on its first step.
        assert any(re.match(r"0 +[\d.]+ ", line) for line in child.stdout)
        child.send_signal(signal.SIGINT)
        _, err = child.communicate()
    assert (child.returncode, err) == (130, "Interrupted.\n")
    assert not list((tmp_path / "runs" / "demo").iterdir())


def test_reader_that_goes_away_ends_the_demo_without_a_word(tmp_path):
    with process(["-c", COMMAND, "demo", "--epochs", "1000"], tmp_path) as child:
        child.stdout.close()
        assert child.stderr.read() == ""
    assert child.returncode == 1
