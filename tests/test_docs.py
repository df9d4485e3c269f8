"""What the documents show is run, and the printed page is the one the table prints."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from fastloop_v1.events import events_page

ROOT = Path(__file__).parents[1]
TWICE = ROOT / "docs" / "v1_and_v2.md"
PAGES = [ROOT / "README.md", *sorted(page for page in (ROOT / "docs").glob("*.md") if page != TWICE)]
TABLES = ["Event by event", "State key by attribute", "Return by assignment, flag by signal"]


def _blocks(text):
    """The blocks of Python in a text."""
    return re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)


def _parts(text, mark):
    """What comes before the first heading of this depth, and the parts below each by its title."""
    before, *parts = re.split(rf"^{mark} (.*)\n", text, flags=re.MULTILINE)
    return before, dict(zip(parts[::2], parts[1::2], strict=True))


BLOCKS = [
    pytest.param(block, id=f"{page.stem} {number}")
    for page in PAGES
    for number, block in enumerate(_blocks(page.read_text("utf-8")), 1)
]
SHARED, CHAPTERS = _parts(TWICE.read_text("utf-8"), "##")
ROWS = {title: _parts(chapter, "###")[1] for title, chapter in CHAPTERS.items()}
EXAMPLES = [
    pytest.param(block, id=row)
    for chapter in ROWS.values()
    for row, part in chapter.items()
    for block in _blocks(part)
]


def _run(arguments, folder):
    """Run Python in another folder, warnings as errors; return its error stream if it failed."""
    settings = {"PYTHONPATH": str(ROOT), "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=folder,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr if done.returncode else None


def test_event_page_is_printed_from_the_table():
    assert (ROOT / "docs" / "events.md").read_text(encoding="utf-8") == events_page()


def test_readme_shows_code():
    assert "README 1" in [block.id for block in BLOCKS]


@pytest.mark.parametrize("block", BLOCKS)
def test_block_of_a_page_runs(block, tmp_path):
    assert _run(["-c", block], tmp_path) is None


@pytest.mark.parametrize("title", TABLES)
def test_each_row_of_a_table_of_v1_and_v2_is_written_twice(title):
    table = _parts((ROOT / "docs" / "migrate.md").read_text("utf-8"), "###")[1][title]
    rows = re.findall(r"^\| (.*?) \|", table, flags=re.MULTILINE)[1:]
    assert list(ROWS[title]) == rows
    for row in rows:
        (block,) = _blocks(ROWS[title][row])
        found = re.findall(r"^(?:class V\d|assert)", block, flags=re.MULTILINE)
        assert found[:3] == ["class V1", "class V2", "assert"]


@pytest.mark.parametrize("block", EXAMPLES)
def test_a_callback_written_twice_gives_equal_numbers(block, tmp_path):
    script = tmp_path / "twice.py"
    script.write_text("\n\n".join([*_blocks(SHARED), block]), encoding="utf-8")
    runpy.run_path(str(script))
