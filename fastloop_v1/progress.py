"""Master and child progress bars over tqdm, with the table of results, behind the interface of fastprogress.

Where it shows depends on what standard error is (`display_mode`):

- a terminal: an epoch bar and a batch bar on standard error, table lines above them on standard output;
- a notebook: one HTML output that is updated, with table, bars and graph;
- a pipe, a file, a CI log: table lines only, without bars and control characters.

The environment variable `FASTLOOP_PROGRESS` (terminal, notebook, plain or silent) overrides what is found.
`NO_BAR = True`, set on this module, leaves the table and takes the bars away. Bars are redrawn ten times a
second at most, and a comment that is a function is called for a redraw only.
"""

from __future__ import annotations

import base64
import io
import os
import shutil
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence, Sized
from contextlib import suppress
from functools import partial
from html import escape
from itertools import zip_longest
from time import monotonic, time
from typing import Any, Generic, Literal, TextIO, TypeVar

from tqdm import tqdm

from .errors import ArgumentError
from .optional import optional_import

__all__ = ["NO_BAR", "MasterBar", "NotebookPage", "ProgressBar", "display_mode", "master_bar", "progress_bar"]

NO_BAR = False

_Mode = Literal["terminal", "notebook", "plain", "silent"]
_Graphs = Sequence[tuple[Sequence[Any], Sequence[Any]]]
_Bounds = Sequence[Any] | None
_Rows = Sequence[Sequence[str]]
_T = TypeVar("_T")

_MODES: tuple[_Mode, ...] = ("terminal", "notebook", "plain", "silent")
_REDRAW_SECONDS = 0.1
_MIN_WIDTH = 8
# tqdm's monitor is a thread that redraws idle bars; threads and the forks of data loaders do not go together.
_TerminalLine: Any = type("_TerminalLine", (tqdm,), {"monitor_interval": 0})


def display_mode(stream: TextIO | None) -> _Mode:
    """Return how to show progress when bars go to `stream`; "silent" only if the environment asks for it.

    Raises:
        ArgumentError: `FASTLOOP_PROGRESS` is set to an unknown word.
    """
    wanted = os.environ.get("FASTLOOP_PROGRESS")
    if wanted:
        for mode in _MODES:
            if wanted == mode:
                return mode
        raise ArgumentError(f"FASTLOOP_PROGRESS is {wanted!r}; allowed are {', '.join(_MODES)}.")
    # IPython is not imported to find out; an IPython shell in a terminal has no kernel.
    get_ipython = getattr(sys.modules.get("IPython"), "get_ipython", None)
    if get_ipython is not None and getattr(get_ipython(), "kernel", None) is not None:
        return "notebook"
    isatty = getattr(stream, "isatty", None)
    return "terminal" if isatty is not None and isatty() else "plain"


def _page_html(rows: _Rows, lines: Iterable[str], bars: Iterable[ProgressBar[Any]], graph: str) -> str:
    """Return the HTML of a notebook page: first bar, table, lines, other bars, graph (a PNG in base64)."""
    first, *others = [_bar_html(bar) for bar in bars] or [""]
    paragraphs = [f"<p>{escape(line)}</p>" for line in lines]
    image = f'<img src="data:image/png;base64,{graph}">' if graph else ""
    return "\n".join(filter(None, [first, _table_html(rows), *paragraphs, *others, image]))


def _table_html(rows: _Rows) -> str:
    """Return a table whose header is the first row."""
    cells = [[f"<td>{escape(cell)}</td>" for cell in row] for row in rows]
    cells[:1] = [[f"<th>{escape(cell)}</th>" for cell in row] for row in rows[:1]]
    body = "\n".join(f'<tr style="text-align: left;">{"".join(row)}</tr>' for row in cells)
    return f'<table border="1" class="dataframe">\n{body}\n</table>' if rows else ""


def _bar_html(bar: ProgressBar[Any]) -> str:
    """Return a bar with v1's text, such as `20.00% [1/5 00:03<00:12 comment]`; red if it ended early."""
    done, total = bar.done, bar.total
    seconds = (bar.ended or time()) - bar.started
    left = tqdm.format_interval(seconds / done * (total - done)) if total and done else "?"
    share, value = (f"{done / total:.2%} ", f' value="{done}" max="{total}"') if total else ("", "")
    count = f"{done}/{'?' if total is None else total}"
    text = f"{count} {tqdm.format_interval(seconds)}<{left} {bar.text()}".rstrip()
    red = " accent-color: #F44336;" if bar.ended and not bar.finished else ""
    style = f"width: 300px; height: 20px; vertical-align: middle;{red}"
    return f'<div><progress{value} style="{style}"></progress> {share}[{escape(text)}]</div>'


