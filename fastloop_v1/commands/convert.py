"""`fastloop-v1 convert`: write an exported learner as a folder without a pickle."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["add_parser"]

_DESCRIPTION = """\
Write a file of Learner.export, v1's or this package's, as a folder that holds no pickle: learner.json, the
tensors as model.safetensors (model.pth if safetensors is not installed) and their digests. load_learner
reads it. It is read back and compared with the file, which stays as it is."""
_EXIT_STATUS = """\
exit status: 0 when the folder is written and the same, 2 if the file is refused or it cannot be written"""


def add_parser(commands: Any) -> None:
    """Add the parser of the command."""
    convert = commands.add_parser(
        "convert",
        help="write an exported learner without pickle",
        description=_DESCRIPTION,
        epilog=_EXIT_STATUS,
    )
    add = convert.add_argument
    add("file", type=Path, metavar="FILE", help="an exported learner, such as export.pkl")
    add("-o", "--out", type=Path, metavar="DIR", help="folder to write (default: FILE without its ending)")
    add(
        "--trust",
        action="append",
        default=[],
        metavar="NAME",
        help="dotted name of a class of your own that the file may use; may be given several times",
    )
    convert.set_defaults(run=_convert)


def _convert(arguments: argparse.Namespace) -> None:
    convert_export = import_module("fastloop_v1.old_files.conversion").convert_export
    folder, compared = convert_export(arguments.file, arguments.out, arguments.trust)
    print(f"{folder} is written; {compared}.")
