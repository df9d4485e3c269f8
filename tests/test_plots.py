"""Pictures hold exactly the numbers they were given."""

from __future__ import annotations

import io
import math
import sys

import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from fastloop_v1.errors import ArgumentError, MissingExtraError
from fastloop_v1.plots import (
    NothingToPlotError,
    plot_confusion_matrix,
    plot_images,
    plot_losses,
    plot_lr_find,
    plot_metrics,
    plot_schedule,
    recorder_plot,
    recorder_plot_losses,
    recorder_plot_lr,
    recorder_plot_metrics,
)

LRS = [1e-4, 1e-3, 1e-2, 1e-1]
LOSSES = [1.5, 1.25, 0.5, 4.0]
PLAIN = {
    "lr_find": lambda: plot_lr_find(LRS, LOSSES, 1e-2),
    "losses": lambda: plot_losses(LOSSES, [2, 4], [1.0, 0.5]),
    "schedule": lambda: plot_schedule(LRS, LOSSES),
    "metrics": lambda: plot_metrics({"accuracy": [0.5, 0.75]}),
    "confusion_matrix": lambda: plot_confusion_matrix([[3, 1], [0, 2]], ["a", "b"]),
    "images": lambda: plot_images(torch.rand(5, 3, 4, 4), list("abcde")),
}
OF_PYPLOT = {
    "plot": lambda: recorder_plot(LRS, LOSSES, suggestion=1e-2),
    "plot_lr": lambda: recorder_plot_lr(LRS, LOSSES),
    "plot_losses": lambda: recorder_plot_losses(range(4), LOSSES, [2, 4], [1.0, 0.5]),
    "plot_metrics": lambda: recorder_plot_metrics([2, 4], [[0.5, 1.0], [0.75, 2.0]]),
}


@pytest.fixture(autouse=True)
def _no_window():
    backend = mpl.get_backend()
    plt.switch_backend("agg")
    yield
    plt.close("all")
    plt.switch_backend(backend)


def lines(figure):
    """Return x and y of every line of every axes."""
    return [[list(line.get_xdata()), list(line.get_ydata())] for axes in figure.axes for line in axes.lines]


@pytest.mark.parametrize("draw", [*PLAIN.values(), *OF_PYPLOT.values()], ids=[*PLAIN, *OF_PYPLOT])
def test_picture_can_be_written_as_png(draw):
    file = io.BytesIO()
    figure = draw()
    figure.savefig(file, format="png")
    assert isinstance(figure, Figure)
    assert file.getvalue().startswith(b"\x89PNG")


@pytest.mark.parametrize("draw", PLAIN.values(), ids=PLAIN)
def test_plain_picture_leaves_pyplot_alone(draw):
    draw()
    assert plt.get_fignums() == []


@pytest.mark.parametrize("draw", OF_PYPLOT.values(), ids=OF_PYPLOT)
def test_picture_of_a_recorder_is_known_to_pyplot(draw):
    assert draw() is plt.gcf()


@pytest.mark.parametrize(
    ("draw", "module"), [(PLAIN["losses"], "matplotlib.figure"), (OF_PYPLOT["plot"], "matplotlib.pyplot")]
)
def test_missing_matplotlib_is_named_with_its_extra(monkeypatch, draw, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(MissingExtraError, match=r"fastloop_v1\[plots\]"):
        draw()


@pytest.mark.parametrize("draw", [plot_lr_find, recorder_plot])
def test_lr_find_draws_losses_over_rates_and_marks_the_suggestion(draw):
    losses = [torch.tensor(loss) for loss in LOSSES]
    assert lines(draw(LRS, losses)) == [[LRS, LOSSES]]
    figure = draw(LRS, losses, suggestion=1e-2)
    assert lines(figure) == [[LRS, LOSSES], [[1e-2], [0.5]]]
    assert figure.axes[0].get_xscale() == "log"


def test_several_suggestions_are_marked_by_name_between_points_too():
    figure = plot_lr_find(LRS, LOSSES, {"steep": 1e-3, "minimum": math.sqrt(1e-3 * 1e-2)})
    (_, first, (x, y)) = lines(figure)
    assert first == [[1e-3], [1.25]]
    assert (x, y) == ([math.sqrt(1e-5)], [pytest.approx((1.25 + 0.5) / 2)])
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["steep 1.00e-03", "minimum 3.16e-03"]


def test_losses_are_drawn_over_their_batches():
    assert lines(plot_losses(LOSSES)) == [[[0, 1, 2, 3], LOSSES]]
    assert lines(plot_losses(LOSSES, [2, 4], [1.0, 0.5])) == [[[0, 1, 2, 3], LOSSES], [[2, 4], [1.0, 0.5]]]
    figure = recorder_plot_losses([2, 3], LOSSES[2:], [4], [np.float32(0.5)], show_grid=True)
    assert lines(figure) == [[[2, 3], LOSSES[2:]], [[4], [0.5]]]


def test_epoch_without_validation_leaves_a_gap():
    (_, (_, values)) = lines(recorder_plot_losses(range(4), LOSSES, [2, 4], [None, 0.5]))
    assert math.isnan(values[0])
    assert values[1] == 0.5


@pytest.mark.parametrize(
    "figure", [plot_losses(LOSSES, [4], [0.5]), plot_metrics({"accuracy": [0.5]})], ids=["losses", "metrics"]
)
def test_single_validation_is_seen_as_a_point(figure):
    assert figure.axes[0].lines[-1].get_marker() == "."


@pytest.mark.parametrize("draw", [plot_schedule, recorder_plot_lr])
def test_schedule_draws_rates_and_momentum_side_by_side(draw):
    assert lines(draw(LRS)) == [[[0, 1, 2, 3], LRS]]
    figure = draw(LRS, [0.9] * 4)
    assert lines(figure) == [[[0, 1, 2, 3], LRS], [[0, 1, 2, 3], [0.9] * 4]]
    assert [axes.get_ylabel() for axes in figure.axes] == ["Learning rate", "Momentum"]


def test_recorded_schedule_keeps_the_numbers_of_its_iterations():
    moms = [0.9, 0.8, 0.9]
    figure = recorder_plot_lr(LRS[1:], moms, iterations=[1, 2, 3])
    assert lines(figure) == [[[1, 2, 3], LRS[1:]], [[1, 2, 3], moms]]


def test_each_metric_has_its_picture():
    figure = plot_metrics({"accuracy": [0.5, 0.75], "loss": [torch.tensor(2.0), torch.tensor(1.0)]})
    assert lines(figure) == [[[1, 2], [0.5, 0.75]], [[1, 2], [2.0, 1.0]]]
    assert [axes.get_ylabel() for axes in figure.axes] == ["accuracy", "loss"]


def test_each_recorded_metric_is_drawn_over_the_batches():
    metrics = [[torch.tensor(0.5), torch.tensor(2.0)], [torch.tensor(0.75), torch.tensor(1.0)]]
    figure = recorder_plot_metrics([4, 8], metrics, ["accuracy"])
    assert lines(figure) == [[[4, 8], [0.5, 0.75]], [[4, 8], [2.0, 1.0]]]
    assert [axes.get_ylabel() for axes in figure.axes] == ["accuracy", "Metric"]


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plot_metrics({}),
        lambda: recorder_plot_metrics([], []),
        lambda: recorder_plot_metrics([4], [[]]),
    ],
)
def test_no_metric_is_an_assertion_error_as_in_v1(draw):
    with pytest.raises(NothingToPlotError, match="There are no metrics to plot") as caught:
        draw()
    assert isinstance(caught.value, AssertionError)
    assert plt.get_fignums() == []


