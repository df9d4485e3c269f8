"""Pictures of training, drawn with matplotlib, which is loaded when the first one is drawn."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .errors import ArgumentError
from .optional import optional_import

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "NothingToPlotError",
    "plot_confusion_matrix",
    "plot_images",
    "plot_losses",
    "plot_lr_find",
    "plot_metrics",
    "plot_schedule",
    "recorder_plot",
    "recorder_plot_losses",
    "recorder_plot_lr",
    "recorder_plot_metrics",
]

# A line with its points, as a single one would not be seen.
_POINTS = ".-"


class NothingToPlotError(ArgumentError, AssertionError):
    """There is no value to draw (v1 raised an AssertionError for it)."""


def plot_lr_find(
    lrs: Sequence[float], losses: Sequence[Any], suggestion: float | Mapping[str, float] | None = None
) -> Figure:
    """Return a picture of the losses over the learning rates, on a logarithmic axis.

    Args:
        lrs: rates tried, rising.
        losses: one for each rate.
        suggestion: a rate to mark on the curve, or several by the name they have in the legend.

    Raises:
        ArgumentError: the numbers of rates and losses differ.
        MissingExtraError: matplotlib is not installed.
    """
    figure, (axes,) = _figure(1)
    _draw_lr_find(axes, lrs, losses, suggestion)
    return figure


def plot_losses(
    losses: Sequence[Any], valid_batches: Sequence[int] = (), valid_losses: Sequence[Any] = ()
) -> Figure:
    """Return a picture of the training loss over the batches.

    Args:
        losses: one for each batch.
        valid_batches: how many batches had been trained at each validation.
        valid_losses: one for each validation; None leaves a gap.

    Raises:
        ArgumentError: the numbers of validations and their losses differ.
        MissingExtraError: matplotlib is not installed.
    """
    figure, (axes,) = _figure(1)
    _draw_losses(axes, range(len(losses)), losses, valid_batches, valid_losses)
    return figure


def plot_schedule(lrs: Sequence[Any], moms: Sequence[Any] | None = None) -> Figure:
    """Return a picture of the learning rate over the iterations, and of the momentum, if given, beside it.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    figure, grid = _figure(1 if moms is None else 2)
    _draw_schedule(grid, range(len(lrs)), lrs, moms)
    return figure


def plot_metrics(metrics: Mapping[str, Sequence[Any]]) -> Figure:
    """Return a picture for each metric over the epochs, counted from 1, one below the other.

    Args:
        metrics: by name, a value for each epoch; None leaves a gap.

    Raises:
        NothingToPlotError: there is no metric.
        MissingExtraError: matplotlib is not installed.
    """
    columns = [(name, range(1, len(values) + 1), values) for name, values in metrics.items()]
    return _metrics_figure(columns, "Epochs", interactive=False, show_grid=False)


def plot_confusion_matrix(
    matrix: Sequence[Sequence[float]],
    classes: Sequence[str],
    *,
    normalize: bool = False,
    title: str = "Confusion matrix",
    cmap: str = "Blues",
    norm_dec: int = 2,
    plot_txt: bool = True,
    **kwargs: Any,
) -> Figure:
    """Return a picture of a confusion matrix, its actual classes from top to bottom.

    Args:
        matrix: counts, shape (actual, predicted).
        classes: their names.
        normalize: True draws each row as shares of its sum.
        title: text over the picture.
        cmap: colour map.
        norm_dec: digits after the point of a share.
        plot_txt: whether to write the numbers into the cells.
        kwargs: further arguments of `matplotlib.figure.Figure`, such as `figsize`.

    Raises:
        ArgumentError: the matrix does not have as many rows and columns as there are classes.
        MissingExtraError: matplotlib is not installed.
    """
    cells = np.array([[float(count) for count in row] for row in matrix])
    if cells.shape != (len(classes), len(classes)):
        raise ArgumentError(
            f"matrix has shape {cells.shape}; with {len(classes)} classes it must be square of that."
        )
    if normalize:
        cells = cells / np.maximum(cells.sum(axis=1, keepdims=True), 1)
    figure, (axes,) = _figure(1, **kwargs)
    axes.imshow(cells, interpolation="nearest", cmap=cmap)
    axes.set(title=title, xlabel="Predicted", ylabel="Actual")
    axes.set_xticks(range(len(classes)), [str(name) for name in classes], rotation=90)
    axes.set_yticks(range(len(classes)), [str(name) for name in classes])
    if plot_txt:
        _write_cells(axes, cells, f".{norm_dec}f" if normalize else "g")
    return figure


