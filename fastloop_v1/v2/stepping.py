"""How steppers are run: over lists where all can be and where it pays, else parameter by parameter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from ..optimizer_forms import are_many_and_small
from .stepper_lists import HYPERS, STATE, ListForm, list_form
from .steppers import Stepper, gradient_of

__all__ = ["Steps", "defaults_of"]

_States = Sequence[dict[str, Any]]


def defaults_of(stepper: Stepper) -> dict[str, Any]:
    """Return the default hyper-parameters of a stepper; those of a partial without what it binds."""
    if isinstance(stepper, partial):
        return {k: v for k, v in defaults_of(stepper.func).items() if k not in stepper.keywords}
    return dict(getattr(stepper, "defaults", {}))


class Steps:
    """Steppers in their order, ready to run over the parameters of a group.

    For every parameter the steppers run in their order, each seeing what those before it put in the
    parameter's state. Over lists, a stepper runs over all parameters before the next one does.

    Args:
        steppers: functions as in `steppers`, stock ones or others.
    """

    def __init__(self, steppers: Sequence[Stepper]) -> None:
        self.steppers = list(steppers)
        pairs = [(stepper, list_form(stepper)) for stepper in self.steppers]
        self._runs = [
            ([stepper for stepper, _ in run], [form for _, form in run if form is not None])
            for run in (list(group) for _, group in groupby(pairs, key=lambda pair: pair[1] is not None))
        ]
        self.has_lists = any(forms for _, forms in self._runs)

    def __getstate__(self) -> dict[str, Any]:
        return {"steppers": self.steppers}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["steppers"])  # type: ignore[misc]  # the rest follows from the steppers

    def __call__(self, params: list[Tensor], states: list[dict[str, Any]], hypers: Mapping[str, Any]) -> None:
        """Step parameters that have gradients.

        Args:
            params: the parameters.
            states: their states, changed in place.
            hypers: hyper-parameters; they win over a state of the same name.
        """
        if not (self.has_lists and _pays(params) and STATE.isdisjoint(hypers)):
            _step_each(self.steppers, params, states, hypers)
            return
        for steppers, forms in self._runs:
            if forms and _can_run(forms, states, hypers):
                for form in forms:
                    form.run(params, states, **hypers)
            else:
                _step_each(steppers, params, states, hypers)


def _step_each(
    steppers: Sequence[Stepper], params: Sequence[Tensor], states: _States, hypers: Mapping[str, Any]
) -> None:
    for param, state in zip(params, states, strict=True):
        for stepper in steppers:
            update = stepper(param, **{**state, **hypers})
            if isinstance(update, dict):
                state.update(update)


def _pays(params: Sequence[Tensor]) -> bool:
    """Whether lists are faster; sparse gradients have no list functions."""
    if are_many_and_small(params) or (len(params) > 1 and all(param.is_cuda for param in params)):
        return all(gradient_of(param).layout is torch.strided for param in params)
    return False


def _can_run(forms: Sequence[ListForm], states: _States, hypers: Mapping[str, Any]) -> bool:
    """Whether the list forms find each value where they look for it."""
    return all(form.needs <= hypers.keys() for form in forms) and all(map(HYPERS.isdisjoint, states))