def _graph_png(graphs: _Graphs, names: Sequence[str], x_bounds: _Bounds, y_bounds: _Bounds) -> str:
    """Return lines of numbers, or of tensors with one element, as a PNG in base64."""
    figure = optional_import("matplotlib.figure", "plots").Figure(figsize=(6, 4))
    axes = figure.subplots()
    for (xs, ys), name in zip_longest(graphs, names[: len(graphs)]):
        axes.plot([float(x) for x in xs], [float(y) for y in ys], label=name)
    for limit, bounds in ((axes.set_xlim, x_bounds), (axes.set_ylim, y_bounds)):
        if bounds is not None:
            limit(*map(float, bounds))
    if names and graphs:
        axes.legend(loc="upper right")
    png = io.BytesIO()
    figure.savefig(png, format="png")
    return base64.b64encode(png.getvalue()).decode()


def _show_html(html: str) -> Callable[[str], None]:
    """Show HTML in the notebook and return the function that replaces it."""
    display = optional_import("IPython.display", "notebook")
    handle = display.DisplayHandle()
    handle.display(display.HTML(html))
    return lambda html: handle.update(display.HTML(html))


class _Table:
    """Table lines on standard output, above the bars if there are any; the first row is the header."""

    _names: Sequence[str] = ()

    def write(self, line: str) -> None:
        """Write a line to what is `sys.stdout` now."""
        tqdm.write(line, file=sys.stdout)
        with suppress(AttributeError):  # there may be no standard output, or one without a buffer
            sys.stdout.flush()

    def write_row(self, cells: Sequence[str]) -> None:
        """Write a row as v1 printed it, with two spaces between cells.

        A column is as wide as its name in the header, at least 8 characters. Cells are padded on the right;
        a longer one is kept whole, a missing one is blank.
        """
        self._names = self._names or cells
        columns = zip_longest(cells, self._names, fillvalue="")
        self.write("  ".join(cell.ljust(max(len(name), _MIN_WIDTH)) for cell, name in columns))


class _Screen(ABC):
    """Open bars, the outermost first, redrawn together; `due` is when, in seconds of `time.monotonic`."""

    def __init__(self) -> None:
        self.bars: list[ProgressBar[Any]] = []
        self.due = 0.0
        self._most_bars = 0

    def open(self, bar: ProgressBar[Any]) -> None:
        """Add a bar; the first of its depth is shown at once, a later one when a redraw is due."""
        self.bars.append(bar)
        if len(self.bars) > self._most_bars or monotonic() >= self.due:
            self._most_bars = max(self._most_bars, len(self.bars))
            self.draw()

    def draw(self) -> None:
        """Redraw all bars now."""
        self._paint(self.bars)
        self.due = monotonic() + _REDRAW_SECONDS

    def close(self, bar: ProgressBar[Any]) -> None:
        """Take a bar and those left open inside it off the screen; what is to stay shows its last state."""
        while bar in self.bars:
            inner = self.bars.pop()
            inner.ended = time()
            self._drop(inner)

    @abstractmethod
    def _paint(self, bars: Sequence[ProgressBar[Any]]) -> None:
        """Show the state these bars have now."""

    @abstractmethod
    def _drop(self, bar: ProgressBar[Any]) -> None:
        """End the display of a bar that is not among `bars` any more."""


class _TerminalBars(_Screen):
    """Bars on standard error, a tqdm line each, made when the bar is first drawn."""

    def __init__(self) -> None:
        super().__init__()
        self._lines: dict[ProgressBar[Any], Any] = {}

    def _paint(self, bars: Sequence[ProgressBar[Any]]) -> None:
        for bar in bars:
            if bar not in self._lines:
                # The delay keeps tqdm from drawing a new line before it has its numbers.
                line = _TerminalLine(desc=bar.label, leave=bar.leave, file=sys.stderr, delay=1e-9)
                line.delay, line.start_t = 0.0, bar.started
                self._lines[bar] = line
            line = self._lines[bar]
            line.n, line.total = bar.done, bar.total
            columns, line.nrows = shutil.get_terminal_size()
            line.ncols = columns - 1  # a character in the last column may begin a new line
            line.set_postfix_str(bar.text(), refresh=False)
            line.refresh()

    def _drop(self, bar: ProgressBar[Any]) -> None:
        if bar.leave:
            self._paint([bar])
        line = self._lines.pop(bar, None)
        if line is not None:
            line.close()


