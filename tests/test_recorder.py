"""The recorder keeps what was measured, under names, and writes it as a table."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.callback import AverageMetric, Callback, add_metrics
from fastloop_v1.defaults import defaults
from fastloop_v1.errors import ArgumentTypeError
from fastloop_v1.history import History
from fastloop_v1.learner_callback import LearnerCallback
from fastloop_v1.recorder import Recorder, format_time

GENERATOR = torch.Generator().manual_seed(0)
SET = TensorDataset(torch.randn(10, 3, generator=GENERATOR), torch.randn(10, 1, generator=GENERATOR))
VALID = [(torch.randn(4, 3, generator=GENERATOR), torch.randn(4, 1, generator=GENERATOR))]


def learner(valid=VALID, **options):
    """Return a learner over three batches in fixed order."""
    torch.manual_seed(0)
    given = {"model": nn.Linear(3, 1), "loss_func": F.mse_loss, "silent": True, "opt_func": torch.optim.SGD}
    return Learner(DataBunch(DataLoader(SET, 4), valid), **{**given, **options})


def table(capsys):
    """Return the cells of what was printed, row by row."""
    return [line.split() for line in capsys.readouterr().out.splitlines()]


def bias(out, y):
    """Return how far outputs are above targets."""
    return (out - y).mean()


# --- what is kept -------------------------------------------------------------------------------------------


def test_losses_are_the_moving_average_of_the_losses_of_the_batches():
    raw = []

    class Note(Callback):
        def on_batch_end(self, last_loss, train, **state):
            raw.extend([last_loss.item()] if train else [])

    learn = learner()
    learn.fit(2, 0.1, callbacks=Note())
    average, expected = 0.0, []
    for n, loss in enumerate(raw, 1):
        average = 0.98 * average + 0.02 * loss
        expected.append(average / (1 - 0.98**n))
    assert [loss.item() for loss in learn.recorder.losses] == pytest.approx(expected, rel=1e-6)
    assert {(loss.device.type, loss.requires_grad) for loss in learn.recorder.losses} == {("cpu", False)}


def test_validation_and_metrics_are_kept_by_epoch():
    learn = learner(metrics=[bias, F.l1_loss])
    learn.fit(2)
    (x, y), recorder = VALID[0], learn.recorder
    out = learn.model(x)
    assert recorder.val_losses[1] == pytest.approx(F.mse_loss(out, y).item())
    assert [m.item() for m in recorder.metrics[1]] == [bias(out, y).item(), F.l1_loss(out, y).item()]
    assert (len(recorder.val_losses), len(recorder.metrics), recorder.nb_batches) == (2, 2, [3, 3])
    assert len(recorder.epoch_seconds) == 2
    assert min(recorder.epoch_seconds) > 0


@pytest.mark.parametrize(
    ("opt_func", "moms"),
    [
        (partial(torch.optim.SGD, momentum=0.9), [0.9] * 3),
        (torch.optim.SGD, [0] * 3),
        (partial(torch.optim.Adam, betas=(0.8, 0.99)), [0.8] * 3),
        (torch.optim.Adagrad, [None] * 3),
    ],
    ids=["momentum", "plain SGD", "Adam", "Adagrad"],
)
def test_rate_and_momentum_are_those_of_the_last_group_at_batch_begin(opt_func, moms):
    class Double(LearnerCallback):
        def on_batch_end(self, **state):
            self.opt.lr = self.opt.lr * 2

    model = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 1))
    learn = learner(None, model=model, opt_func=opt_func).split([model[0], model[1]])
    learn.fit(1, [0.5, 0.1], callbacks=Double(learn))
    assert learn.recorder.lrs == [0.1, 0.2, 0.4]
    assert learn.recorder.moms == moms


def test_fit_without_validation_keeps_none():
    learn = learner(None, metrics=bias)
    learn.fit(2)
    recorder = learn.recorder
    assert (recorder.val_losses, recorder.metrics, len(recorder.losses)) == ([None, None], [], 6)


def test_each_fit_has_a_recorder_of_its_own():
    learn = learner()
    learn.fit(1)
    first = learn.recorder
    learn.fit(2)
    assert learn.recorder is not first
    assert (len(first.losses), len(learn.recorder.losses)) == (3, 6)
    assert learn.recorder.learn is learn


def test_bug_55_histories_of_earlier_fits_are_kept():
    learn = learner()
    for epochs in (1, 2):
        learn.fit(epochs)
        learn.get_preds()
    learn.lr_find(num_it=2)
    assert len(learn.recorder.losses) == 2
    learn.fit(0)
    assert [len(history.losses) for history in learn.recorder.earlier] == [3, 6, 2]
    learn.fit(1)
    assert [len(history.losses) for history in learn.recorder.earlier] == [3, 6, 2]


def test_bug_55_fit_that_fails_at_its_beginning_loses_no_history():
    class Failing(Callback):
        _order = -20

        def on_train_begin(self, **state):
            raise ValueError("stop")

    learn = learner()
    learn.fit(1)
    for _ in range(2):
        with pytest.raises(ValueError, match="stop"):
            learn.fit(1, callbacks=Failing())
    learn.fit(1)
    assert [len(history.losses) for history in learn.recorder.earlier] == [3]


def test_bug_55_recorder_in_two_fits_keeps_the_history_of_the_first():
    learn = learner()
    learn.create_opt(0.1)
    recorder = Recorder(learn, silent=True)
    learn.callback_fns[0] = lambda learn: recorder
    learn.fit(1)
    learn.fit(2)
    assert [len(history.losses) for history in recorder.earlier] == [3]


@pytest.mark.parametrize(("rank", "rows"), [("0", 2), ("1", 0)], ids=["first", "second"])
def test_bug_55b_table_is_written_by_the_first_process_only(monkeypatch, capsys, rank, rows):
    monkeypatch.setenv("RANK", rank)
    learner(silent=False).fit(1)
    assert len(table(capsys)) == rows


@pytest.mark.parametrize(("quirks", "seen"), [(False, 0.5), (True, 0.1)], ids=["mended", "v1"])
def test_bug_54_rate_is_that_of_the_step(monkeypatch, quirks, seen):
    monkeypatch.setattr(defaults, "v1_quirks", quirks)

    class Setting(LearnerCallback):
        def on_batch_begin(self, **state):
            self.learn.opt.lr = 0.5

        def on_batch_end(self, **state):
            self.learn.opt.lr = 0.1

    learn = learner()
    learn.fit(1, 0.1, callbacks=Setting(learn))
    assert learn.recorder.lrs == [seen] * 3


def test_recorder_in_two_fits_starts_empty_in_the_second():
    learn = learner(add_time=False)
    learn.create_opt(0.1)
    recorder = Recorder(learn, silent=True)
    learn.callback_fns[0] = lambda learn: recorder
    for _ in range(2):
        learn.fit(1)
        assert (len(recorder.losses), len(recorder.lrs), recorder.nb_batches) == (3, 3, [3])


def test_history_holds_the_numbers_and_comes_back_from_a_file(tmp_path):
    learn = learner(metrics=bias)
    learn.fit(2)
    recorder, history = learn.recorder, learn.recorder.history()
    assert history.names == ["epoch", "train_loss", "valid_loss", "bias", "time"]
    assert history.losses == [loss.item() for loss in recorder.losses]
    assert (history.lrs, history.moms) == (recorder.lrs, recorder.moms)
    assert [row.valid_loss for row in history.rows] == recorder.val_losses
    assert [row.metrics for row in history.rows] == [[m.item() for m in row] for row in recorder.metrics]
    assert [row.train_loss for row in history.rows] == [recorder.losses[2].item(), recorder.losses[5].item()]
    assert [row.seconds for row in history.rows] == recorder.epoch_seconds
    history.save_json(tmp_path / "a.json")
    assert History.load_json(tmp_path / "a.json") == history


# --- names --------------------------------------------------------------------------------------------------


class Named(Callback):
    """A metric with a name of its own."""

    name = "my metric"

    def on_epoch_end(self, last_metrics, **state):
        return add_metrics(last_metrics, 1.5)


class NoName(Named):
    """A metric named by its class."""

    name = None


@pytest.mark.parametrize(
    ("metrics", "names"),
    [
        ([], []),
        ([bias, F.l1_loss], ["bias", "l1_loss"]),
        ([partial(F.l1_loss, reduction="mean")], ["l1_loss"]),
        ([AverageMetric(bias)], ["bias"]),
        ([Named(), NoName()], ["my metric", "no_name"]),
    ],
    ids=["none", "functions", "partial", "average", "callbacks"],
)
def test_columns_are_named_after_the_metrics(metrics, names):
    learn = learner(metrics=metrics, add_time=False)
    learn.fit(1)
    assert learn.recorder.names == ["epoch", "train_loss", "valid_loss", *names]
    assert learn.recorder.metrics_names == names


def test_bug_41_metrics_of_one_name_have_a_column_each():
    learn = learner(
        metrics=[bias, partial(bias), AverageMetric(bias)], callback_fns=AddingBias, add_time=False
    )
    learn.fit(1)
    assert learn.recorder.names[3:] == ["bias", "bias_2", "bias_3", "bias_4", "b"]


def test_columns_are_named_without_validation_too():
    learn = learner(None, metrics=bias)
    learn.fit(1)
    assert learn.recorder.names == ["epoch", "train_loss", "valid_loss", "bias", "time"]


def test_column_of_validation_is_left_out_if_told(capsys):
    class NoValidation(LearnerCallback):
        _order = -20

        def on_train_begin(self, **state):
            self.learn.recorder.no_val = True

    learn = learner(None, silent=False, add_time=False)
    learn.fit(1, callbacks=NoValidation(learn))
    assert learn.recorder.names == ["epoch", "train_loss"]
    assert [len(row) for row in table(capsys)] == [2, 2]


class Adding(LearnerCallback):
    """Adds two columns at the start of training."""

    _order = -20
    columns = ("a", "b")

    def on_train_begin(self, **state):
        self.learn.recorder.add_metric_names(self.columns)

    def on_epoch_end(self, last_metrics, **state):
        return add_metrics(last_metrics, [7, torch.tensor(2.5)])


class AddingBias(Adding):
    """Adds a column of a metric's name."""

    columns = ("bias", "b")


