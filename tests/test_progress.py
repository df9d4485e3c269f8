"""Bars and tables in a terminal, a pipe, a notebook, and nowhere."""

from __future__ import annotations

import base64
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from contextlib import suppress
from io import StringIO
from itertools import islice
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch
from tqdm import tqdm

from fastloop_v1 import progress
from fastloop_v1.errors import ArgumentError, MissingExtraError
from fastloop_v1.progress import MasterBar, NotebookPage, display_mode, master_bar, progress_bar

HEADER = ["epoch", "train_loss", "valid_loss", "accuracy", "time"]
HEADER_LINE = "epoch     train_loss  valid_loss  accuracy  time    "
ROW_LINES = [f"{epoch}         0.123456    0.234567    0.9       00:01   " for epoch in range(2)]
TRAINING = f"""
import time
from fastloop_v1.progress import master_bar, progress_bar

epochs = master_bar(range(2))
epochs.write({HEADER}, table=True)
for epoch in epochs:
    end = time.monotonic() + 0.25
    for _ in progress_bar(iter(time.monotonic, 0), total=50, parent=epochs):
        epochs.child.comment = lambda: "loss 0.5432"
        if time.monotonic() > end:
            break
    epochs.write([epoch, "0.123456", "0.234567", 0.9, "00:01"], table=True)
"""


@pytest.fixture(autouse=True)
def _no_wish_in_the_environment(monkeypatch):
    monkeypatch.delenv("FASTLOOP_PROGRESS", raising=False)


@pytest.fixture
def terminal(monkeypatch, capsys):
    """Terminal mode; the value tells, once, what was written to standard error."""
    monkeypatch.setenv("FASTLOOP_PROGRESS", "terminal")
    return lambda: capsys.readouterr().err


@pytest.fixture
def pages():
    """A notebook's `page` and all the HTML that was `shown`."""
    shown = []

    def show(html):
        shown.append(html)
        return shown.append

    return SimpleNamespace(shown=shown, page=NotebookPage(show))


def run(**streams):
    root = Path(progress.__file__).parents[1]
    return subprocess.Popen([sys.executable, "-X", "utf8", "-c", TRAINING], cwd=root, **streams)


