"""What the documents show is run, and the printed page is the one the table prints."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fastloop_v1.events import events_page

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCKS = [
    pytest.param(block, id=f"{page.stem} {number}")
    for page in PAGES
    for number, block in enumerate(
        re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE), 1
    )
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