class AddingWhenMade(Adding):
    """Adds them when it is made."""

    def __init__(self, learn):
        super().__init__(learn)
        learn.recorder.add_metric_names(self.columns)

    def on_train_begin(self, **state):
        """Everything is said."""


class Appending(Adding):
    """Adds one and writes the other into the recorder's list."""

    def on_train_begin(self, **state):
        self.learn.recorder.add_metric_names(["a"])
        self.learn.recorder._added_met_names.append("b")


class Assigning(Adding):
    """Writes the recorder's list."""

    def on_train_begin(self, **state):
        self.learn.recorder._added_met_names = ["a", "b"]


@pytest.mark.parametrize("kind", [Adding, AddingWhenMade, Appending, Assigning])
def test_columns_of_callbacks_come_behind_the_metrics_in_every_fit(kind, capsys):
    learn = learner(metrics=bias, callback_fns=kind, silent=False, add_time=False)
    for _ in range(2):
        learn.fit(1)
        assert learn.recorder.names == ["epoch", "train_loss", "valid_loss", "bias", "a", "b"]
        assert learn.recorder.metrics_names == ["bias", "a", "b"]
        assert learn.recorder.metrics[0][1:] == [7, torch.tensor(2.5)]
        header, row = table(capsys)
        assert header[-2:] == ["a", "b"]
        assert row[-2:] == ["7", "2.500000"]
    assert Adding.columns == ("a", "b")


