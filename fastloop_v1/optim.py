"""`OptimWrapper`: a torch optimizer whose hyper-parameters are set by layer group, with true weight decay."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from .defaults import defaults
from .errors import HyperParameterError
from .hyper_views import HyperViews
from .modules import split_no_wd_params
from .names import with_v1_signature
from .optimizer_forms import decay_, decays_inside, take_step, use_foreach, use_fused
from .sequences import is_listy, listify

__all__ = ["AdamW", "FakeOptimizer", "OptimFunction", "OptimWrapper"]

OptimFunction = Callable[..., Optimizer]
AdamW = partial(torch.optim.Adam, betas=(0.9, 0.99))

_HYPERS = ("lr", "mom", "beta", "wd")
_CLASSIC = ("params", "lr", "momentum", "alpha", "betas", "weight_decay")


class OptimWrapper(HyperViews):
    """Wraps an optimizer with two parameter groups for each layer group: with and without weight decay.

    `lr`, `mom`, `beta` and `wd` read as the last layer group's value and are written as one value for all
    or a list with one value for each layer group. `mom` is the optimizer's `momentum` or `betas[0]`, `beta`
    its `betas[1]` or `alpha`; an optimizer that has neither remembers what is written without effect.

    Args:
        opt: the inner optimizer; its parameter groups come in pairs (weights, then no-decay parameters).
        wd: weight decay, at least 0.
        true_wd: True multiplies parameters by `1 - lr * wd` before each step (Loshchilov and Hutter,
            Decoupled Weight Decay Regularization, arXiv:1711.05101); False hands `wd` to the optimizer.
        bn_wd: False spares the second group of each pair.
        fused: True lets the optimizer do its step in one kernel: faster, with other last bits.

    Raises:
        AssertionError: `opt` is an OptimWrapper already.
        HyperParameterError: `opt` has no fused form.
    """

    opt: Optimizer
    opt_func: OptimFunction
    _lr: list[Any]
    _wd: list[Any]
    _mom: list[Any] | None = None
    _beta: list[Any] | None = None

    @with_v1_signature
    def __init__(
        self,
        opt: Optimizer,
        wd: Any = 0.0,
        true_wd: bool = False,
        bn_wd: bool = True,
        *,
        fused: bool = False,
    ) -> None:
        if isinstance(opt, OptimWrapper):
            raise AssertionError("opt is an OptimWrapper; wrap its inner optimizer `opt.opt` instead.")
        self.opt, self.true_wd, self.bn_wd, self.fused = opt, true_wd, bn_wd, fused
        if fused:
            use_fused(opt)
        else:
            use_foreach(opt)
        self.opt_keys = [key for key in opt.param_groups[0] if key != "params"]
        self.read_defaults()
        self.wd = wd

    @classmethod
    @with_v1_signature
    def create(
        cls,
        opt_func: OptimFunction,
        lr: Any,
        layer_groups: Sequence[nn.Module],
        wd: Any = 0.0,
        true_wd: bool = False,
        bn_wd: bool = True,
        *,
        fused: bool = False,
    ) -> OptimWrapper:
        """Return a wrapper around `opt_func`'s optimizer over layer groups; `lr`, `wd` single or by group."""
        groups = [{"params": params, "lr": 0.0} for params in split_no_wd_params(layer_groups)]
        wrapper = cls(opt_func(groups), wd=wd, true_wd=true_wd, bn_wd=bn_wd, **_only_if(fused=fused))
        wrapper.lr, wrapper.opt_func = listify(lr, layer_groups), opt_func
        return wrapper

    def new(self, layer_groups: Sequence[nn.Module], split_no_wd: bool = True) -> OptimWrapper:
        """Return a fresh optimizer over other layer groups, with this one's lr, wd, mom and beta.

        Each layer group keeps its own values if there are as many as before; else all get the last ones.

        Args:
            layer_groups: modules, or with `split_no_wd=False` ready lists of parameters in pairs.
        """
        params = split_no_wd_params(layer_groups) if split_no_wd else layer_groups
        return self.new_with_params(params)

    def new_with_params(self, param_groups: Sequence[Any]) -> OptimWrapper:
        """Return a fresh optimizer over these lists of parameters, in pairs as in `param_groups`."""
        func: OptimFunction = self.__dict__.get("opt_func") or type(self.opt)
        groups = [{"params": params, "lr": 0.0} for params in param_groups]
        options = _only_if(fused=self.__dict__.get("fused", False))
        wrapper = type(self)(func(groups), true_wd=self.true_wd, bn_wd=self.bn_wd, **options)
        wrapper.opt_func = func
        for name in ("wd", "lr", "mom", "beta"):
            own = getattr(self, f"_{name}")
            one_for_all = defaults.v1_quirks or not own or len(own) != len(wrapper.lrs)
            setattr(wrapper, name, getattr(self, name) if one_for_all else list(own))
        return wrapper

    def __repr__(self) -> str:
        return f"OptimWrapper over {self.opt!r}.\nTrue weight decay: {self.true_wd}"

    # --- what an optimizer does ---------------------------------------------------------------------------

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Decay the weights if `true_wd`, then step; a closure goes to the inner optimizer."""
        if self.true_wd:
            self._decay()
        return take_step(self.opt) if closure is None else take_step(self.opt, closure)

    def _decay(self) -> None:
        if decays_inside(self.opt):
            for at, group in enumerate(self.opt.param_groups):
                wd = self._wd[at // 2] if self.bn_wd or at % 2 == 0 else 0.0
                group.update(weight_decay=wd, decoupled_weight_decay=True)
            return
        for groups in self._pairs() if self.bn_wd else self._pairs()[:1]:
            for lr, wd, group in zip(self._lr, self._wd, groups, strict=False):
                params = [param for param in group["params"] if param.grad is not None]
                decay_(params, 1 - wd * lr)
        # v1: the inner decay is switched off at the first step only, not when wd is set.
        self.set_val("weight_decay", listify(0, self._wd))

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Clear the gradients of all parameters."""
        if not set_to_none or type(self.opt).zero_grad is not Optimizer.zero_grad:
            self.opt.zero_grad(set_to_none=set_to_none)
            return
        # What torch does too, without the questions it asks before.
        for group in self.opt.param_groups:
            for param in group["params"]:
                param.grad = None

    def clear(self) -> None:
        """Forget the inner optimizer's state; hyper-parameters stay."""
        state = self.opt.state_dict()
        state["state"] = {}
        self.opt.load_state_dict(state)

    @property
    def n_params(self) -> int:
        """Number of parameter tensors."""
        return sum(len(group["params"]) for group in self.opt.param_groups)

    def __getattr__(self, name: str) -> Any:
        # v1: attributes of the inner optimizer pass through and an unknown one is None, not an error.
        if name.startswith("__") or name == "opt":
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        return getattr(self.opt, name, None)

    def __setstate__(self, data: dict[str, Any]) -> None:
        self.__dict__.update(data)

    # --- hyper-parameters ---------------------------------------------------------------------------------

    @property
    def lr(self) -> Any:
        """Learning rate of the last layer group."""
        return self._lr[-1]

    @lr.setter
    def lr(self, val: Any) -> None:
        self._lr = self.set_val("lr", _for_each(self._lr, val))

    @property
    def lrs(self) -> list[Any]:
        """Learning rate of each layer group."""
        return list(self._lr)

    def scale_lr(self, factor: float) -> None:
        """Multiply the learning rate of each layer group."""
        self.lr = [lr * factor for lr in self._lr]

    @property
    def mom(self) -> Any:
        """Momentum (or first beta) of the last layer group; None if the optimizer has neither."""
        return self._mom[-1] if self._mom else None

    @mom.setter
    def mom(self, val: Any) -> None:
        if val is None:
            return
        values = _for_each(self._mom or self._lr, val)
        if "momentum" in self.opt_keys:
            self.set_val("momentum", values)
        elif "betas" in self.opt_keys:
            self.set_val("betas", (values, self._beta))
        self._mom = values

    @property
    def beta(self) -> Any:
        """Second beta (or alpha) of the last layer group; None if the optimizer has neither."""
        return self._beta[-1] if self._beta else None

    @beta.setter
    def beta(self, val: Any) -> None:
        if val is None:
            return
        values = listify(val, self._beta or self._lr)
        if "betas" in self.opt_keys:
            self.set_val("betas", (self._mom, values))
        elif "alpha" in self.opt_keys:
            self.set_val("alpha", values)
        self._beta = values

    @property
    def wd(self) -> Any:
        """Weight decay of the last layer group."""
        return self._wd[-1]

    @wd.setter
    def wd(self, val: Any) -> None:
        values = listify(val, self._wd)
        if not self.true_wd:
            self.set_val("weight_decay", values, bn_groups=self.bn_wd)
        self._wd = values

    def read_defaults(self) -> None:
        """Take over the hyper-parameters that stand in the inner optimizer's groups now."""
        groups = len(self.opt.param_groups[::2])
        self._lr = self.read_val("lr") if "lr" in self.opt_keys else [None] * groups
        # v1: an optimizer without weight decay of its own gets one value, so that true decay reaches the
        # first layer group only.
        self._wd = self.read_val("weight_decay") if "weight_decay" in self.opt_keys else [0.0]
        self._mom = self.read_val("momentum") if "momentum" in self.opt_keys else None
        self._beta = None
        if "alpha" in self.opt_keys:
            self._beta = self.read_val("alpha")
        if "betas" in self.opt_keys:
            self._mom, self._beta = self.read_val("betas")
        self._stats = {key: self.read_val(key) for key in self.opt_keys if key not in _CLASSIC}

    def get_stat(self, name: str) -> Any:
        """The last layer group's value of any hyper-parameter.

        Raises:
            HyperParameterError: the optimizer has none of this name.
        """
        if name in _HYPERS:
            return getattr(self, name)
        self._check_known(name)
        return self._pairs()[0][-1][name]

    def set_stat(self, name: str, value: Any) -> None:
        """Set any hyper-parameter by name: one value for all, or a list with one for each layer group.

        Raises:
            HyperParameterError: the optimizer has none of this name.
            LengthMismatchError: the list is too long or too short.
        """
        if name in _HYPERS:
            setattr(self, name, value)
            return
        groups = len(self._pairs()[0])
        # A tuple is one value where the hyper-parameter is one, such as Rprop's `etas`.
        single = not is_listy(value) or (isinstance(value, tuple) and isinstance(self.get_stat(name), tuple))
        self._stats[name] = self.set_val(name, [value] * groups if single else listify(value, groups))

    def set_val(self, key: str, val: Any, bn_groups: bool = True) -> Any:
        """Write one value for each layer group into the inner groups and return the values.

        Args:
            key: name in the inner parameter groups.
            val: list of values, or a pair of lists for a key that holds pairs such as `betas`.
            bn_groups: False leaves the second group of each pair as it is.

        Raises:
            HyperParameterError: the optimizer has no such key. Optimizers without weight decay are let be.
        """
        if key == "weight_decay" and key not in self.opt_keys:
            return val
        groups = self.opt.param_groups
        if key not in groups[0]:
            self._check_known(key)
        values = list(zip(*val, strict=True)) if isinstance(val, tuple) else val
        # A foreign optimizer may have a last group without a partner.
        for at in range(0, min(len(groups), 2 * len(values)), 1 if bn_groups else 2):
            groups[at][key] = values[at // 2]
        return values

    def read_val(self, key: str) -> Any:
        """The values of a key in the first group of each pair; two lists for a key that holds pairs.

        Raises:
            HyperParameterError: the optimizer has no such key.
        """
        self._check_known(key)
        values = [group[key] for group in self.opt.param_groups[::2]]
        if isinstance(values[0], tuple):
            return [value[0] for value in values], [value[1] for value in values]
        return values

    def _pairs(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        return self.opt.param_groups[::2], self.opt.param_groups[1::2]

    def _check_known(self, key: str) -> None:
        if key not in self.opt.param_groups[0]:
            known = ", ".join(sorted([*_HYPERS, *self.opt_keys]))
            raise HyperParameterError(
                f"{type(self.opt).__name__} has no hyper-parameter {key!r}; it has: {known}."
            )

    # --- state --------------------------------------------------------------------------------------------

    def get_state(self) -> dict[str, Any]:
        """Everything needed to make this optimizer again over the same layer groups."""
        return {
            "opt_state": self.opt.state_dict(),
            "lr": self._lr,
            "wd": self._wd,
            "beta": self._beta,
            "mom": self._mom,
            "opt_func": self.opt_func,
            "true_wd": self.true_wd,
            "bn_wd": self.bn_wd,
        }

    @classmethod
    def load_with_state_and_layer_group(
        cls, state: dict[str, Any], layer_groups: Sequence[nn.Module]
    ) -> OptimWrapper:
        """Return the optimizer that `get_state` described, over `layer_groups`."""
        options = {key: state[key] for key in ("wd", "true_wd", "bn_wd")}
        wrapper = cls.create(state["opt_func"], state["lr"], layer_groups, **options)
        # v1: the lists are taken over before the inner state, which then has the last word in the groups.
        wrapper._mom, wrapper._beta = state["mom"], state["beta"]
        wrapper.load_state_dict(state["opt_state"])
        return wrapper

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Load the inner optimizer's state."""
        self.opt.load_state_dict(state)

    def state_dict(self) -> dict[str, Any]:
        """The inner optimizer's state."""
        return self.opt.state_dict()

    @property
    def params(self) -> Iterable[torch.nn.Parameter]:
        """All parameters, group by group."""
        return (param for group in self.opt.param_groups for param in group["params"])


def _only_if(**flags: bool) -> dict[str, bool]:
    """The flags that are set: subclasses may take v1's arguments only."""
    return {name: True for name, flag in flags.items() if flag}


def _for_each(groups: list[Any], val: Any) -> list[Any]:
    """One value for each layer group, from one for all or a list of them."""
    return [val] * len(groups) if isinstance(val, float) else listify(val, groups)


class FakeOptimizer:
    """An optimizer that leaves everything as it is, to go backward without stepping."""

    def step(self) -> None:
        """Leave the parameters as they are."""

    def zero_grad(self) -> None:
        """Leave the gradients as they are."""
