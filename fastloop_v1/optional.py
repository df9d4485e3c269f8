"""Import of optional packages on first use, with an error that names the extra to install."""

from __future__ import annotations

import importlib
from typing import Any

from .errors import MissingExtraError

__all__ = ["optional_import"]


def optional_import(module: str, extra: str) -> Any:
    """Return the imported module.

    Args:
        module: dotted name, such as `matplotlib.pyplot`.
        extra: the extra of this distribution that brings it, such as `plots`.

    Raises:
        MissingExtraError: the package is not installed; the message holds the command that installs it.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        package = module.partition(".")[0]
        raise MissingExtraError(
            f"{package} is not installed; `python -m pip install 'fastloop_v1[{extra}]'` brings it."
        ) from error