def output_on_a_terminal(rows, columns):
    """What the training writes to a terminal of this size; 0 is a terminal that does not know its size."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    process = run(stdout=its, stderr=its)
    os.close(its)
    raw = b""
    with open(ours, "rb", buffering=0) as stream, suppress(OSError):  # the end, on Linux
        while chunk := stream.read(4096):
            raw += chunk
    assert process.wait() == 0
    return raw.decode()


def what_stays_visible(raw):
    """Lines on a screen after all control characters have acted."""
    lines, row, column = [""], 0, 0
    for part in re.findall(r"\r|\n|\x1b\[A|[^\r\n\x1b]+", raw):
        if part == "\x1b[A":
            row -= 1
        elif part in "\r\n":
            row, column = row + (part == "\n"), 0
        else:
            lines[row] = lines[row].ljust(column)[:column] + part + lines[row][column + len(part) :]
            column += len(part)
        lines.extend([""] * (row + 1 - len(lines)))
    return [line.rstrip() for line in lines if line.strip()]


def open_bars():
    return list(tqdm._instances)


class Loader:
    """Four items; counts how often their number is asked for, and raises a TypeError then if endless."""

    def __init__(self, *, endless=False):
        self.endless, self.asked = endless, 0

    def __len__(self):
        self.asked += 1
        return len(None if self.endless else "four")

    def __iter__(self):
        return iter(range(4))


@pytest.mark.parametrize("mode", ["terminal", "notebook", "plain", "silent"])
def test_environment_overrides_what_is_found(monkeypatch, mode):
    monkeypatch.setenv("FASTLOOP_PROGRESS", mode)
    assert display_mode(StringIO()) == mode


def test_unknown_word_in_the_environment_is_refused(monkeypatch):
    monkeypatch.setenv("FASTLOOP_PROGRESS", "loud")
    with pytest.raises(ArgumentError, match="'loud'; allowed are terminal, notebook, plain, silent"):
        master_bar(range(2))


@pytest.mark.parametrize(
    ("stream", "mode"),
    [
        (StringIO(), "plain"),
        (None, "plain"),
        (SimpleNamespace(), "plain"),
        (SimpleNamespace(isatty=lambda: True), "terminal"),
    ],
    ids=["buffer", "none", "stand-in-without-isatty", "terminal"],
)
def test_stream_decides_between_terminal_and_plain(stream, mode):
    assert display_mode(stream) == mode


@pytest.mark.parametrize(
    ("shell", "mode"),
    [(SimpleNamespace(kernel=object()), "notebook"), (SimpleNamespace(), "plain"), (None, "plain")],
    ids=["kernel", "shell-in-a-terminal", "no-shell"],
)
def test_notebook_is_known_by_its_kernel(monkeypatch, shell, mode):
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert display_mode(StringIO()) == mode


def test_pipe_gets_table_lines_and_nothing_else():
    output = run(stdout=subprocess.PIPE, stderr=subprocess.PIPE).communicate()
    assert output == ("\n".join([HEADER_LINE, *ROW_LINES, ""]).encode(), b"")


@pytest.mark.parametrize(("rows", "columns"), [(24, 100), (0, 0)])
def test_terminal_shows_bars_while_running_and_keeps_the_table(rows, columns):
    raw = output_on_a_terminal(rows, columns)
    assert re.search(r"Epoch: +50%.* 1/2 ", raw)
    assert "loss 0.5432" in raw
    assert what_stays_visible(raw) == [line.rstrip() for line in [HEADER_LINE, *ROW_LINES]]


def test_long_cell_is_kept_and_extra_cell_is_padded(capsys):
    bar = master_bar(range(1))
    bar.write(["epoch", "loss"], table=True)
    bar.write(["0", "123456789", "x"], table=True)
    bar.write(["1"], table=True)
    assert (
        capsys.readouterr().out == "epoch     loss    \n0         123456789  x       \n1                 \n"
    )


def test_line_or_list_without_table_is_written_as_it_is(capsys):
    for line, table in (("one  two", False), ([1, 2], False), ("title", True)):
        master_bar(range(1)).write(line, table)
    assert capsys.readouterr().out == "one  two\n[1, 2]\ntitle\n"


def test_lines_go_to_what_standard_output_is_at_that_moment(monkeypatch):
    bar, late = master_bar(range(1)), StringIO()
    monkeypatch.setattr(sys, "stdout", late)
    bar.write("here")
    assert late.getvalue() == "here\n"


def test_silent_prints_nothing(monkeypatch, capsys):
    monkeypatch.setenv("FASTLOOP_PROGRESS", "terminal")
    epochs = master_bar(range(2), silent=True)
    for epoch in epochs:
        assert list(progress_bar(range(3), parent=epochs)) == [0, 1, 2]
        epochs.write([epoch], table=True)
        epochs.update_graph([([1], [2])])
    assert capsys.readouterr() == ("", "")


def test_no_bar_takes_bars_away_and_leaves_lines(monkeypatch, capsys):
    monkeypatch.setenv("FASTLOOP_PROGRESS", "terminal")
    monkeypatch.setattr(progress, "NO_BAR", True)
    epochs = master_bar(range(2))
    for epoch in epochs:
        assert list(progress_bar(range(3), parent=epochs)) == [0, 1, 2]
        epochs.write([epoch], table=True)
        epochs.update_graph([([1], [2])])
    list(progress_bar(range(3)))
    assert capsys.readouterr() == ("0       \n1       \n", "")


def test_bar_without_parent_leaves_its_last_state(terminal):
    assert list(progress_bar(range(10))) == list(range(10))
    (line,) = what_stays_visible(terminal())
    assert line.startswith("100%")
    assert "10/10" in line
    assert open_bars() == []


@pytest.mark.parametrize("keywords", [{"leave": False}, {"parent": SimpleNamespace()}, {"display": False}])
def test_bar_that_is_not_to_stay_leaves_nothing(terminal, keywords):
    assert list(progress_bar(range(10), **keywords)) == list(range(10))
    assert what_stays_visible(terminal()) == []


def test_bar_is_the_bare_iterator_where_nothing_is_shown():
    items = [1, 2]
    bar = progress_bar(items)
    bar.comment = lambda: pytest.fail("evaluated")
    assert type(iter(bar)) is type(iter(items))
    assert list(bar) == items


def test_parent_gets_the_child():
    for parent in (master_bar(range(2)), SimpleNamespace()):
        assert progress_bar(range(3), parent=parent) is parent.child


@pytest.mark.parametrize("mode", ["plain", "terminal"])
def test_total_may_change_and_iteration_does_not_depend_on_it(monkeypatch, mode):
    monkeypatch.setenv("FASTLOOP_PROGRESS", mode)
    epochs = master_bar(range(5))
    epochs.main_bar.total -= 3
    assert epochs.main_bar.total == 2
    assert list(epochs) == [0, 1, 2, 3, 4]


def test_items_without_length_are_all_handed_out(terminal):
    bar, endless = progress_bar(iter(range(4))), progress_bar(Loader(endless=True))
    assert list(bar) == list(endless) == [0, 1, 2, 3]
    assert bar.total is endless.total is None
    assert all("4it" in line for line in what_stays_visible(terminal()))


def test_length_is_asked_for_when_it_is_needed_only():
    items = Loader()
    bar = progress_bar(items)
    list(bar)
    assert items.asked == 0
    assert bar.total == 4


def test_counting_by_hand_shows_and_closes_the_bar(terminal):
    bar = progress_bar(range(10))
    bar.comment = "by hand"
    bar.update(0)
    assert len(open_bars()) == 1
    bar.update(10)
    assert open_bars() == []
    assert re.search(r"10/10 .*by hand", what_stays_visible(terminal())[0])


def fail_inside(epochs, error):
    for _ in epochs:
        for _ in progress_bar(range(3), parent=epochs):
            assert len(open_bars()) == 2
            raise error


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_exception_in_the_loop_leaves_no_bar_open(terminal, error):
    with pytest.raises(error):
        fail_inside(master_bar(range(2)), error)
    assert open_bars() == []
    assert what_stays_visible(terminal()) == []


def test_iterator_kept_by_its_user_is_closed_with_the_training(terminal):
    epochs = master_bar(range(1))
    for _ in epochs:
        kept = iter(progress_bar(range(3), parent=epochs))
        assert next(kept) == 0
        assert len(open_bars()) == 2
    assert open_bars() == []
    assert list(kept) == [1, 2]
    assert what_stays_visible(terminal()) == []


@pytest.mark.parametrize("leave", [True, False])
def test_comment_is_evaluated_for_redraws_only(terminal, leave):
    calls, bar = [], progress_bar(range(10_000), leave=leave)
    bar.comment = lambda: calls.append(0) or f"call {len(calls)}"
    begin = time.monotonic()
    assert len(list(bar)) == 10_000
    assert 1 <= len(calls) <= 10 * (time.monotonic() - begin) + 2
    assert f"call {len(calls)}" in terminal()


def test_many_short_epochs_share_the_redraws(terminal, pages):
    begin, calls = time.monotonic(), []
    for epochs in (master_bar(range(300)), MasterBar(range(300), None, pages.page, pages.page)):
        for _ in epochs:
            for _ in progress_bar(range(5), parent=epochs):
                epochs.child.comment = lambda: calls.append(0) or "x"
    assert len(calls) <= 10 * (time.monotonic() - begin) + 4
    assert len(pages.shown) <= 10 * (time.monotonic() - begin) + 3


def train(bar):
    bar.write(HEADER[:2], table=True)
    for epoch in bar:
        for _ in progress_bar(range(3), parent=bar):
            bar.child.comment = "<0.5>"
        bar.write([epoch, "0.25"], table=True)


def test_notebook_keeps_the_table_and_no_bar(pages):
    train(MasterBar(range(2), None, pages.page, pages.page))
    assert pages.shown[-1] == (
        '<table border="1" class="dataframe">\n'
        '<tr style="text-align: left;"><th>epoch</th><th>train_loss</th></tr>\n'
        '<tr style="text-align: left;"><td>0</td><td>0.25</td></tr>\n'
        '<tr style="text-align: left;"><td>1</td><td>0.25</td></tr>\n</table>'
    )


def test_notebook_shows_epoch_bar_table_and_batch_bar_from_top_to_bottom(pages):
    epochs = MasterBar(range(2), None, pages.page, pages.page)
    epochs.write(["epoch"], table=True)
    for _ in epochs:
        for _ in progress_bar(range(4), parent=epochs):
            epochs.child.comment = "<0.5>"
            pages.page.draw()
        break
    parts = re.fullmatch(r"(<div>.*?</div>)\n(<table.*</table>)\n(<div>.*</div>)", pages.shown[-2], re.DOTALL)
    first, table, second = parts.groups()
    assert "0.00% [0/2 00:00&lt;?]" in first
    assert "<th>epoch</th>" in table
    assert 'value="3" max="4"' in second
    assert "75.00% [3/4 00:00&lt;00:00 &lt;0.5&gt;]" in second


def test_stopped_training_leaves_a_red_bar(pages):
    for _ in MasterBar(iter(range(4)), None, pages.page, pages.page):
        break
    assert "accent-color: #F44336" in pages.shown[-1]
    assert "[0/? 00:00&lt;?]" in pages.shown[-1]


@pytest.mark.parametrize("total", [4, 2])
def test_loop_that_stops_with_the_last_item_is_finished(pages, total):
    epochs = MasterBar(range(4), None, pages.page, pages.page)
    epochs.main_bar.total, epochs.clean_on_interrupt = total, True
    epochs.write("kept")
    assert len(list(islice(epochs, total))) == total
    assert pages.shown[-1] == "<p>kept</p>"


@pytest.mark.parametrize("clean", [True, False])
def test_clean_on_interrupt_wipes_the_notebook(pages, clean):
    epochs = MasterBar(range(4), None, pages.page, pages.page)
    epochs.clean_on_interrupt = clean
    epochs.write(["epoch"], table=True)
    for _ in epochs:
        break
    assert (pages.shown[-1] == "") is clean
    epochs.write("after")
    assert pages.shown[-1].endswith("<p>after</p>")


@pytest.mark.parametrize("leave", [True, False])
def test_lone_bar_in_a_notebook_stays_unless_told_otherwise(pages, leave):
    list(progress.ProgressBar(range(3), None, pages.page, leave=leave))
    assert ("[3/3 " in pages.shown[-1]) is leave


def test_graph_is_drawn_from_the_values_of_that_moment(pages):
    epochs = MasterBar(range(1), None, pages.page, pages.page)
    losses = [torch.tensor(0.5), torch.tensor(0.25)]
    for _ in epochs:
        epochs.update_graph([(range(2), losses), ([1], [0.3])], (0, 2), (0, torch.tensor(1.0)))
        losses.append(torch.tensor(0.1))
    (png,) = re.findall(r'<img src="data:image/png;base64,(.*)">', pages.shown[-1])
    assert base64.b64decode(png).startswith(b"\x89PNG")


def test_graphs_are_drawn_no_more_often_than_bars(pages, monkeypatch):
    drawn = []
    monkeypatch.setattr(progress, "_graph_png", lambda *_: drawn.append(0) or "")
    epochs, begin = MasterBar(range(100), None, pages.page, pages.page), time.monotonic()
    for _ in epochs:
        epochs.update_graph([([1], [2])])
    assert 1 <= len(drawn) <= 10 * (time.monotonic() - begin) + 2


def test_graph_without_matplotlib_names_the_extra(pages, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"\[plots\]"):
        MasterBar(range(1), None, pages.page, pages.page).update_graph([([1], [2])])


def test_notebook_without_bars_keeps_the_table(pages):
    train(MasterBar(range(2), None, pages.page, None))
    assert not [html for html in pages.shown if "progress" in html]
    assert pages.shown[-1].count("<tr ") == 3


def test_notebook_output_is_one_display_that_is_updated(monkeypatch):
    monkeypatch.setenv("FASTLOOP_PROGRESS", "notebook")
    outputs = []

    class DisplayHandle:
        def display(self, html):
            outputs.append([html])

        def update(self, html):
            outputs[-1].append(html)

    display = ModuleType("IPython.display")
    display.HTML, display.DisplayHandle = str, DisplayHandle
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    train(master_bar(range(2)))
    (output,) = outputs
    assert len(output) > 1
    assert "<td>1</td><td>0.25</td>" in output[-1]


def test_notebook_without_ipython_names_the_extra(monkeypatch):
    monkeypatch.setenv("FASTLOOP_PROGRESS", "notebook")
    monkeypatch.setitem(sys.modules, "IPython.display", None)
    with pytest.raises(MissingExtraError, match=r"\[notebook\]"):
        master_bar(range(2)).write("line")
