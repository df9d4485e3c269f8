"""`Optimizer`: an optimizer made of steppers, as in fastai v2, that is an optimizer of torch too."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import ArgumentError, FastloopWarning
from ..sequences import even_mults
from .param_groups import ParamGroup, as_group_dicts
from .steppers import Stepper
from .stepping import Steps, defaults_of

__all__ = ["Optimizer"]

_KEPT = ("force_train", "do_wd")


class _OfLast:
    """A hyper-parameter of the last group under v1's name; None if there is none.

    Written as in `set_hyper`; None leaves it as it is.

    Args:
        name: v2's name of it.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, opt: Any, owner: type | None = None) -> Any:
        return self if opt is None else opt.hypers[-1].get(self.name)

    def __set__(self, opt: Any, value: Any) -> None:
        if value is not None:
            opt.set_hyper(self.name, value)


class Optimizer(torch.optim.Optimizer):
    """Calls steppers for each parameter that has a gradient, with its state and its group's hyper-parameters.

    A dict that a stepper returns goes into the parameter's state, where the next stepper finds it; other
    results are ignored. A hyper-parameter wins over a state of the same name. `opt.state[p]` is the state,
    `opt.hypers` a list of one live dict for each group, and `opt.param_groups` are live views of both
    parameters and hyper-parameters. Made from torch's group dicts, which is how `OptimWrapper` and a Learner
    make it, the views list their keys in torch's words (`momentum`, `alpha`, `weight_decay` for `mom`,
    `sqr_mom`, `wd`) and `state_dict` has torch's shape; both words are understood either way.

    Args:
        params: a list of lists of parameters, of parameters (one group), or of dicts with `params` and
            hyper-parameters of their own.
        cbs: steppers, in the order they run.
        defaults: hyper-parameters, over those that the steppers have for default; values as in `set_hyper`.

    Raises:
        ArgumentError: a parameter is in two groups.
    """

    # The groups stand in for the dicts of torch, which its annotation names.
    param_groups: list[Any]

    # v1's loop, recorder and schedulers read and write these.
    lr = _OfLast("lr")
    mom = _OfLast("mom")
    beta = _OfLast("sqr_mom")
    wd = _OfLast("wd")

    def __init__(self, params: Any, cbs: Sequence[Stepper], /, **defaults: Any) -> None:
        groups, self.in_torch_words = as_group_dicts(params)
        self.cbs, self.steps, self.frozen_idx = list(cbs), Steps(cbs), 0
        hypers = {k: v for stepper in self.cbs for k, v in defaults_of(stepper).items()} | defaults
        super().__init__([{"params": group["params"]} for group in groups], hypers)
        self.set_hypers(**hypers)
        for group, given in zip(self.param_groups, groups, strict=True):
            group.update({name: value for name, value in given.items() if name != "params"})
        self.defaults = dict(ParamGroup([], hypers, in_torch_words=self.in_torch_words))
        del self.defaults["params"]

    def __getstate__(self) -> dict[str, Any]:
        # torch's own list leaves out what a subclass adds.
        names = ("cbs", "steps", "frozen_idx", "in_torch_words")
        return {**super().__getstate__(), **{name: getattr(self, name) for name in names}}

    # --- groups -------------------------------------------------------------------------------------------

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group: a dict with `params` and hyper-parameters; others are those of the last group.

        Raises:
            ArgumentError: a parameter is in a group already.
        """
        params = param_group["params"]
        params = [params] if isinstance(params, Tensor) else list(params)
        taken = {id(param) for group in self.param_groups for param in group.params}
        if len({id(param) for param in params} - taken) < len(params):
            number = len(self.param_groups)
            raise ArgumentError(f"group {number} has a parameter twice, or one of another group.")
        hypers = self.param_groups[-1].hypers if self.param_groups else {}
        group = ParamGroup(params, hypers, in_torch_words=self.in_torch_words)
        group.update({name: value for name, value in param_group.items() if name != "params"})
        self.param_groups.append(group)

    @property
    def hypers(self) -> list[dict[str, Any]]:
        """Hyper-parameters of each group, by v2's words; writing to these dicts acts."""
        return [group.hypers for group in self.param_groups]

    @property
    def lrs(self) -> list[Any]:
        """Learning rate of each group."""
        return [hypers["lr"] for hypers in self.hypers]

    @property
    def param_lists(self) -> list[list[Tensor]]:
        """Parameters of each group."""
        return [group.params for group in self.param_groups]

    def all_params(
        self, n: Any = slice(None), *, with_grad: bool = False
    ) -> list[tuple[Tensor, list[Tensor], dict[str, Any], dict[str, Any]]]:
        """Return each parameter with its group's parameters, its state and its hyper-parameters.

        Args:
            n: number or slice of the groups.
            with_grad: leave out parameters without a gradient.
        """
        groups = self.param_groups[n] if isinstance(n, slice) else [self.param_groups[n]]
        every = ((param, group) for group in groups for param in group.params)
        return [
            (param, group.params, self.state[param], group.hypers)
            for param, group in every
            if param.grad is not None or not with_grad
        ]

    def set_hypers(self, **kwargs: Any) -> None:
        """Set several hyper-parameters, each as in `set_hyper`."""
        for name, value in kwargs.items():
            self.set_hyper(name, value)

    def set_hyper(self, k: str, v: Any) -> None:
        """Set a hyper-parameter.

        Args:
            k: its name, known or new.
            v: one value for all groups, or a list with one for each; `slice(start, stop)` goes up by equal
                factors from group to group, and `slice(stop)` gives all but the last a tenth of it.

        Raises:
            AssertionError: the list is too long or too short.
        """
        for group, value in zip(self.param_groups, self._by_group(k, v), strict=True):
            group[k] = value

    def _by_group(self, name: str, value: Any) -> list[Any]:
        groups = len(self.param_groups)
        if isinstance(value, slice):
            return _spread(value, groups)
        is_array = isinstance(value, (np.ndarray, Tensor)) and value.ndim > 0
        if not is_array and not isinstance(value, (list, tuple)):
            return [value] * groups
        values = list(value.tolist() if is_array else value)
        if len(values) == 1 and not is_array:
            return values * groups
        if len(values) != groups:
            # v2: the plain error, and an array of one value is not spread.
            raise AssertionError(
                f"{name} has {len(values)} values for {groups} parameter groups; give one for each, or one."
            )
        return values

    # --- steps --------------------------------------------------------------------------------------------

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]  # no loss to return
        """Run the steppers for each parameter that has a gradient.

        Raises:
            NotImplementedError: a closure was given.
        """
        if closure is not None:
            raise NotImplementedError("step takes no closure; compute the loss and its gradients before it.")
        self._take_step()

    def _take_step(self) -> None:
        for group in self.param_groups:
            params = [param for param in group.params if param.grad is not None]
            self.steps(params, [self.state[param] for param in params], group.hypers)

    def zero_grad(self, set_to_none: bool = False) -> None:
        """Detach and zero the gradients of all parameters, or drop them."""
        for group in self.param_groups:
            for param in group.params:
                if set_to_none:
                    param.grad = None
                elif param.grad is not None:
                    param.grad.detach_().zero_()

    # --- freezing -----------------------------------------------------------------------------------------

    def freeze_to(self, n: int) -> None:
        """Train groups from number `n` on (negative: from the end).

        Parameters below stay trainable where their state has a true `force_train`; a warning is given if no
        group is left. Only `requires_grad` changes: a gradient that is there still acts.
        """
        self.frozen_idx = n if n >= 0 else len(self.param_groups) + n
        if self.frozen_idx >= len(self.param_groups):
            text = f"Freezing {self.frozen_idx} groups of {len(self.param_groups)}: the model is frozen."
            warnings.warn(text, FastloopWarning, stacklevel=2)
        for number, group in enumerate(self.param_groups):
            for param in group.params:
                forced = bool(self.state.get(param, {}).get("force_train", False))
                param.requires_grad_(number >= self.frozen_idx or forced)

    def freeze(self) -> None:
        """Train the last group only.

        Raises:
            AssertionError: there is only one.
        """
        if len(self.param_groups) < 2:
            # v2: the plain error.
            raise AssertionError(
                "freeze leaves the last of several parameter groups; this optimizer has one."
            )
        self.freeze_to(-1)

    def unfreeze(self) -> None:
        """Train all groups."""
        self.freeze_to(0)

    # --- state --------------------------------------------------------------------------------------------

    def clear_state(self) -> None:
        """Forget the states of all parameters but their `force_train` and `do_wd`."""
        for param, state in list(self.state.items()):
            self.state[param] = {name: state[name] for name in _KEPT if name in state}

    def state_dict(self) -> dict[str, Any]:
        """States and hyper-parameters, live as torch's are: later steps change them.

        From torch's groups the dict is torch's: `state` by number of the parameter, and `param_groups`.
        Otherwise it is v2's: `state` as a list in order of the parameters, and `hypers`, one dict a group.
        """
        states = [self.state[param] for params in self.param_lists for param in params]
        if not self.in_torch_words:
            return {"state": states, "hypers": self.hypers}
        numbers = iter(range(len(states)))
        groups = [{**group, "params": [next(numbers) for _ in group.params]} for group in self.param_groups]
        return {"state": {i: state for i, state in enumerate(states) if state}, "param_groups": groups}

    @torch.no_grad()
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over states and hyper-parameters of either shape; they are copied.

        Raises:
            AssertionError: v2's shape, and the numbers of groups or parameters differ.
            ArgumentError: torch's shape, and they differ, or another kind of optimizer wrote it.
        """
        sizes = [len(params) for params in self.param_lists]
        if "hypers" in state_dict:
            groups, states = _read_v2(state_dict, sizes)
        else:
            groups, states = _read_torch(state_dict, sizes, self.defaults)
        for group, hypers in zip(self.param_groups, groups, strict=True):
            group.replace_hypers(copy.deepcopy(hypers))
        params = [param for params in self.param_lists for param in params]
        self.state.clear()
        for param, state in zip(params, states, strict=True):
            if state:
                self.state[param] = {name: _copied(value, param) for name, value in state.items()}


def _spread(span: slice, groups: int) -> list[Any]:
    if groups == 1:
        return [span.stop]
    if span.start:
        return list(map(float, even_mults(span.start, span.stop, groups)))
    return [span.stop / 10] * (groups - 1) + [span.stop]


_Read = tuple[list[dict[str, Any]], list[dict[str, Any]]]


def _read_v2(state_dict: dict[str, Any], sizes: list[int]) -> _Read:
    groups, states = state_dict["hypers"], state_dict["state"]
    # v2: the plain errors.
    if len(groups) != len(sizes):
        raise AssertionError(
            f"the state has {len(groups)} parameter groups; this optimizer has {len(sizes)}."
        )
    if len(states) != sum(sizes):
        raise AssertionError(f"the state has {len(states)} parameters; this optimizer has {sum(sizes)}.")
    return groups, states


def _read_torch(state_dict: dict[str, Any], sizes: list[int], defaults: dict[str, Any]) -> _Read:
    groups = state_dict["param_groups"]
    # torch gives this one to each of its own optimizers, and to the defaults of every copy.
    wanted = set(ParamGroup([], defaults, in_torch_words=True)) - {"differentiable"}
    missing = {name for group in groups for name in wanted - group.keys()}
    if missing or any("differentiable" in group for group in groups):
        what = f" has no {', '.join(sorted(missing))};" if missing else ":"
        raise ArgumentError(f"the state{what} another kind of optimizer wrote it.")
    numbers = [number for group in groups for number in group["params"]]
    if [len(group["params"]) for group in groups] != sizes:
        raise ArgumentError(
            f"the state has groups of {[len(group['params']) for group in groups]} parameters; "
            f"this optimizer has {sizes}."
        )
    hypers = [{name: value for name, value in group.items() if name != "params"} for group in groups]
    return hypers, [state_dict["state"].get(number, {}) for number in numbers]


def _copied(value: Any, param: Tensor) -> Any:
    if isinstance(value, Tensor):
        return value.detach().to(param.device, copy=True)
    return copy.deepcopy(value)
