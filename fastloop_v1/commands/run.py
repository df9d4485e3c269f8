"""`fastloop-v1 run`: run a script or module written for fastai v1, with `fastai` being this package."""

from __future__ import annotations

import argparse
import builtins
import os
import runpy
import sys
from importlib import import_module
from importlib.machinery import SourceFileLoader
from pathlib import Path
from pkgutil import get_importer
from types import ModuleType, TracebackType
from typing import Any

from ..errors import ArgumentError
from ..migrate.v1_layout import HOMES

__all__ = ["add_parser"]

_DESCRIPTION = """\
Run a script or, with -m, a module as Python itself would, while `import fastai` and every import below it
give this package. Arguments after the script are the script's."""
_EXIT_STATUS = """\
exit status: that of the script; 1 if it ends by an error, 130 after Ctrl-C; 2 if the script is not there or
another fastai is"""
_INTERRUPTED = 130
# Modules whose frames lie between the command line and the script.
_ABOVE_THE_SCRIPT = frozenset(
    (__name__, "runpy", "importlib._bootstrap", "importlib._bootstrap_external")
    + ("_frozen_importlib", "_frozen_importlib_external")
)


def add_parser(commands: Any) -> None:
    """Add the parser of the command."""
    run = commands.add_parser(
        "run", help="run a script written for fastai v1", description=_DESCRIPTION, epilog=_EXIT_STATUS
    )
    run.add_argument("--force", action="store_true", help="hide a fastai that is really installed")
    run.add_argument("-m", dest="as_module", action="store_true", help="the script is the name of a module")
    run.add_argument("script", help="file, folder or zip file to run, or name of a module")
    run.add_argument("arguments", nargs=argparse.REMAINDER, metavar="ARGS", help="arguments of the script")
    run.set_defaults(run=_run)


def _run(arguments: argparse.Namespace) -> int:
    script = arguments.script
    if not arguments.as_module and not Path(script).exists():
        raise ArgumentError(f"script is {script!r}; there is no such file.")
    run = _run_module if arguments.as_module else _run_file if _is_source(script) else _run_folder
    sys.argv = [script, *arguments.arguments]
    if not getattr(sys.flags, "safe_path", False):
        # As Python does: the working folder for a module, the script's own folder for a file.
        here = os.path.dirname(os.path.realpath(script))
        sys.path[:1] = {_run_module: [os.getcwd()], _run_file: [here], _run_folder: []}[run]
    import_module("fastloop_v1.migrate").install(force=arguments.force)
    ending = _Ending(script)
    with ending:
        run(script)
    return ending.status


def _is_source(script: str) -> bool:
    """Whether this is a file of Python code, not a folder or zip file with a `__main__.py`."""
    return get_importer(script) is None and not script.endswith(".pyc")


class _ScriptLoader(SourceFileLoader):
    """Loads a file, and keeps no compiled copy of it, as Python keeps none of a script."""

    def set_data(self, path: str, data: Any, *, _mode: int = 0o666) -> None:
        """Write nothing."""


def _run_file(script: str) -> None:
    """Run a file as `__main__`, which stays there for what still runs when the script has ended."""
    path = os.path.abspath(script)
    loader = _ScriptLoader("__main__", path)
    main = ModuleType("__main__")
    # Python gives a script no spec; with one, processes that are started anew would not find the script.
    main.__dict__.update(__file__=path, __cached__=None, __loader__=loader, __builtins__=builtins)
    sys.modules["__main__"] = main
    loader.exec_module(main)


def _run_folder(script: str) -> None:
    """Run the `__main__.py` of a folder or zip file, or a compiled file."""
    runpy.run_path(script, run_name="__main__")


def _run_module(name: str) -> None:
    """Run a module as `python -m` does; one of `fastai` under the name it has here."""
    package, _, inside = name.partition(".")
    if package == "fastai" and inside in HOMES:
        name = f"fastloop_v1.{inside}"
    runpy.run_module(name, run_name="__main__", alter_sys=True)


class _Ending:
    """How the script ends: an error is shown as Python shows it, `sys.exit` goes on.

    Attributes:
        status: the exit status.

    Args:
        script: what was asked for.
    """

    def __init__(self, script: str) -> None:
        self._script = script
        self.status = 0

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is None or isinstance(error, SystemExit):
            return False
        own = _frames_of_script(trace)
        if own is None and isinstance(error, ImportError):
            raise ArgumentError(f"script is {self._script!r}; {error}.") from error
        sys.excepthook(type(error), error.with_traceback(own), own)
        self.status = _INTERRUPTED if isinstance(error, KeyboardInterrupt) else 1
        return True


def _frames_of_script(trace: TracebackType | None) -> TracebackType | None:
    """The traceback from the script's first frame on."""
    while trace is not None and trace.tb_frame.f_globals.get("__name__") in _ABOVE_THE_SCRIPT:
        trace = trace.tb_next
    return trace
