"""The command line of `python -m benchmarks`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NoReturn

from .loops import PEERS
from .workloads import WORKLOADS

__all__ = ["VARIANTS", "count", "names", "parser"]

VARIANTS = ("usual", "bare", "fused")

_DESCRIPTION = """\
Measure what training loops cost per batch beside one written by hand in PyTorch: same model, same first
weights, same batches in the same order, same optimizer. One process with one thread for each sample, in
rounds, with hand-written runs around; medians of CPU time. Final losses have to be equal."""

_VARIANT_HELP = """\
variants:
  usual   one-cycle schedule, recorded losses, progress bar, accuracy on validation samples
  bare    forward, backward, step: no schedule, no callbacks, no validation
  fused   usual with the optimizer's fused form, beside the hand-written loop without"""

_EXAMPLES = """\
examples:
  python -m benchmarks --workloads W0,W1 --peers fastloop_v1 --rounds 3
  python -m benchmarks --rounds 7 --shuffle --out results.jsonl --write docs/performance.md
  python -m benchmarks --workloads W4,W4w --disk-mb 2000 --rounds 3
  python -m benchmarks --read results.jsonl --markdown

exit status: 0; 1 if a process failed or final losses differ, with the tables all the same; 2 for arguments
that cannot be used; 130 after Ctrl-C, with the tables of what was measured by then"""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Print the message with the command that helps on, and exit with 2."""
        self.exit(2, f"{self.prog}: error: {message}; see `{self.prog} --help`\n")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the arguments."""
    parser = _Parser(
        prog="python -m benchmarks",
        description=_DESCRIPTION,
        epilog="\n\n".join([_workload_help(), _VARIANT_HELP, _EXAMPLES]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_argument_group("what is measured")
    names(what, "--workloads", tuple(WORKLOADS), "what to train")
    names(what, "--peers", PEERS, "loops beside the hand-written one; what is not installed is left out")
    names(what, "--variants", VARIANTS, "ways of training")
    what.add_argument("--shuffle", action="store_true", help="run W0 to W4 with shuffled samples as well")
    what.add_argument("--rounds", type=count, default=5, metavar="N", help="rounds (default: 5)")
    sizes = parser.add_argument_group("sizes")
    sizes.add_argument("--batches", type=count, metavar="N", help="at most so many batches an epoch")
    sizes.add_argument("--disk-mb", type=count, default=64, metavar="MB", help="data of W4 (default: 64)")
    sizes.add_argument(
        "--long-batches", type=count, default=100_000, metavar="N", help="batches of W6 (default: 100000)"
    )
    results = parser.add_argument_group("results")
    results.add_argument(
        "--out", type=Path, metavar="FILE", help="append the records to a file, as JSON lines"
    )
    results.add_argument("--read", type=Path, nargs="+", metavar="FILE", help="run nothing, read such files")
    results.add_argument("--markdown", action="store_true", help="print the tables in Markdown")
    results.add_argument(
        "--write", type=Path, metavar="PAGE", help="put the tables between the markers of a Markdown page"
    )
    return parser


def _workload_help() -> str:
    lines = [f"  {workload.name:<8}{workload.title}" for workload in WORKLOADS.values()]
    return "\n".join(["workloads:", *lines])


def names(group: argparse._ActionsContainer, option: str, known: tuple[str, ...], help_text: str) -> None:
    """Add an option for names with commas between, by default all of them."""

    def listed(text: str) -> list[str]:
        asked = [name for name in text.split(",") if name]
        unknown = [name for name in asked if name not in known]
        if unknown:
            raise argparse.ArgumentTypeError(f"no {', '.join(unknown)} among {', '.join(known)}")
        return asked

    shown = ",".join(known)
    group.add_argument(
        option, type=listed, default=list(known), metavar="NAMES", help=f"{help_text} (default: {shown})"
    )


def count(text: str) -> int:
    """Read a whole number from 1 on.

    Raises:
        ArgumentTypeError: the text is none.
    """
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)