def test_later_listeners_are_told_of_added_columns():
    told = []

    class Late(Callback):
        def on_train_begin(self, metrics_names, **state):
            told.extend(metrics_names)

    learner(metrics=bias, callback_fns=Adding).fit(1, callbacks=Late())
    assert told == ["bias", "a", "b"]


def test_bug_43_list_of_names_stays_the_callers():
    names, learn = ["a"], learner()
    learn.fit(0)
    learn.recorder.add_metric_names(names)
    learn.recorder.add_metric_names(("b", "c"))
    learn.recorder._added_met_names.append("d")
    assert names == ["a"]
    assert learn.recorder._added_met_names == ["a", "b", "c", "d"]


# --- table --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (3, "3"), (True, "True"), ("text", "text"), (None, "#na#"), (0.5, "0.500000"), (2e-7, "0.000000"),
        (torch.tensor(1.25), "1.250000"), (torch.tensor(3), "3.000000"), (np.float32(0.5), "0.500000"),
        (np.float64(1) / 3, "0.333333"), (np.int64(3), "3.000000"), (float("nan"), "nan"),
    ],
    ids=repr,
)  # fmt: skip
def test_cell_is_written_as_v1_wrote_it(value, cell, capsys):
    class One(Callback):
        def on_epoch_end(self, last_metrics, **state):
            return add_metrics(last_metrics, [value])

    learner(metrics=One(), silent=False, add_time=False).fit(1)
    assert table(capsys)[1][3] == cell


