"""The recorder's pictures hold the numbers of the fit."""

from __future__ import annotations

import matplotlib as mpl
import pytest
import torch
import torch.nn.functional as F
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from torch import nn

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.defaults import defaults
from fastloop_v1.lr_suggestion import minimum, slide, steep, steepest, valley
from fastloop_v1.plots import NothingToPlotError

GENERATOR = torch.Generator().manual_seed(0)
BATCHES = [(torch.randn(4, 3, generator=GENERATOR), torch.randn(4, 1, generator=GENERATOR)) for _ in range(4)]


@pytest.fixture(autouse=True)
def _no_window():
    backend = mpl.get_backend()
    plt.switch_backend("agg")
    yield
    plt.close("all")
    plt.switch_backend(backend)


def learner(valid=BATCHES[:1], **options):
    torch.manual_seed(0)
    data = DataBunch(BATCHES, valid)
    return Learner(data, nn.Linear(3, 1), loss_func=F.mse_loss, silent=True, metrics=F.l1_loss, **options)


@pytest.fixture
def fitted():
    """The recorder of three epochs of four batches each, by the one-cycle policy."""
    learn = learner()
    learn.fit_one_cycle(3, 0.1)
    # The recorder holds its learner weakly.
    yield learn.recorder
    del learn


@pytest.fixture
def found():
    """The recorder of a learning rate range test."""
    learn = learner()
    learn.lr_find(num_it=60, stop_div=False)
    yield learn.recorder
    del learn


def lines(figure):
    """Return x and y of every line of every axes."""
    return [[list(line.get_xdata()), list(line.get_ydata())] for axes in figure.axes for line in axes.lines]


def numbers(values):
    return [float(value) for value in values]


# --- pictures -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["plot", "plot_lr", "plot_losses", "plot_metrics"])
def test_figure_is_returned_if_asked(fitted, name, monkeypatch):
    plot = getattr(fitted, name)
    assert plot() is None
    assert isinstance(plot(return_fig=True), Figure)
    monkeypatch.setattr(defaults, "return_fig", True)
    assert isinstance(plot(), Figure)
    assert plot(return_fig=False) is None


@pytest.mark.parametrize(
    ("skips", "part"),
    [
        pytest.param({}, slice(10, -5), id="default"),
        pytest.param({"skip_start": 0, "skip_end": 0}, slice(None), id="all"),
        pytest.param({"skip_start": 3, "skip_end": 1}, slice(3, -1), id="some"),
    ],
)
def test_range_test_is_drawn_as_losses_over_rates(found, skips, part):
    figure = found.plot(return_fig=True, **skips)
    assert lines(figure) == [[numbers(found.lrs)[part], numbers(found.losses)[part]]]
    assert figure.axes[0].get_xscale() == "log"


def test_steepest_descent_is_marked_and_kept_if_asked(found):
    figure = found.plot(suggestion=True, return_fig=True)
    rates, losses = lines(figure)[0]
    assert found.min_grad_lr == steepest(rates, losses)
    marked = [x for x, _ in lines(figure)[1:]]
    assert [found.min_grad_lr] in marked


def test_losses_are_smoothed_by_a_spline_if_asked(found):
    pytest.importorskip("scipy")
    rates, losses = lines(found.plot(return_fig=True, k=3))[0]
    assert losses == found.smoothen_by_spline(rates, numbers(found.losses[10:-5]), k=3)
    straight = found.smoothen_by_spline([1, 2, 3, 4, 5], [2.0, 4.0, 6.0, 8.0, 10.0], k=1)
    assert straight == pytest.approx([2, 4, 6, 8, 10])


def test_rates_and_momentums_are_drawn_over_iterations(fitted):
    rates, momentums = lines(fitted.plot_lr(show_moms=True, return_fig=True))
    assert rates == [list(range(12)), numbers(fitted.lrs)]
    assert momentums == [list(range(12)), numbers(fitted.moms)]
    assert lines(fitted.plot_lr(skip_start=2, skip_end=3, return_fig=True)) == [
        [list(range(2, 9)), numbers(fitted.lrs[2:9])]
    ]


def test_losses_are_drawn_over_batches(fitted):
    training, validation = lines(fitted.plot_losses(return_fig=True))
    assert training == [list(range(12)), numbers(fitted.losses)]
    assert validation == [[4, 8, 12], numbers(fitted.val_losses)]
    training, validation = lines(fitted.plot_losses(skip_start=5, skip_end=1, return_fig=True))
    assert training == [list(range(5, 11)), numbers(fitted.losses[5:11])]
    assert validation == [[8], numbers(fitted.val_losses[1:2])]


def test_losses_are_drawn_without_validation():
    learn = learner(None)
    learn.fit(2)
    training = lines(learn.recorder.plot_losses(return_fig=True))[0]
    assert training[1] == numbers(learn.recorder.losses)


def test_metrics_are_drawn_over_batches(fitted):
    figure = fitted.plot_metrics(return_fig=True)
    assert lines(figure) == [[[4, 8, 12], [row[0].item() for row in fitted.metrics]]]


def test_nothing_is_drawn_without_metrics():
    learn = learner(None)
    learn.fit(1)
    for kind in (NothingToPlotError, AssertionError):
        with pytest.raises(kind):
            learn.recorder.plot_metrics()


# --- suggestions --------------------------------------------------------------------------------------------


def test_suggestions_are_those_of_the_rules_on_the_middle_of_the_curve(found):
    rates, losses = numbers(found.lrs)[10:-5], numbers(found.losses)[10:-5]
    rules = {"steepest": steepest, "minimum": minimum, "steep": steep, "valley": valley, "slide": slide}
    assert found.suggestions() == {name: rule(rates, losses) for name, rule in rules.items()}
    assert found.suggestions(0, 0)["minimum"] == minimum(numbers(found.lrs), numbers(found.losses))


def test_rule_that_finds_nothing_is_left_out(found):
    assert set(found.suggestions(skip_start=40)) == {"steepest", "minimum", "steep", "valley"}
    assert found.suggestions(skip_start=60) == {}


def test_rates_of_layer_groups_are_suggested_by_the_last():
    learn = learner()
    learn.model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    learn.split([learn.model[0], learn.model[1]])
    learn.lr_find(slice(1e-5), slice(1.0), num_it=30)
    assert set(learn.recorder.suggestions(skip_end=0)) >= {"steepest", "minimum"}
