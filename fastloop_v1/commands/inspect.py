"""`fastloop-v1 inspect`: tell what is in an exported learner or a file of weights, and run nothing of it."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from importlib import import_module
from typing import Any

__all__ = ["add_parser"]

_DESCRIPTION = """\
Tell what is in a file that Learner.save or Learner.export wrote, v1's or this package's, or in a folder of
Learner.export: what it names and whether that is allowed, the modules and how many parameters they have,
metrics, callbacks, data. Nothing in it is run, whatever it holds."""
_EXIT_STATUS = """\
exit status: 0 if it would be loaded, 1 if it names something that is not allowed, 2 if it cannot be read"""


def add_parser(commands: Any) -> None:
    """Add the parser of the command."""
    inspect = commands.add_parser(
        "inspect", help="tell what is in a file, run nothing", description=_DESCRIPTION, epilog=_EXIT_STATUS
    )
    inspect.add_argument("file", metavar="FILE", help="a file of weights, or an exported learner")
    inspect.add_argument("--json", action="store_true", help="tell it as JSON")
    inspect.set_defaults(run=_inspect)


def _inspect(arguments: argparse.Namespace) -> int:
    found = import_module("fastloop_v1.old_files.file_contents").file_contents(arguments.file)
    print(found.to_json(indent=1) if arguments.json else "\n".join(map(_printable, _lines(found))))
    return 0 if found.problem is None else 1 if found.readable else 2


def _printable(line: str) -> str:
    """Return a line without control characters, of which a file's names may have any."""
    return "".join(each if each.isprintable() else "?" for each in line)


def _lines(found: Any) -> Iterator[str]:
    yield f"{found.path}: {found.kind}"
    for name, size in found.sizes.items():
        yield f"  {name}: {size:,} bytes, sha256 {found.digests[name]}"
    for name, version in found.versions.items():
        yield f"  {name} version: {version}"
    yield from _lines_of_content(found)
    if found.names:
        yield "names:"
    for use in found.names:
        yield f"  {use.name}: {use.status}"
    yield f"would be loaded: {'yes' if found.problem is None else 'no'}"
    if found.problem is not None:
        yield found.problem


def _lines_of_content(found: Any) -> Iterator[str]:
    if found.holds:
        yield f"holds: {found.holds}"
    for part, names in found.learner.items():
        yield f"  {part}: {', '.join(names) or 'none'}"
    if found.modules:
        yield f"model: {found.parameters:,} parameters"
    for module in found.modules:
        depth = "  " * (module.name.count(".") + bool(module.name) + 1)
        own = f", {module.parameters:,} parameters" if module.parameters else ""
        yield f"{depth}{module.name.rpartition('.')[2] or 'model'}: {module.kind}{own}"
    for name, shape in found.tensors.items():
        yield f"  {name}: {' x '.join(map(str, shape)) or 'one number'}"
