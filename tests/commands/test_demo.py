"""`fastloop-v1 demo` hands its options to the demonstration."""

from __future__ import annotations

import argparse
from pathlib import Path

from fastloop_v1.commands.demo import add_parser


def _parsed(*arguments):
    parser = argparse.ArgumentParser()
    add_parser(parser.add_subparsers(required=True))
    return parser.parse_args(["demo", *arguments])


def test_options_have_defaults():
    options = _parsed()
    assert (options.epochs, options.lr, options.bs, options.seed) == (6, 1e-2, 64, 42)
    assert options.out == Path("runs", "demo")
    assert not options.quiet


def test_options_are_read():
    options = _parsed("--epochs", "2", "--out", "here", "--quiet")
    assert (options.epochs, options.out, options.quiet) == (2, Path("here"), True)


def test_the_command_names_what_runs_it():
    assert callable(_parsed().run)
