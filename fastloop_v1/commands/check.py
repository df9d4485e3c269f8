"""`fastloop-v1 check`: say which files of a v1 project run here, without running them."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["add_parser"]

_DESCRIPTION = """\
Read Python files and notebooks without running them, and say of each whether its fastai v1 code runs here as
it is, runs with remarks, or needs work: with the lines, the reasons and what to do instead."""
_EXIT_STATUS = """\
exit status: 0 if every file runs, with or without remarks; 1 if one needs work or is broken; 2 if the
arguments are wrong; 130 after Ctrl-C"""

_FORMATS = ("text", "json", "markdown", "html")


def add_parser(commands: Any) -> None:
    """Add the parser of the command."""
    check = commands.add_parser(
        "check",
        help="say which files of a v1 project run here",
        description=_DESCRIPTION,
        epilog=_EXIT_STATUS,
    )
    add = check.add_argument
    add(
        "paths",
        type=Path,
        nargs="+",
        metavar="PATH",
        help="files, or folders to walk without hidden ones, virtual environments and installed packages",
    )
    add(
        "--format",
        choices=("text", "json", "markdown", "html"),
        default="text",
        help="(default: %(default)s)",
    )
    how_much = check.add_mutually_exclusive_group()
    add_flag = how_much.add_argument
    add_flag("-q", "--quiet", action="store_true", help="only files that need work or are broken, and why")
    add_flag("-v", "--verbose", action="store_true", help="also the names used, and files without v1 code")
    check.set_defaults(run=_check)


def _check(arguments: argparse.Namespace) -> int:
    missing = [str(path) for path in arguments.paths if not path.exists() and not path.is_symlink()]
    if missing:
        print(f"fastloop-v1 check: error: there is no {', no '.join(missing)}", file=sys.stderr)
        return 2
    # Loaded here, so that help is answered at once.
    reports = import_module("fastloop_v1.migrate.source_files").check_paths(arguments.paths)
    shown = import_module("fastloop_v1.migrate.check_report").FORMATS[arguments.format]
    text: str = shown(reports, quiet=arguments.quiet, verbose=arguments.verbose)
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), end="")
    return int(any(report.fails for report in reports))
