"""Names and arguments of functions: snake case, argument names, sorting keywords, chaining calls."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, TypeVar

from .defaults import defaults
from .sequences import listify

__all__ = [
    "camel2snake",
    "compose",
    "extract_kwargs",
    "func_args",
    "has_arg",
    "noop",
    "numbered",
    "split_kwargs_by_func",
    "with_v1_signature",
]

_Function = TypeVar("_Function", bound=Callable[..., Any])

_word_start = re.compile("(.)([A-Z][a-z]+)")
_lower_then_upper = re.compile("([a-z0-9])([A-Z])")


def camel2snake(name: str) -> str:
    """Return a CamelCase name in snake_case: `CSVLogger` becomes `csv_logger`."""
    return _lower_then_upper.sub(r"\1_\2", _word_start.sub(r"\1_\2", name)).lower()


def func_args(func: Callable[..., Any]) -> tuple[str, ...]:
    """Return the names of the positional arguments; a method's start with `self`."""
    code = getattr(func, "__code__", None)
    if code is not None:
        return tuple(code.co_varnames[: code.co_argcount])
    parameters = inspect.signature(func).parameters.values()
    return tuple(p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD))


def has_arg(func: Callable[..., Any], arg: str) -> bool:
    """Whether `func` has a positional argument called `arg`."""
    return arg in func_args(func)


def split_kwargs_by_func(
    kwargs: Mapping[str, Any], func: Callable[..., Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the keywords `func` has arguments for, and the others."""
    return extract_kwargs(func_args(func), kwargs)


def extract_kwargs(names: Iterable[str], kwargs: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the keywords in `names`, and the others."""
    wanted = set(names)
    found = {key: value for key, value in kwargs.items() if key in wanted}
    return found, {key: value for key, value in kwargs.items() if key not in wanted}


def noop(x: Any) -> Any:
    """Return `x`."""
    return x


def compose(funcs: Any) -> Callable[..., Any]:
    """Return a function that hands its first argument through all `funcs`, first to last.

    Args:
        funcs: one function, or a list; further arguments of a call go to each of them.
    """
    return partial(_through, funcs)


def _through(funcs: Any, x: Any, *args: Any, **kwargs: Any) -> Any:
    for func in listify(funcs):
        x = func(x, *args, **kwargs)
    return x


def numbered(names: Iterable[str]) -> list[str]:
    """Return the names, repeated ones with a number: `a, b, a` becomes `a, b, a_2`."""
    given = list(names)
    if defaults.v1_quirks:
        return given
    found: list[str] = []
    for name in given:
        number, free = 1, name
        while free in found or (number > 1 and free in given):
            number += 1
            free = f"{name}_{number}"
        found.append(free)
    return found


def with_v1_signature(function: _Function) -> _Function:
    """Let a function show v1's signature: keyword-only parameters, which are newer, stay out of it.

    Legacy code and tools look at signatures to pass arguments on; what is hidden is accepted all the same.
    """
    shown = inspect.signature(function)
    kept = [p for p in shown.parameters.values() if p.kind is not inspect.Parameter.KEYWORD_ONLY]
    vars(function)["__signature__"] = shown.replace(parameters=kept)
    return function
