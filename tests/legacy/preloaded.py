"""Runs the command again and again, each time in a fork of this process, which loads PyTorch only once.

Reads a line of JSON for each run, `[arguments, folder, file for the output]`, and writes its exit status.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import signal
import sys
from importlib import import_module
from importlib.util import find_spec

# PyTorch loads `torch._dynamo` at the first step of an optimizer, which takes longer than most scripts.
LOADED = ("fastloop_v1.basic_train", "fastloop_v1.callbacks", "fastloop_v1.migrate.alias", "torch._dynamo")
# What a star import brings on first use.
LOADED_IF_THERE = ("pandas", "matplotlib.pyplot")
SECONDS = 60


def run_here(arguments, folder, output):
    """Be the command, from its arguments to the end of the process."""
    signal.alarm(SECONDS)
    printed = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(printed, sys.__stdout__.fileno())
    os.dup2(printed, sys.__stderr__.fileno())
    os.chdir(folder)
    sys.argv = ["fastloop-v1", *arguments]
    status: str | int | None = 0
    try:
        runpy.run_module("fastloop_v1", run_name="__main__", alter_sys=True)
    except SystemExit as ending:
        status = ending.code
    sys.stdout.flush()
    sys.stderr.flush()
    # Without taking all of PyTorch down, which is slower than the script.
    os._exit(status if isinstance(status, int) else status is not None)


def main():
    """Answer one line after the other."""
    there = [name for name in LOADED_IF_THERE if find_spec(name.partition(".")[0])]
    for name in (*LOADED, *there):
        import_module(name)
    gc.freeze()
    for line in sys.stdin:
        child = os.fork()
        if not child:
            run_here(*json.loads(line))
        _, status = os.waitpid(child, 0)
        os.write(sys.__stdout__.fileno(), b"%d\n" % os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
