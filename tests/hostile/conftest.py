"""Lets the tests in this folder import `assembly`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def canary(tmp_path):
    """A path where nothing is, as long as nothing runs."""
    path = tmp_path / "canary"
    yield path
    assert not path.exists()