@pytest.mark.parametrize("show_grid", [True, False])
@pytest.mark.parametrize(
    "draw",
    [
        lambda **kwargs: recorder_plot(LRS, LOSSES, **kwargs),
        lambda **kwargs: recorder_plot_losses(range(4), LOSSES, [4], [1.0], **kwargs),
        lambda **kwargs: recorder_plot_metrics([4], [[1.0]], **kwargs),
    ],
    ids=["plot", "plot_losses", "plot_metrics"],
)
def test_grid_is_drawn_when_asked_for(draw, show_grid):
    (axes,) = draw(show_grid=show_grid).axes
    assert any(line.get_visible() for line in axes.get_xgridlines()) is show_grid


def test_confusion_matrix_shows_counts_and_names():
    figure = plot_confusion_matrix(torch.tensor([[3, 1], [0, 2]]), ["cat", "dog"], title="t", figsize=(3, 2))
    (axes,) = figure.axes
    assert axes.images[0].get_array().tolist() == [[3, 1], [0, 2]]
    assert [text.get_text() for text in axes.texts] == ["3", "1", "0", "2"]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["cat", "dog"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cat", "dog"]
    assert (axes.get_title(), axes.get_xlabel(), axes.get_ylabel()) == ("t", "Predicted", "Actual")
    assert figure.get_size_inches().tolist() == [3, 2]


def test_normalized_confusion_matrix_shows_shares_of_each_row():
    figure = plot_confusion_matrix(np.array([[3, 1], [0, 0]]), ["a", "b"], normalize=True, norm_dec=1)
    assert figure.axes[0].images[0].get_array().tolist() == [[0.75, 0.25], [0, 0]]
    assert [text.get_text() for text in figure.axes[0].texts] == ["0.8", "0.2", "0.0", "0.0"]


def test_confusion_matrix_is_drawn_without_text_when_asked_for():
    assert not plot_confusion_matrix([[1]], ["a"], plot_txt=False).axes[0].texts


def test_images_stand_in_a_square_grid_with_their_titles():
    images = torch.arange(5 * 4.0).reshape(5, 1, 2, 2)
    figure = plot_images(images, list("abcde"))
    assert len(figure.axes) == 6
    shown = [axes.images[0].get_array().tolist() for axes in figure.axes if axes.images]
    assert shown == images[:, 0].tolist()
    assert [axes.get_title() for axes in figure.axes] == [*"abcde", ""]


@pytest.mark.parametrize(
    "images",
    [
        torch.rand(2, 3, 4, 4) * 3 - 1,
        (torch.rand(2, 3, 4, 4) * 255).byte(),
        np.random.RandomState(0).rand(1, 1, 2, 2),
    ],
    ids=["beyond 0 to 1", "bytes", "array"],
)
def test_images_of_any_kind_are_drawn(images):
    plot_images(images).savefig(io.BytesIO())


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        pytest.param(lambda: plot_lr_find(LRS, [1.0]), "lrs has 4 values, losses has 1", id="lr_find"),
        pytest.param(lambda: plot_losses(LOSSES, [4], []), "1 numbers of batches for 0", id="losses"),
        pytest.param(
            lambda: plot_confusion_matrix([[1, 2]], ["a"]), r"shape \(1, 2\); with 1 classes", id="matrix"
        ),
        pytest.param(lambda: plot_confusion_matrix([], ["a"]), r"matrix has shape", id="no matrix"),
        pytest.param(lambda: plot_images(torch.rand(2, 2, 4, 4)), r"\(2, 2, 4, 4\); it must be", id="images"),
        pytest.param(
            lambda: plot_images(torch.rand(0, 1, 4, 4)), r"\(0, 1, 4, 4\); it must be", id="no image"
        ),
    ],
)
def test_values_that_do_not_fit_are_refused(draw, message):
    with pytest.raises(ArgumentError, match=message):
        draw()
