"""`SignalWatch`: signals that are noted, so that training ends at a place it can go on from."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Sequence
from types import FrameType
from typing import Any

__all__ = ["SignalWatch"]


class SignalWatch:
    """Notes signals in place of what they did before; a second Ctrl-C interrupts at once.

    Only the main thread can watch; in any other one, and in a process forked while watching, signals do what
    they always did.

    Args:
        signals: numbers such as `signal.SIGTERM`.

    Attributes:
        caught: the first signal noted, None if there was none.
    """

    def __init__(self, signals: Sequence[int]) -> None:
        self.signals = signals
        self.caught: int | None = None
        self._before: dict[int, Any] = {}
        self._pid = os.getpid()

    def start(self) -> None:
        """Begin to watch."""
        if threading.current_thread() is threading.main_thread() and not self._before:
            self._before = {number: signal.signal(number, self._note) for number in self.signals}

    def stop(self) -> None:
        """Put the handlers there were back, but for those that somebody else has replaced since."""
        for number, before in self._before.items():
            if signal.getsignal(number) == self._note:
                signal.signal(number, signal.SIG_DFL if before is None else before)
        self._before = {}

    def end(self) -> None:
        """End the program as the signal that was noted asks for.

        Raises:
            KeyboardInterrupt: it was Ctrl-C.
            SystemExit: it was another one; the status is 128 and its number, 143 for `SIGTERM`.
        """
        number, self.caught = self.caught, None
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        if number is not None:
            raise SystemExit(128 + number)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if os.getpid() != self._pid:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        elif number == signal.SIGINT and self.caught == number:
            raise KeyboardInterrupt
        else:
            self.caught = number if self.caught is None else self.caught
