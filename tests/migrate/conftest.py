"""The alias, on for a test and off again after it."""

from __future__ import annotations

import pytest

from fastloop_v1.migrate import as_fastai


@pytest.fixture
def fastai():
    """Importing `fastai` gives this package."""
    with as_fastai():
        yield
