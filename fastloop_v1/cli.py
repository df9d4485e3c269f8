"""The command `fastloop-v1`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from . import __version__
from .commands import check, convert, demo, inspect, port, run
from .errors import FastloopError

__all__ = ["main"]

_DESCRIPTION = "The training loop of fastai v1 on today's Python and PyTorch."
_COMMANDS = (demo, run, check, port, inspect, convert)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with these arguments, by default those of the process, and return its exit status.

    Errors are one line on standard error and give 2; an interrupt (Ctrl-C) gives 130, a reader of the output
    that went away 1.

    Raises:
        SystemExit: help or the version was shown (0), or the arguments are no command (2).
    """
    try:
        arguments = _parser().parse_args(argv)
        status: int | None = arguments.run(arguments)
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # What Python still has to write when it ends must not fail once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    except (FastloopError, OSError) as error:
        print(f"fastloop-v1: error: {error}", file=sys.stderr)
        return 2
    return status or 0


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Print the message with the command that helps on, and exit with 2."""
        self.exit(2, f"{self.prog}: error: {message}; see `{self.prog} --help`\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="fastloop-v1", description=_DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in _COMMANDS:
        command.add_parser(commands)
    return parser
