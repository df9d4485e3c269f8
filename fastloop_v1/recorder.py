"""`Recorder`: what was measured in a fit, the table of it, and its pictures."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any

from .defaults import defaults
from .errors import ArgumentError, ArgumentTypeError
from .history import History
from .learner_callback import LearnerCallback
from .loss_curve import LossLog
from .lr_suggestion import minimum, slide, steep, steepest, valley
from .names import numbered
from .optional import optional_import
from .plots import recorder_plot, recorder_plot_losses, recorder_plot_lr, recorder_plot_metrics
from .processes import rank_distrib

if TYPE_CHECKING:
    from .basic_train import Learner

__all__ = ["Recorder", "format_time"]

_SUGGESTIONS = {"steepest": steepest, "minimum": minimum, "steep": steep, "valley": valley, "slide": slide}


def format_time(seconds: float) -> str:
    """Seconds as `mm:ss`, from an hour on as `h:mm:ss`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes:02d}:{rest:02d}"


def _cell(name: str, stat: Any) -> str:
    """A value as the table shows it."""
    if stat is None:
        return "#na#"
    if isinstance(stat, (int, str)):
        return str(stat)
    try:
        return f"{stat:.6f}"
    except (TypeError, ValueError) as error:
        raise ArgumentTypeError(
            f"The metric in the column {name!r} is {stat!r}; it must be a number, a tensor with one element, "
            "a text or None."
        ) from error


