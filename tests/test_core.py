"""The face of v1's `core` hands out what legacy code imports from there."""

from __future__ import annotations

import pytest

from fastloop_v1 import core


@pytest.mark.parametrize("name", core.__all__)
def test_listed_name_is_there(name):
    assert hasattr(core, name)


@pytest.mark.parametrize(
    "name", ["np", "pd", "plt", "Path", "partial", "dataclass", "Union", "Any", "warn", "os"]
)
def test_names_of_other_packages_come_with_the_star(name):
    assert name in core.__all__


def test_core_leaves_paths_as_they_are():
    assert not hasattr(core.Path, "ls")
