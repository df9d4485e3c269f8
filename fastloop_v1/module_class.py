"""`Module`: an `nn.Module` whose subclasses need not call `super().__init__()`."""

from __future__ import annotations

from typing import Any, TypeVar

from torch import Tensor, nn

__all__ = ["Module", "ParameterModule", "PrePostInitMeta"]

_Made = TypeVar("_Made")


class PrePostInitMeta(type):
    """Metaclass whose instances are made by `__pre_init__`, `__init__`, `__post_init__`, those that exist."""

    def __call__(cls: type[_Made], *args: Any, **kwargs: Any) -> _Made:
        """Return a new instance, with each of the three called once however deep the inheritance."""
        made = cls.__new__(cls, *args, **kwargs)
        _call(made, "__pre_init__")
        cls.__init__(made, *args, **kwargs)
        _call(made, "__post_init__")
        return made


def _call(made: object, name: str) -> None:
    method = getattr(made, name, None)
    if method is not None:
        method()


class Module(nn.Module, metaclass=PrePostInitMeta):
    """An `nn.Module` made ready before its `__init__` runs, so that subclasses need not call super."""

    def __pre_init__(self) -> None:
        """Make the module ready to take parameters and children."""
        nn.Module.__init__(self)

    def __init__(self) -> None:
        """Do nothing, so that a subclass may call this at any time without losing what it has set."""


class ParameterModule(Module):
    """A parameter that belongs to no child module, wrapped so that it can stand in a layer group.

    Args:
        p: the parameter; stays the one of the model, as `val`.
    """

    def __init__(self, p: nn.Parameter) -> None:
        self.val = p

    def forward(self, x: Tensor) -> Tensor:
        """Return `x`; the module that owns the parameter uses it."""
        return x