class _LatestLoss:
    """What a bar shows of a recorder; the bar holds the loader, and must not live by the recorder's doing."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = weakref.ref(recorder)

    def __call__(self) -> str:
        recorder = self._recorder()
        return "" if recorder is None else f"{recorder.losses[-1]:.4f}"

    def __reduce__(self) -> Any:
        return str, ()


class Recorder(LearnerCallback):
    """Keeps losses, rates and metrics of a fit, writes the table, and draws.

    Args:
        learn: the learner; the recorder of its latest fit is `learn.recorder`.
        add_time: whether the table has a column for the time of an epoch.
        silent: True writes no table.

    Attributes:
        names: column titles of the table.
        losses: smoothed training loss after each iteration, tensors on the CPU.
        lrs, moms: learning rate and momentum of the last layer group in the step of each iteration.
        val_losses: validation loss of each epoch, None without validation.
        metrics: list of metric values of each epoch that was validated.
        nb_batches: training batches in each epoch.
        epoch_seconds: duration of each epoch.
        earlier: histories of the learner's earlier fits and range tests, oldest first.
        min_grad_lr: suggested learning rate, once `plot(suggestion=True)` was called.
    """

    _order = -10
    of_this_process = ("start_epoch",)

    def __init__(self, learn: Learner, add_time: bool = True, silent: bool = False) -> None:
        self._clear()
        if getattr(learn, "opt", None) is None and hasattr(learn, "create_opt"):
            # Tools make a recorder of their own before the first fit.
            learn.create_opt(defaults.lr, learn.wd)
        self._before = getattr(learn, "recorder", None)
        self.earlier: list[History] = []
        super().__init__(learn)
        self.opt = self.learn.opt if learn is not None else None
        self.train_dl = learn.data.train_dl
        self.no_val, self.silent, self.add_time = False, silent, add_time
        self.pbar: Any = None
        self.names: list[str] = []
        self.metrics_names: list[str] = []
        self._child: Any = None

    def _clear(self) -> None:
        self._losses = LossLog()
        self.val_losses: list[Any] = []
        self.lrs: list[Any] = []
        self.moms: list[Any] = []
        self.metrics: list[list[Any]] = []
        self.nb_batches: list[int] = []
        self.epoch_seconds: list[float] = []
        self.start_epoch = perf_counter()

    @property
    def losses(self) -> list[Any]:
        """Smoothed training loss after each iteration."""
        return self._losses.values

    @losses.setter
    def losses(self, losses: Iterable[Any]) -> None:
        self._losses = LossLog(losses)

    # --- events ---------------------------------------------------------------------------------------------

    def on_train_begin(self, pbar: Any, metrics_names: list[str], **kwargs: Any) -> None:
        """Start empty and write the titles."""
        self.pbar = pbar
        self.names = ["epoch", "train_loss"] if self.no_val else ["epoch", "train_loss", "valid_loss"]
        self.metrics_names = metrics_names
        self.metrics_names += self.__dict__.get("_added_met_names", [])
        self.metrics_names[:] = numbered(self.metrics_names)
        self.names += self.metrics_names
        if self.add_time:
            self.names.append("time")
        self._write(self.names)
        self._keep_history()
        self._clear()

    def _keep_history(self) -> None:
        """Keep what the recorder before this one measured, or this one in an earlier fit."""
        before, self._before = self._before or self, None
        if not isinstance(before, Recorder):
            return
        if before._before is not None:
            # Its fit failed before it heard of it.
            before._keep_history()
        self.earlier = [*before.earlier, *([before.history()] if len(before._losses) else [])]

    def on_epoch_begin(self, **kwargs: Any) -> None:
        """Take the time."""
        self.start_epoch = perf_counter()

    def on_batch_begin(self, train: bool, **kwargs: Any) -> None:
        """Note learning rate and momentum."""
        if train:
            opt, done = self.learn.opt, len(self._losses)
            if len(self.lrs) > done:  # the batch before was abandoned without a loss
                del self.lrs[done:], self.moms[done:]
            self.lrs.append(opt.lr)
            self.moms.append(opt.mom)

    def on_backward_begin(self, smooth_loss: Any, **kwargs: Any) -> None:
        """Note the smoothed loss; the bar asks for it when it is redrawn."""
        self._losses.append(smooth_loss)
        child = getattr(self.pbar, "child", None)
        if child is not self._child and child is not None:
            child.comment = _LatestLoss(self)
            self._child = child

    def on_step_end(self, **kwargs: Any) -> None:
        """Note what the step was taken with, whoever set it since the batch began."""
        if self.lrs and not defaults.v1_quirks:
            opt = self.learn.opt
            self.lrs[-1], self.moms[-1] = opt.lr, opt.mom

    def on_epoch_end(
        self,
        epoch: int,
        num_batch: int,
        smooth_loss: Any = None,
        last_metrics: list[Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Note the validation and write a row."""
        self.nb_batches.append(num_batch)
        self.epoch_seconds.append(perf_counter() - self.start_epoch)
        if last_metrics is not None:
            self.val_losses.append(last_metrics[0])
        else:
            last_metrics = [] if self.no_val else [None]
        if len(last_metrics) > 1:
            self.metrics.append(last_metrics[1:])
        self.format_stats([epoch, smooth_loss, *last_metrics])

    def format_stats(self, stats: Sequence[Any]) -> None:
        """Write a row: six digits behind the point, whole numbers as they are, None as `#na#`.

        Metrics that an epoch without validation does not have are left empty.

        Raises:
            ArgumentTypeError: a metric has another value, such as a tensor of several numbers.
        """
        cells = [_cell(name, stat) for name, stat in zip(self.names, stats, strict=False)]
        if self.add_time:
            cells += [""] * (len(self.names) - 1 - len(cells))
            cells.append(format_time(perf_counter() - self.start_epoch))
        self._write(cells)

    def _write(self, row: list[str]) -> None:
        if not self.silent and self.pbar is not None and rank_distrib() == 0:
            self.pbar.write(row, table=True)

    def add_metric_names(self, names: Sequence[str]) -> None:
        """Add columns for values that callbacks put behind the metrics."""
        # A copy: the list belongs to the caller.
        self._added_met_names = [*self.__dict__.get("_added_met_names", []), *names]

    # --- afterwards -----------------------------------------------------------------------------------------

    def history(self) -> History:
        """All of it as plain numbers, to write to a file."""
        return History.from_recorder(self)

    def suggestions(self, skip_start: int = 10, skip_end: int = 5) -> dict[str, float]:
        """Learning rates that the curve of `lr_find` suggests, by the name of the rule.

        v1's rules are `steepest` and `minimum`; `valley`, `slide`, `steep` and `minimum` are fastai v2's.
        A rule that finds nothing on this curve is left out.

        Args:
            skip_start: iterations left out at the start.
            skip_end: iterations left out at the end.
        """
        lrs = self._split_list(self.lrs, skip_start, skip_end)
        losses = self._split_list(self.losses, skip_start, skip_end)
        found: dict[str, float] = {}
        for name, rule in _SUGGESTIONS.items():
            try:
                found[name] = rule([float(lr) for lr in lrs], [float(loss) for loss in losses])
            except ArgumentError:
                continue
        return found

    def plot(
        self,
        skip_start: int = 10,
        skip_end: int = 5,
        suggestion: bool = False,
        return_fig: bool | None = None,
        show_grid: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Draw loss over learning rate, as `lr_find` saw them.

        Args:
            skip_start: iterations left out at the start.
            skip_end: iterations left out at the end.
            suggestion: whether to mark the steepest descent and keep it as `min_grad_lr`.
            return_fig: whether to return the figure; `defaults.return_fig` if None.
            show_grid: whether to draw a grid.
            kwargs: `k`, the degree of a spline the losses are smoothed by, and its other arguments.
        """
        lrs = self._split_list(self.lrs, skip_start, skip_end)
        losses = [float(loss) for loss in self._split_list(self.losses, skip_start, skip_end)]
        if "k" in kwargs:
            losses = self.smoothen_by_spline(lrs, losses, **kwargs)
        if suggestion:
            self.min_grad_lr = steepest(lrs, losses)
        mark = self.min_grad_lr if suggestion else None
        return self._shown(recorder_plot(lrs, losses, show_grid=show_grid, suggestion=mark), return_fig)

    def plot_lr(
        self,
        show_moms: bool = False,
        skip_start: int = 0,
        skip_end: int = 0,
        return_fig: bool | None = None,
    ) -> Any:
        """Draw learning rate, and momentum if asked, over the iterations."""
        iterations = self._split_list(range(len(self.lrs)), skip_start, skip_end)
        lrs = self._split_list(self.lrs, skip_start, skip_end)
        moms = self._split_list(self.moms, skip_start, skip_end) if show_moms else None
        return self._shown(recorder_plot_lr(lrs, moms, iterations=iterations), return_fig)

    def plot_losses(
        self,
        skip_start: int = 0,
        skip_end: int = 0,
        return_fig: bool | None = None,
        show_grid: bool = False,
    ) -> Any:
        """Draw training and validation loss over the batches."""
        batches = self._split_list(range(len(self.losses)), skip_start, skip_end)
        losses = self._split_list(self.losses, skip_start, skip_end)
        val_batches = self._split_list_val(self._batches_seen(), skip_start, skip_end)
        val_losses = self._split_list_val(self.val_losses, skip_start, skip_end)
        return self._shown(
            recorder_plot_losses(batches, losses, val_batches, val_losses, show_grid=show_grid), return_fig
        )

    def plot_metrics(
        self,
        skip_start: int = 0,
        skip_end: int = 0,
        return_fig: bool | None = None,
        show_grid: bool = False,
    ) -> Any:
        """Draw each metric over the batches.

        Raises:
            NothingToPlotError: there are no metrics.
        """
        batches = self._split_list_val(self._batches_seen(), skip_start, skip_end)
        metrics = self._split_list_val(self.metrics, skip_start, skip_end)
        figure = recorder_plot_metrics(batches, metrics, self.metrics_names, show_grid=show_grid)
        return self._shown(figure, return_fig)

    @staticmethod
    def smoothen_by_spline(xs: Sequence[Any], ys: Sequence[Any], **kwargs: Any) -> list[float]:
        """Values on a smoothing spline through the points; `kwargs` go to scipy's UnivariateSpline."""
        spline = optional_import("scipy.interpolate", "plots").UnivariateSpline(range(len(ys)), ys, **kwargs)
        return [float(spline(at)) for at in range(len(ys))]

    def _batches_seen(self) -> list[int]:
        """How many batches had been trained at the end of each epoch."""
        return [sum(self.nb_batches[: i + 1]) for i in range(len(self.nb_batches))]

    def _split_list(self, vals: Sequence[Any], skip_start: int, skip_end: int) -> list[Any]:
        return list(vals[skip_start : len(vals) - skip_end if skip_end > 0 else None])

    def _split_list_val(self, vals: Sequence[Any], skip_start: int, skip_end: int) -> list[Any]:
        """Of values by epoch, those of epochs that end inside the batches drawn."""
        seen = self._batches_seen()
        last = sum(self.nb_batches) - skip_end
        return [val for val, end in zip(vals, seen, strict=False) if skip_start <= end <= last]

    def _shown(self, figure: Any, return_fig: bool | None) -> Any:
        wanted = defaults.return_fig if return_fig is None else return_fig
        return figure if wanted else None
