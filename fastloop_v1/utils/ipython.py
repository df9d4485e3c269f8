"""Whether this is IPython, and errors that let go of the tensors in the functions they passed through."""

from __future__ import annotations

import functools
import sys
import traceback
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

import torch

__all__ = [
    "IS_IN_COLAB",
    "IS_IN_IPYTHON",
    "get_ref_free_exc_info",
    "gpu_mem_restore",
    "gpu_mem_restore_ctx",
    "is_in_colab",
    "is_in_ipython",
]

_Function = TypeVar("_Function", bound=Callable[..., Any])


def is_in_ipython() -> bool:
    """Whether this code runs in a notebook or another IPython shell."""
    get_ipython = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return get_ipython is not None and get_ipython() is not None


def is_in_colab() -> bool:
    """Whether this code runs in a notebook of Google Colab."""
    return is_in_ipython() and "google.colab" in sys.modules


IS_IN_IPYTHON = is_in_ipython()
IS_IN_COLAB = is_in_colab()


def get_ref_free_exc_info() -> tuple[Any, Any, Any]:
    """Return type, value and traceback of the error being handled, without the local variables in it."""
    kind, value, trace = sys.exc_info()
    traceback.clear_frames(trace)
    return kind, value, trace


def gpu_mem_restore(func: _Function) -> _Function:
    """Decorator: an error lets go of the tensors in it if it is a GPU out of memory, or in IPython any error.

    IPython keeps the last error for `%debug`, and with it all that the functions it passed through held.
    """

    @functools.wraps(func)
    def restoring(*args: Any, **kwargs: Any) -> Any:
        try:
            return func(*args, **kwargs)
        except Exception as error:
            if is_in_ipython() or isinstance(error, torch.cuda.OutOfMemoryError):
                traceback.clear_frames(error.__traceback__)
            raise

    return restoring  # type: ignore[return-value]


class gpu_mem_restore_ctx:
    """Context manager: an error that leaves its block lets go of the tensors in the functions it passed."""

    def __enter__(self) -> gpu_mem_restore_ctx:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        if exc_tb is not None:
            traceback.clear_frames(exc_tb)
