"""`fastai` as a name of this package, for code written for fastai v1.

`install` lets `import fastai` and every import below it give the modules of this package, `uninstall` ends
that, and `as_fastai` does both around a block. `fastloop-v1 run script.py` runs a whole script that way, and
`%load_ext fastloop_v1` installs in a notebook.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from importlib import import_module
from typing import Any

__all__ = ["as_fastai", "install", "load_ipython_extension", "uninstall", "unload_ipython_extension"]


def install(*, force: bool = False) -> None:
    """Let `import fastai` give this package, with what v1 set on other packages (`Path.ls` and others).

    Called again, it changes nothing more.

    Args:
        force: hide a fastai that is really installed.

    Raises:
        ArgumentError: a real fastai is there and `force` is False; the message says which and where.
    """
    _alias().turn_on(force=force)


def uninstall() -> None:
    """Take back everything `install` changed; modules already imported stay usable where they are held."""
    _alias().turn_off()


def as_fastai(*, force: bool = False) -> AbstractContextManager[None]:
    """Return a context manager that installs, and uninstalls unless it was installed before.

    Args:
        force: hide a fastai that is really installed.
    """
    context: AbstractContextManager[None] = _alias().alias_on(force=force)
    return context


def load_ipython_extension(ipython: Any) -> None:
    """Install for a notebook, which asks by `%load_ext fastloop_v1`.

    Raises:
        ArgumentError: a real fastai is installed.
    """
    install()


def unload_ipython_extension(ipython: Any) -> None:
    """Uninstall for a notebook, which asks by `%unload_ext fastloop_v1`."""
    uninstall()


def _alias() -> Any:
    # Loaded here, as it loads PyTorch; the check of a script reads its tables without.
    return import_module(".alias", __name__)