@pytest.mark.parametrize("value", [torch.ones(3), {"a": 1}], ids=["vector", "dict"])
def test_value_that_fits_no_cell_is_named_with_its_metric(value):
    class PerClass(Callback):
        def on_epoch_end(self, last_metrics, **state):
            return {"last_metrics": [*last_metrics, value]}

    with pytest.raises(ArgumentTypeError, match=r"column 'per_class' is .* a tensor with one element"):
        learner(metrics=PerClass()).fit(1)


def test_table_has_a_line_for_the_names_and_for_each_epoch(capsys):
    learn = learner(metrics=bias, silent=False)
    learn.fit(2)
    recorder = learn.recorder
    header, *rows = capsys.readouterr().out.splitlines()
    assert header == "epoch     train_loss  valid_loss  bias      time    "
    for epoch, row in enumerate(rows):
        numbers = [recorder.losses[3 * epoch + 2], recorder.val_losses[epoch], *recorder.metrics[epoch]]
        cells = [str(epoch), *(f"{number:.6f}" for number in numbers), "00:00"]
        widths = [8, 10, 10, 8, 8]
        assert row == "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    assert len(rows) == 2


def test_table_without_validation_has_a_mark(capsys):
    learner(None, silent=False, add_time=False).fit(1)
    assert table(capsys)[1][2] == "#na#"


def test_recorder_is_silenced_in_the_middle(capsys):
    learn = learner(silent=False)

    class Silence(LearnerCallback):
        def on_epoch_begin(self, **state):
            self.learn.recorder.silent = True

    learn.fit(2, callbacks=Silence(learn))
    assert len(table(capsys)) == 1


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "00:00"), (59.9, "00:59"), (60, "01:00"), (3599, "59:59"), (3600, "1:00:00"), (90061, "25:01:01")],
)
def test_time_is_in_minutes_and_from_an_hour_on_in_hours(seconds, text):
    assert format_time(seconds) == text


def test_a_recorder_made_before_the_first_fit_makes_the_optimizer():
    learn = learner()
    recorder = learn.callback_fns[0](learn)
    assert recorder.opt is learn.opt
    learn.fit(1)
    assert len(learn.recorder.losses) == 3
