"""What a block writes to standard output and standard error, caught to look at it."""

from __future__ import annotations

import contextlib
import io
import re
from types import TracebackType
from typing import Any

__all__ = ["CaptureStd", "CaptureStderr", "CaptureStdout", "apply_print_resets", "assert_screenout"]

_TOO_EARLY = "The block has not ended yet."
_NOT_CAUGHT = "not captured"


def apply_print_resets(buf: str) -> str:
    r"""Return what a screen shows of a text: of each line what follows its last carriage return (`\r`)."""
    return re.sub(r"^.*\r", "", buf, flags=re.MULTILINE)


def assert_screenout(out: str, what: str) -> None:
    """See that a screen shows some text, upper and lower case counting as the same.

    Raises:
        AssertionError: it does not.
    """
    shown = apply_print_resets(out)
    if what.lower() not in shown.lower():
        raise AssertionError(f"expecting to find {what!r} in output: {shown!r}")


class CaptureStd:
    """Context manager that catches what is written in its block.

    Args:
        out: whether to catch standard output.
        err: whether to catch standard error.

    Attributes:
        out: what standard output shows, carriage returns obeyed.
        err: what went to standard error.
    """

    def __init__(self, out: bool = True, err: bool = True) -> None:
        self._out, self._err = (io.StringIO() if wanted else None for wanted in (out, err))
        self.out, self.err = (_TOO_EARLY if wanted else _NOT_CAUGHT for wanted in (out, err))
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Any:
        if self._out is not None:
            self._stack.enter_context(contextlib.redirect_stdout(self._out))
        if self._err is not None:
            self._stack.enter_context(contextlib.redirect_stderr(self._err))
        return self

    def __exit__(
        self, type: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()
        if self._out is not None:
            self.out = apply_print_resets(self._out.getvalue())
        if self._err is not None:
            self.err = self._err.getvalue()

    def __repr__(self) -> str:
        streams = (("stdout", self._out, self.out), ("stderr", self._err, self.err))
        return "\n".join(f"{name}: {text}" for name, caught, text in streams if caught is not None)


class CaptureStdout(CaptureStd):
    """Catches standard output only."""

    def __init__(self) -> None:
        super().__init__(err=False)


class CaptureStderr(CaptureStd):
    """Catches standard error only."""

    def __init__(self) -> None:
        super().__init__(out=False)