class NotebookPage(_Screen):
    """Table, bars and graph as one HTML output of a notebook.

    Bars that are through go; if the outermost ends early it stays, in red, until something else is written.
    `show` shows HTML and returns the function that replaces it.
    """

    def __init__(self, show: Callable[[str], Callable[[str], object]] = _show_html) -> None:
        super().__init__()
        self._show = show
        self._replace: Callable[[str], object] | None = None
        self._rows: list[Sequence[str]] = []
        self._lines: list[str] = []
        self._graph = ""
        self._render: Callable[[], str] | None = None

    def write(self, line: str) -> None:
        """Add a paragraph below the table."""
        self._lines.append(line)
        self._draw_if_due()

    def write_row(self, cells: Sequence[str]) -> None:
        """Add a row to the table; the first one is the header."""
        self._rows.append(cells)
        self._draw_if_due()

    def plot(self, graphs: _Graphs, names: Sequence[str], x_bounds: _Bounds, y_bounds: _Bounds) -> None:
        """Show a graph from the next redraw on, with the values there are now."""
        optional_import("matplotlib.figure", "plots")
        copies = [(list(xs), list(ys)) for xs, ys in graphs]
        self._render = partial(_graph_png, copies, names, x_bounds, y_bounds)
        self._draw_if_due()

    def clear(self) -> None:
        """Remove everything from the page."""
        self.bars, self._rows, self._lines = [], [], []
        self._graph, self._render = "", None
        self.draw()

    def _draw_if_due(self) -> None:
        if not self.bars or monotonic() >= self.due:
            self.draw()

    def _paint(self, bars: Sequence[ProgressBar[Any]]) -> None:
        if self._render is not None:
            self._graph, self._render = self._render(), None
        html = _page_html(self._rows, self._lines, bars, self._graph)
        if self._replace is None:
            self._replace = self._show(html)
        else:
            self._replace(html)

    def _drop(self, bar: ProgressBar[Any]) -> None:
        if not self.bars:
            self._paint([] if bar.finished and not bar.leave else [bar])


class ProgressBar(Generic[_T]):
    """An iterable that counts what it hands out; where nothing is shown it is the iterator of `gen` itself.

    Args:
        gen: the items; all of them are handed out, whatever `total` is.
        total: number of items to show; None for the length of `gen`, which is asked for when it is needed.
        screen: where the bar is shown; None shows nothing.
        leave: the finished bar stays visible.

    Attributes:
        comment: shown after the bar; a function without arguments is called when the bar is redrawn.
        label: a word before the bar (terminal only).
        done: number of items that are through.
        finished: all items are through.
        started: when counting began, in seconds of `time.time`.
        ended: when the bar was closed, None until then.
    """

    label = ""

    def __init__(self, gen: Iterable[_T], total: int | None, screen: _Screen | None, *, leave: bool) -> None:
        self.gen, self.leave = gen, leave
        self.comment: str | Callable[[], object] = ""
        self.done, self.finished, self.started = 0, False, 0.0
        self.ended: float | None = None
        self._total, self._screen = total, screen

    @property
    def total(self) -> int | None:
        """Number of items the bar counts up to, None if unknown; setting it changes what is shown only."""
        if self._total is None and isinstance(self.gen, Sized):
            # A loader over an endless data set has a length method that raises.
            with suppress(TypeError, NotImplementedError):
                self._total = len(self.gen)
        return self._total

    @total.setter
    def total(self, total: int | None) -> None:
        self._total = total

    def __iter__(self) -> Iterator[_T]:
        return iter(self.gen) if self._screen is None else self._iterate(self._screen)

    def _iterate(self, screen: _Screen) -> Generator[_T, None, None]:
        try:
            self._open(screen)
            for item in self.gen:
                yield item
                self.done += 1
                if monotonic() >= screen.due:
                    screen.draw()
            self.finished = True
        except GeneratorExit:  # a loop that counts for itself, as `islice` does, leaves with the last item
            self.finished = self.total in (self.done, self.done + 1)
            raise
        finally:
            screen.close(self)

    def update(self, n: int) -> None:
        """Show `n` items as done, counted by hand; the bar opens at the first call and closes at `total`."""
        screen = self._screen
        if screen is None:
            return
        if self not in screen.bars:
            self._open(screen)
        self.done = n
        if monotonic() >= screen.due:
            screen.draw()
        if n == self.total:
            self.finished = True
            screen.close(self)

    def text(self) -> str:
        """Return the comment as it is now."""
        return str(self.comment() if callable(self.comment) else self.comment)

    def _open(self, screen: _Screen) -> None:
        self.done, self.finished, self.started, self.ended = 0, False, time(), None
        screen.open(self)


