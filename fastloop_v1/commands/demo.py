"""`fastloop-v1 demo`: train on handwritten digits that come with the package."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["add_parser"]

_DESCRIPTION = """\
Train a small convolutional net on 1,797 handwritten digits that come with the package: find a learning
rate with lr_find, train with fit_one_cycle, and write the history, the model and pictures into a folder.
It takes a few seconds and downloads nothing."""
_EXIT_STATUS = """\
exit status: 0 when all is done, 2 if a value or the folder cannot be used, 130 after Ctrl-C"""


def add_parser(commands: Any) -> None:
    """Add the parser of the command."""
    demo = commands.add_parser(
        "demo", help="train on handwritten digits", description=_DESCRIPTION, epilog=_EXIT_STATUS
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
