"""Axes always come as rows and columns."""

from __future__ import annotations

import matplotlib
import pytest
from matplotlib import pyplot

from fastloop_v1.axes_grid import subplots


@pytest.fixture(autouse=True)
def _no_window():
    before = matplotlib.get_backend()
    pyplot.switch_backend("agg")
    yield
    pyplot.close("all")
    pyplot.switch_backend(before)


@pytest.mark.parametrize(("rows", "cols"), [(1, 1), (1, 3), (2, 1), (2, 2)])
def test_axes_have_two_dimensions(rows, cols):
    axes = subplots(rows, cols, imgsize=2)
    assert axes.shape == (rows, cols)
    assert axes[0, 0].figure.get_size_inches().tolist() == [2 * cols, 2 * rows]


def test_title_and_size_are_those_given():
    figure = subplots(1, 1, figsize=(3, 1), title="Losses", fontsize=20)[0, 0].figure
    assert figure.get_size_inches().tolist() == [3, 1]
    assert figure.get_suptitle() == "Losses"
