"""The command `fastloop-v1`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from . import __version__
from .errors import FastloopError

__all__ = ["main"]

_DESCRIPTION = "The training loop of fastai v1 on today's Python and PyTorch."
_DEMO = """\
Train a small convolutional net on 1,797 handwritten digits that come with the package: find a learning
rate with lr_find, train with fit_one_cycle, and write the history, the model and pictures into a folder.
It takes a few seconds and downloads nothing."""
_EXIT_STATUS = """\
exit status: 0 when all is done, 2 if a value or the folder cannot be used, 130 after Ctrl-C"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with these arguments, by default those of the process, and return its exit status.

    Errors are one line on standard error and give 2; an interrupt (Ctrl-C) gives 130, a reader of the output
    that went away 1.

    Raises:
        SystemExit: help or the version was shown (0), or the arguments are no command (2).
    """
    try:
        arguments = _parser().parse_args(argv)
        arguments.run(arguments)
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
    return 0


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Print the message with the command that helps on, and exit with 2."""
        self.exit(2, f"{self.prog}: error: {message}; see `{self.prog} --help`\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="fastloop-v1", description=_DESCRIPTION)
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_demo(commands)
    return parser


def _add_demo(commands: Any) -> None:
    demo = commands.add_parser(
        "demo", help="train on handwritten digits", description=_DEMO, epilog=_EXIT_STATUS
    )
    add = demo.add_argument
    add("--epochs", type=int, default=6, metavar="N", help="epochs of training (default: %(default)s)")
    add("--lr", type=float, default=1e-2, help="highest learning rate (default: %(default)s)")
    add("--bs", type=int, default=64, metavar="N", help="images in a batch (default: %(default)s)")
    add(
        "--seed",
        type=int,
        default=42,
        metavar="N",
        help="seed of the data split and of all random numbers (default: %(default)s)",
    )
    add(
        "--out",
        type=Path,
        default=Path("runs", "demo"),
        metavar="DIR",
        help="folder to write to; files of an earlier run there are replaced (default: %(default)s)",
    )
    add("--quiet", action="store_true", help="print nothing but errors")
    demo.set_defaults(run=_demo)


def _demo(arguments: argparse.Namespace) -> None:
    # Loaded here, as PyTorch takes seconds: help, wrong arguments and Ctrl-C are answered at once.
    run_demo = import_module("fastloop_v1.demo").run_demo
    options = {name: getattr(arguments, name) for name in ("epochs", "lr", "bs", "seed")}
    run_demo(arguments.out, **options, say=None if arguments.quiet else print)
