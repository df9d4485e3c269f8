"""Command lines made of functions: the parameters of a function become the options of a script."""

from __future__ import annotations

import inspect
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from typing import Annotated, Any, TypeVar, get_args, get_origin

from .errors import ArgumentError, NotOfferedError

__all__ = ["Param", "anno_parser", "call_parse", "call_plac"]

_Function = TypeVar("_Function", bound=Callable[..., Any])
_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass
class Param:
    """Annotation of a parameter that says how it is given on the command line.

    Args:
        help: what it means.
        type: makes a value of the text; for `bool` the text is true, yes, 1, false, no or 0.
        opt: whether it is an option with its name before it; else it goes by its place.
        action, nargs, const, choices, required: as in `argparse.ArgumentParser.add_argument`.
    """

    help: str | None = None
    type: Callable[[str], Any] | None = None
    opt: bool = True
    action: str | None = None
    nargs: str | None = None
    const: Any = None
    choices: Any = None
    required: bool | None = None

    @property
    def pre(self) -> str:
        """What stands before the name on the command line."""
        return "--" if self.opt else ""

    @property
    def kwargs(self) -> dict[str, Any]:
        """The settings that are made, as arguments of `add_argument`."""
        settings = {field.name: getattr(self, field.name) for field in fields(self) if field.name != "opt"}
        return {name: value for name, value in settings.items() if value is not None}


def anno_parser(func: Callable[..., Any]) -> ArgumentParser:
    """Return a parser with an argument for each parameter of a function, described by its docstring.

    Args:
        func: its parameters are annotated with a `Param`, as `Annotated[type, Param(...)]`, with a type, or
            not at all.
    """
    parser = ArgumentParser(description=func.__doc__)
    for name, parameter in inspect.signature(func, eval_str=True).parameters.items():
        param = _param_of(parameter.annotation)
        settings = param.kwargs
        if param.type is bool:
            settings["type"] = _truth
        if parameter.default is not inspect.Parameter.empty:
            settings["default"] = parameter.default
        parser.add_argument(f"{param.pre}{name}", **settings)
    return parser


def _param_of(annotation: Any) -> Param:
    if isinstance(annotation, Param):
        return annotation
    if get_origin(annotation) is Annotated:
        kind, *notes = get_args(annotation)
        param = next((note for note in notes if isinstance(note, Param)), Param())
        return replace(param, type=param.type or _type_of(kind))
    return Param(type=_type_of(annotation))


def _type_of(annotation: Any) -> type | None:
    is_type = isinstance(annotation, type) and annotation is not inspect.Parameter.empty
    return annotation if is_type else None


def _truth(text: str) -> bool:
    if text.lower() not in _WORDS:
        raise ArgumentError(f"{text!r} is none of {', '.join(_WORDS)}.")
    return _WORDS[text.lower()]


def call_parse(func: _Function) -> _Function | None:
    """Decorator: call the function with the command line's arguments if its file is run as a script.

    Returns:
        The function itself where the file is imported, None where it was run.
    """
    if func.__module__ != "__main__":
        return func
    func(**vars(anno_parser(func).parse_args()))
    return None


def call_plac(f: Callable[..., Any]) -> Any:
    """Not offered.

    Raises:
        NotOfferedError: always; `call_parse` does the same without the package plac.
    """
    raise NotOfferedError(f"call_plac needs the package plac; decorate {f.__name__} with call_parse instead.")
