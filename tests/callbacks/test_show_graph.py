"""The losses so far are handed to the bar that draws them."""

from __future__ import annotations

import pytest

from fastloop_v1.callback import Callback
from fastloop_v1.callbacks.show_graph import ShowGraph


class Drawing(Callback):
    """Takes the place of a bar and keeps what is to be drawn."""

    _order = -50

    def __init__(self):
        self.drawn = []

    def on_train_begin(self, **kwargs):
        return {"pbar": self}

    def write(self, line, table=False):
        """Show nothing."""

    def update_graph(self, graphs, x_bounds=None, y_bounds=None):
        """Keep the lines and the bounds."""
        self.drawn.append(([(list(xs), list(ys)) for xs, ys in graphs], x_bounds, y_bounds))


def drawn(learn, epochs=3, callbacks=()):
    drawing = Drawing()
    learn.fit(epochs, 0.1, callbacks=[drawing, *callbacks, ShowGraph(learn)])
    return drawing.drawn


def test_each_epoch_draws_all_losses_so_far(line_learner):
    learn = line_learner()
    graphs = drawn(learn)
    losses, val_losses = [float(loss) for loss in learn.recorder.losses], learn.recorder.val_losses
    assert len(graphs) == 3
    for epoch, (lines, x_bounds, y_bounds) in enumerate(graphs, 1):
        batches = 2 * epoch
        assert lines == [
            (list(range(batches)), losses[:batches]),
            (list(range(2, batches + 1, 2)), val_losses[:epoch]),
        ]
        assert x_bounds == (0, 6)
        assert y_bounds == (0, max([*losses[:batches], *val_losses[:epoch]]))


def test_epochs_without_validation_are_not_drawn(line_learner):
    assert drawn(line_learner(n_valid=0)) == []


def test_gaps_in_validation_and_infinite_losses_are_left_out(line_learner, told_loss):
    lines, _, y_bounds = drawn(line_learner(), 3, [told_loss(2e9, None, float("inf"))])[-1]
    assert lines[1] == ([2, 6], [2e9, float("inf")])
    assert y_bounds == (0, 2e9)


@pytest.mark.parametrize("silent", [True, False])
def test_bar_of_a_fit_takes_it(line_learner, capsys, silent):
    line_learner(silent=silent, callback_fns=ShowGraph).fit(1, 0.1)


def test_validation_alone_draws_nothing(line_learner):
    learn = line_learner()
    learn.callbacks = [ShowGraph(learn)]
    assert len(learn.validate()) == 1


def test_answer_is_an_empty_dict_as_in_v1(line_learner):
    learn = line_learner()
    assert ShowGraph(learn).on_epoch_end(n_epochs=1, last_metrics=[None]) == {}
