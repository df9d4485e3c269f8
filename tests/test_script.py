from __future__ import annotations

import subprocess
import sys
from typing import Annotated

import pytest

from fastloop_v1.errors import NotOfferedError
from fastloop_v1.script import Param, anno_parser, call_parse, call_plac


def train(
    path: Param("folder of the data", str, opt=False),
    lr: Param("learning rate", float) = 1e-3,
    size: Annotated[int, Param("pixels", choices=[8, 16])] = 8,
    fp16: Param("half precision", bool) = False,
    verbose: Param(action="store_true") = None,
    epochs: int = 1,
    name="plain",
):
    """Train a model."""


@pytest.mark.parametrize(
    ("line", "name", "expected"),
    [
        ("data", "path", "data"),
        ("data", "lr", 1e-3),
        ("data --lr 0.1", "lr", 0.1),
        ("data --lr=0.1", "lr", 0.1),
        ("data --size 16", "size", 16),
        ("data --fp16 True", "fp16", True),
        ("data --fp16 false", "fp16", False),
        ("data --fp16 0", "fp16", False),
        ("data --verbose", "verbose", True),
        ("data", "verbose", None),
        ("data --epochs 3", "epochs", 3),
        ("data --name other", "name", "other"),
    ],
)
def test_command_line_gives_parameters(line, name, expected):
    assert vars(anno_parser(train).parse_args(line.split()))[name] == expected


@pytest.mark.parametrize(
    "line", ["", "data --lr fast", "data --size 9", "data --fp16 perhaps", "data --unknown 1"]
)
def test_command_line_that_does_not_fit_is_refused(line, capsys):
    with pytest.raises(SystemExit):
        anno_parser(train).parse_args(line.split())
    assert "usage" in capsys.readouterr().err


def test_help_has_docstring_and_meanings():
    text = anno_parser(train).format_help()
    assert all(part in text for part in ("Train a model.", "learning rate", "folder of the data"))


def test_settings_that_were_not_made_are_left_to_argparse():
    assert Param("words", nargs="*").kwargs == {"help": "words", "nargs": "*"}


@pytest.mark.parametrize(("opt", "pre"), [(True, "--"), (False, "")])
def test_option_has_dashes(opt, pre):
    assert Param(opt=opt).pre == pre


def test_imported_function_is_left_as_it_is():
    assert call_parse(train) is train


def test_script_calls_its_function(tmp_path):
    script = tmp_path / "hello.py"
    script.write_text(
        "from fastloop_v1.script import *\n"
        "@call_parse\n"
        "def main(times:Param('how often', int)=1, word:Param('what', str, opt=False)='hi'):\n"
        "    print(word * times)\n"
    )
    done = subprocess.run(
        [sys.executable, str(script), "ho", "--times=3"], capture_output=True, text=True, check=True
    )
    assert done.stdout == "hohoho\n"


def test_plac_is_not_offered():
    with pytest.raises(NotOfferedError, match="call_parse"):
        call_plac(train)