def plot_images(
    images: Any, titles: Sequence[str] = (), *, figsize: tuple[float, float] | None = None, cmap: str = "gray"
) -> Figure:
    """Return a picture of images in a square grid.

    Args:
        images: tensor or array, shape (images, 1 or 3, height, width); floats in 3 channels run from 0 to 1.
        titles: text over each image.
        figsize: width and height in inches; by default 1.5 for each image of a row.
        cmap: colour map of images with one channel.

    Raises:
        ArgumentError: another shape, or no image at all.
        MissingExtraError: matplotlib is not installed.
    """
    pictures = torch.as_tensor(images).detach().cpu()
    if pictures.ndim != 4 or pictures.shape[1] not in (1, 3) or not len(pictures):
        raise ArgumentError(
            f"images has shape {tuple(pictures.shape)}; it must be (images, 1 or 3, height, width)."
        )
    side = math.ceil(math.sqrt(len(pictures)))
    rows = math.ceil(len(pictures) / side)
    figure, grid = _figure(side, rows, figsize=figsize or (1.5 * side, 1.5 * rows))
    for axes in grid:
        axes.set_axis_off()
    for axes, picture in zip(grid, pictures, strict=False):
        shown = picture.clamp(0, 1) if picture.is_floating_point() and len(picture) == 3 else picture
        axes.imshow(shown.permute(1, 2, 0).numpy(), cmap=cmap)
    for axes, title in zip(grid, titles, strict=False):
        axes.set_title(title)
    return figure


def recorder_plot(
    lrs: Sequence[Any], losses: Sequence[Any], *, show_grid: bool = False, suggestion: float | None = None
) -> Figure:
    """Return `plot_lr_find` as a figure of pyplot, which a notebook shows on its own."""
    figure, (axes,) = _figure(1, interactive=True)
    _draw_lr_find(axes, lrs, losses, suggestion)
    _show_grid(axes, show_grid=show_grid)
    return figure


def recorder_plot_lr(
    lrs: Sequence[Any], moms: Sequence[Any] | None = None, *, iterations: Sequence[int] | None = None
) -> Figure:
    """Return `plot_schedule` as a figure of pyplot.

    Args:
        lrs: one for each iteration drawn.
        moms: one for each iteration drawn, or None for no second picture.
        iterations: their numbers, by default from 0.
    """
    figure, grid = _figure(1 if moms is None else 2, interactive=True)
    _draw_schedule(grid, range(len(lrs)) if iterations is None else iterations, lrs, moms)
    return figure


def recorder_plot_losses(
    batches: Sequence[int],
    losses: Sequence[Any],
    val_batches: Sequence[int],
    val_losses: Sequence[Any],
    *,
    show_grid: bool = False,
) -> Figure:
    """Return `plot_losses` as a figure of pyplot, with the numbers of the batches given."""
    figure, (axes,) = _figure(1, interactive=True)
    _draw_losses(axes, batches, losses, val_batches, val_losses)
    _show_grid(axes, show_grid=show_grid)
    return figure


def recorder_plot_metrics(
    val_batches: Sequence[int],
    metrics: Sequence[Sequence[Any]],
    names: Sequence[str] = (),
    *,
    show_grid: bool = False,
) -> Figure:
    """Return a picture for each metric over the batches, one below the other, as a figure of pyplot.

    Args:
        val_batches: how many batches had been trained at each validation.
        metrics: for each validation, the value of each metric.
        names: of the metrics, written over the pictures.
        show_grid: whether to draw a grid.

    Raises:
        NothingToPlotError: there is no metric.
    """
    values = list(zip(*metrics, strict=True))
    titles = [*names, *[""] * len(values)]
    columns = [(titles[i], val_batches, column) for i, column in enumerate(values)]
    return _metrics_figure(columns, "Batches processed", interactive=True, show_grid=show_grid)


