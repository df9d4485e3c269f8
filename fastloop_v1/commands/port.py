"""`fastloop-v1 port`: rewrite a v1 file for this package where that is certain."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

from ..atomic_file import atomic_write

__all__ = ["add_parser"]

_DESCRIPTION = """\
Rewrite what can be rewritten with certainty in a Python file written for fastai v1: imports, renamed names,
and bare return values of callbacks; with `--to v2` classes of callbacks, as those of fastloop_v1.v2. Shows
the change as a diff, and on standard error what is left alone and why. Nothing is written unless --write is
given."""
_EXIT_STATUS = """\
exit status: 0 if nothing of v1 is left alone; 1 if something is; 2 if the file cannot be rewritten, or
libcst (the extra `port`) is not installed; 130 after Ctrl-C"""


def add_parser(commands: Any) -> None:
    """Add the parser of the command."""
    port = commands.add_parser(
        "port", help="rewrite a v1 file for this package", description=_DESCRIPTION, epilog=_EXIT_STATUS
    )
    port.add_argument("file", type=Path, metavar="FILE", help="a .py file")
    port.add_argument(
        "--to",
        choices=("fastloop_v1", "v2"),
        default="fastloop_v1",
        help="what to write: v1's names from this package (the default), or v1's callbacks as v2's",
    )
    port.add_argument("--write", action="store_true", help="write the file, at once or not at all")
    port.set_defaults(run=_port)


def _port(arguments: argparse.Namespace) -> int:
    # Loaded here, so that help is answered at once.
    port_file = import_module("fastloop_v1.migrate.port").port_file
    ported = port_file(arguments.file, arguments.to)
    encoding = sys.stdout.encoding or "utf-8"
    print(ported.diff().encode(encoding, "backslashreplace").decode(encoding), end="")
    for entry in ported.left_alone:
        print(f"{arguments.file}:{entry.line}: left alone: {entry.reason}", file=sys.stderr)
    if arguments.write and ported.after != ported.before:
        with atomic_write(arguments.file) as file:
            file.write(ported.after)
    return int(bool(ported.left_alone))
