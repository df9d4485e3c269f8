"""Figures with a grid of axes, always as an array of two dimensions."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from .optional import optional_import

__all__ = ["subplots"]


def subplots(
    rows: int,
    cols: int,
    imgsize: int = 4,
    figsize: tuple[int, int] | None = None,
    title: str | None = None,
    **kwargs: Any,
) -> NDArray[Any]:
    """Return the axes of a new matplotlib figure.

    Args:
        rows: number of rows.
        cols: number of columns.
        imgsize: width and height of one of the axes, inches.
        figsize: width and height of the figure, inches; by default what the axes need.
        title: text over the figure.
        kwargs: further arguments of `Figure.suptitle`.

    Returns:
        Array of axes of shape (rows, cols), also when one of them is 1.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    pyplot = optional_import("matplotlib.pyplot", "plots")
    figsize = (imgsize * cols, imgsize * rows) if figsize is None else figsize
    figure, axes = pyplot.subplots(rows, cols, figsize=figsize, squeeze=False)
    if title is not None:
        figure.suptitle(title, **kwargs)
    grid: NDArray[Any] = axes
    return grid