class MasterBar(Generic[_T]):
    """The epochs of a training: an epoch bar, the bar of the batches under way, and the table of results.

    Args:
        gen: the epochs; `total` is how many to show, None for the length of `gen`.
        table: where lines and rows are written; None drops them.
        screen: where bars are shown; None shows none.

    Attributes:
        main_bar: the epoch bar.
        child: the latest bar made with this one as parent, or None.
        clean_on_interrupt: a notebook is wiped when the loop stops early (a terminal keeps lines it has).
        names: legends of the lines of the graph.
    """

    def __init__(
        self,
        gen: Iterable[_T],
        total: int | None,
        table: _Table | NotebookPage | None,
        screen: _Screen | None,
    ) -> None:
        self.main_bar = ProgressBar(gen, total, screen, leave=False)
        self.main_bar.label = "Epoch"
        self.child: ProgressBar[Any] | None = None
        self.clean_on_interrupt, self.names = False, ["train", "valid"]
        self.screen, self._table = screen, table

    def __iter__(self) -> Generator[_T, None, None]:
        try:
            yield from self.main_bar
        except BaseException:
            if self.screen is not None and not self.main_bar.finished:
                self.on_interrupt()
            raise

    def write(self, line: str | Sequence[object], table: bool = False) -> None:
        """Write a line, or with `table` a list of cells as a row; the first row is the header."""
        if self._table is None:
            return
        if table and not isinstance(line, str):
            self._table.write_row([str(cell) for cell in line])
        else:
            self._table.write(str(line))

    def update_graph(self, graphs: _Graphs, x_bounds: _Bounds = None, y_bounds: _Bounds = None) -> None:
        """Show lines, a pair (x values, y values) each, below the table of a notebook; elsewhere do nothing.

        Raises:
            MissingExtraError: in a notebook without matplotlib.
        """
        if isinstance(self._table, NotebookPage):
            self._table.plot(graphs, self.names, x_bounds, y_bounds)

    def on_interrupt(self) -> None:
        """Close the bars of a loop that stops early, and wipe a notebook if `clean_on_interrupt` is set."""
        if self.screen is not None:
            self.screen.close(self.main_bar)
        if self.clean_on_interrupt and isinstance(self._table, NotebookPage):
            self._table.clear()


def master_bar(gen: Iterable[_T], total: int | None = None, *, silent: bool = False) -> MasterBar[_T]:
    """Return an iterable over epochs with an epoch bar and a table; `silent` prints nothing at all."""
    mode: _Mode = "silent" if silent else display_mode(sys.stderr)
    screen = _screen(mode)
    lines = None if mode == "silent" else _Table()
    table = screen if isinstance(screen, NotebookPage) else lines
    return MasterBar(gen, total, table, None if NO_BAR else screen)


def progress_bar(
    gen: Iterable[_T],
    total: int | None = None,
    parent: Any = None,
    *,
    leave: bool = True,
    display: bool = True,
) -> ProgressBar[_T]:
    """Return an iterable over batches with a bar, which becomes `parent.child`.

    Args:
        gen: the batches; `total` is how many to show, by default the length of `gen` if it has one.
        parent: a master bar, on whose screen the bar is shown, or any object whose `child` may be set.
        leave: the finished bar stays visible; with a parent it never does.
        display: False shows no bar.
    """
    screen: _Screen | None = None
    if display and not NO_BAR:
        screen = parent.screen if isinstance(parent, MasterBar) else _screen(display_mode(sys.stderr))
    bar = ProgressBar(gen, total, screen, leave=leave and parent is None)
    if parent is not None:
        parent.child = bar
    return bar


def _screen(mode: _Mode) -> _Screen | None:
    if mode == "notebook":
        return NotebookPage()
    return _TerminalBars() if mode == "terminal" else None