def _figure(
    columns: int, rows: int = 1, *, interactive: bool = False, **kwargs: Any
) -> tuple[Figure, Sequence[Axes]]:
    """Return a figure and its axes row by row; only an interactive one is known to pyplot."""
    kwargs.setdefault("figsize", (6 * columns, 4 * rows))
    kwargs.setdefault("layout", "constrained")
    module = optional_import("matplotlib.pyplot" if interactive else "matplotlib.figure", "plots")
    figure: Figure = module.figure(**kwargs) if interactive else module.Figure(**kwargs)
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def _numbers(values: Iterable[Any]) -> list[float]:
    """Return values, tensors among them, as floats; None becomes NaN, which matplotlib leaves out."""
    return [math.nan if value is None else float(value) for value in values]


def _draw_lr_find(
    axes: Axes, lrs: Sequence[Any], losses: Sequence[Any], suggestion: float | Mapping[str, float] | None
) -> None:
    rates, values = _numbers(lrs), _numbers(losses)
    if len(rates) != len(values):
        raise ArgumentError(f"lrs has {len(rates)} values, losses has {len(values)}; there must be as many.")
    axes.plot(rates, values)
    axes.set(xlabel="Learning rate", ylabel="Loss", xscale="log")
    axes.xaxis.set_major_formatter("{x:.0e}")
    if suggestion is None:
        return
    named = suggestion if isinstance(suggestion, Mapping) else {"suggestion": suggestion}
    for name, rate in named.items():
        height = float(np.interp(math.log(rate), np.log(rates), values))
        axes.plot(
            [float(rate)], [height], marker="o", markersize=10, linestyle="none", label=f"{name} {rate:.2e}"
        )
    axes.legend()


def _draw_losses(
    axes: Axes,
    batches: Sequence[int],
    losses: Sequence[Any],
    val_batches: Sequence[int],
    val_losses: Sequence[Any],
) -> None:
    if len(val_batches) != len(val_losses):
        raise ArgumentError(
            f"There are {len(val_batches)} numbers of batches for {len(val_losses)} validation losses; "
            f"there must be as many."
        )
    axes.plot(_numbers(batches), _numbers(losses), label="Train")
    if len(val_losses):
        axes.plot(_numbers(val_batches), _numbers(val_losses), _POINTS, label="Validation")
    axes.set(xlabel="Batches processed", ylabel="Loss")
    axes.legend()


def _draw_schedule(
    grid: Sequence[Axes], iterations: Sequence[int], lrs: Sequence[Any], moms: Sequence[Any] | None
) -> None:
    for axes, name, values in zip(grid, ("Learning rate", "Momentum"), (lrs, moms), strict=False):
        axes.plot(_numbers(iterations), _numbers(values or ()))
        axes.set(xlabel="Iterations", ylabel=name)


def _metrics_figure(
    columns: Sequence[tuple[str, Sequence[int], Sequence[Any]]],
    x_label: str,
    *,
    interactive: bool,
    show_grid: bool,
) -> Figure:
    """Return a figure with one picture for each name, its places on the x axis, and its values."""
    if not columns:
        raise NothingToPlotError("There are no metrics to plot.")
    figure, grid = _figure(1, len(columns), interactive=interactive)
    for axes, (name, places, values) in zip(grid, columns, strict=True):
        axes.plot(_numbers(places), _numbers(values), _POINTS)
        axes.set(xlabel=x_label, ylabel=name or "Metric")
        _show_grid(axes, show_grid=show_grid)
    return figure


def _show_grid(axes: Axes, *, show_grid: bool) -> None:
    if show_grid:
        axes.grid(visible=True)


def _write_cells(axes: Axes, cells: Any, number_format: str) -> None:
    """Write the number into each cell, white on dark ones."""
    half = cells.max() / 2
    for (row, column), value in np.ndenumerate(cells):
        colour = "white" if value > half else "black"
        axes.text(column, row, format(value, number_format), ha="center", va="center", color=colour)
