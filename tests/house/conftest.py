"""The Python files of the project, read once; a test that takes `source` or `python_file` runs for each."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "fastloop_v1"
# Kept as it was recorded with; the rules of this project are not its rules.
COPIED = {ROOT / "tests" / folder / "replay.py" for folder in ("golden", "golden_v2")}


@dataclass(frozen=True)
class Source:
    """One Python file and what it says."""

    path: Path

    @cached_property
    def text(self) -> str:
        """The whole file."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        """The file, parsed."""
        return ast.parse(self.text, str(self.path))

    @cached_property
    def name(self) -> str:
        """Dotted name below the package: `optim`, `callbacks.mixup`; `callbacks` and `` for `__init__.py`."""
        parts = self.path.relative_to(PACKAGE).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    @property
    def is_package(self) -> bool:
        """Whether this is an `__init__.py`."""
        return self.path.stem == "__init__"


SOURCES = [Source(path) for path in sorted(PACKAGE.rglob("*.py"))]
PYTHON_FILES = [
    *SOURCES,
    *(
        Source(path)
        for folder in ("benchmarks", "tests", "examples")
        for path in sorted((ROOT / folder).rglob("*.py"))
    ),
]
PYTHON_FILES = [file for file in PYTHON_FILES if file.path not in COPIED]


def _shown(file: Source) -> str:
    return file.path.relative_to(ROOT).as_posix()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test for each module of the package (`source`) or each file of the project (`python_file`)."""
    for argument, files in {"source": SOURCES, "python_file": PYTHON_FILES}.items():
        if argument in metafunc.fixturenames:
            metafunc.parametrize(argument, files, ids=_shown)


@pytest.fixture(scope="session")
def sources() -> dict[str, Source]:
    """Every module of the package by its dotted name."""
    return {source.name: source for source in SOURCES}


@pytest.fixture(scope="session")
def root() -> Path:
    """The folder of the checkout."""
    return ROOT
