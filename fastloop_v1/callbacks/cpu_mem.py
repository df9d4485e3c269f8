"""Main memory used in each epoch, as columns of the table."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Event, Thread
from typing import Any, ClassVar

from ..callback import add_metrics
from ..learner_callback import LearnerCallback

__all__ = ["CpuPeakMemMetric"]

_STATM = Path("/proc/self/statm")
_MIB = 2**20
_SECONDS_BETWEEN_LOOKS = 0.001


class CpuPeakMemMetric(LearnerCallback):
    """Adds how much the memory of this process grew in an epoch, and how much more it took for a moment.

    Both are in MiB of resident memory: `cpu used` is the end of the epoch less its beginning, `cpu peak` the
    highest less the end. Memory is looked at a thousand times a second by a thread, and after each batch.

    Args:
        learn: the learner.

    Raises:
        FileNotFoundError: at the first epoch, on a system without `/proc/self/statm`; that is Linux only.
    """

    _order = -20  # before the recorder
    exclude = (*LearnerCallback.exclude, "_at_start", "_highest", "_thread", "_enough")
    _at_start = _highest = 0
    names: ClassVar[tuple[str, ...]] = ("cpu used", "cpu peak")

    def on_train_begin(self, **kwargs: Any) -> None:
        """Name the columns."""
        self.learn.recorder.add_metric_names(self.names)

    def on_epoch_begin(self, **kwargs: Any) -> None:
        """Start to look."""
        self.peak_monitor_start()

    def on_batch_end(self, **kwargs: Any) -> None:
        """Look once."""
        self._look()

    def on_epoch_end(self, last_metrics: list[Any], **kwargs: Any) -> dict[str, list[Any]]:
        """Stop looking and add the values."""
        self._look()
        self.peak_monitor_stop()
        return add_metrics(last_metrics, self.measured())

    def on_train_end(self, **kwargs: Any) -> None:
        """Stop looking if an error kept the epoch from ending."""
        self.peak_monitor_stop()

    def measured(self) -> list[int]:
        """The values of the columns, for the epoch that ends."""
        now = _resident_bytes()
        return [int((now - self._at_start) / _MIB), max(0, int((self._highest - now) / _MIB))]

    def peak_monitor_start(self) -> None:
        """Start the thread that looks for the peak."""
        self.peak_monitor_stop()
        self._at_start = self._highest = _resident_bytes()
        self._enough = Event()
        self._thread = Thread(target=self.peak_monitor_func, daemon=True)
        self._thread.start()

    def peak_monitor_stop(self) -> None:
        """Stop the thread."""
        thread = self.__dict__.pop("_thread", None)
        if thread is not None:
            self._enough.set()
            thread.join()
            del self._enough

    def peak_monitor_func(self) -> None:
        """Look until it is enough."""
        while not self._enough.wait(_SECONDS_BETWEEN_LOOKS):
            self._look()

    def _look(self) -> None:
        self._highest = max(self._highest, _resident_bytes())

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the learner and the thread."""
        left_out = ("_thread", "_enough")
        return {name: value for name, value in super().__getstate__().items() if name not in left_out}


def _resident_bytes() -> int:
    """Main memory that this process takes up at the moment."""
    return int(_STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
