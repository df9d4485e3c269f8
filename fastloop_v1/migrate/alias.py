"""The alias turned on and off: finder, patches, and the look whether a real fastai is there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import metadata
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType

from ..errors import ArgumentError
from .finder import AliasFinder
from .patches import Patch, patches

__all__ = ["alias_on", "is_on", "turn_off", "turn_on"]


@dataclass
class _Alias:
    """The alias while it is on.

    Attributes:
        finder: answers for its modules.
        patches: what was changed in other packages.
        hidden: modules of a real fastai that were imported before.
    """

    finder: AliasFinder
    patches: list[Patch] = field(default_factory=patches)
    hidden: dict[str, ModuleType] = field(default_factory=dict)


_now: list[_Alias] = []


def is_on() -> bool:
    """Whether the alias is on."""
    return bool(_now)


def turn_on(*, force: bool) -> None:
    """Let `import fastai` give this package; nothing happens if it does already.

    Args:
        force: whether to hide a fastai that is really there.

    Raises:
        ArgumentError: one is there and `force` is False; the message says which and where.
    """
    if _now:
        return
    if not force and (found := _real_fastai()):
        raise ArgumentError(
            f"force is False and {found} is here; it is not hidden unasked. Say force=True (`fastloop-v1 run "
            f"--force`) to put fastloop_v1 in its place, or uninstall it."
        )
    alias = _Alias(AliasFinder(bars="fastprogress" not in sys.modules and find_spec("fastprogress") is None))
    for name in [name for name in sys.modules if name.partition(".")[0] == "fastai"]:
        alias.hidden[name] = sys.modules.pop(name)
    sys.meta_path.insert(0, alias.finder)
    sys.path_hooks.insert(0, alias.finder.folder_hook)
    for patch in alias.patches:
        patch.put()
    _now.append(alias)


def turn_off() -> None:
    """Take everything back that `turn_on` and imports through the alias changed."""
    if not _now:
        return
    alias = _now.pop()
    for patch in reversed(alias.patches):
        patch.take_back()
    if alias.finder in sys.meta_path:
        sys.meta_path.remove(alias.finder)
    if alias.finder.folder_hook in sys.path_hooks:
        sys.path_hooks.remove(alias.finder.folder_hook)
    alias.finder.forget()
    sys.modules.update(alias.hidden)


@contextmanager
def alias_on(*, force: bool) -> Iterator[None]:
    """The alias is on in the block; where it was on before, it stays on."""
    was_on = is_on()
    turn_on(force=force)
    try:
        yield
    finally:
        if not was_on:
            turn_off()


def _real_fastai() -> str | None:
    """What to call the fastai that `import fastai` would give, None if there is none."""
    module = sys.modules.get("fastai")
    if module is not None:
        return f"fastai {getattr(module, '__version__', '')} ({getattr(module, '__file__', None)})"
    spec: ModuleSpec | None = find_spec("fastai")
    # A folder of that name without code, such as a checkout next to the script, is no package.
    if spec is None or spec.origin is None:
        return None
    try:
        version = metadata.version("fastai")
    except metadata.PackageNotFoundError:
        version = ""
    return " ".join(filter(None, ["fastai", version, f"({spec.origin})"]))
