"""Hyper-parameters of an `OptimWrapper` as fastai v2 has them: one live mapping for each layer group."""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from itertools import zip_longest
from numbers import Number
from typing import Any

import numpy as np
from torch import Tensor

from .errors import NotOfferedError
from .sequences import LengthMismatchError, even_mults

__all__ = ["HyperView", "HyperViews"]

# v2's word, the wrapper's.
_WORDS = {"lr": "lr", "mom": "mom", "sqr_mom": "beta", "wd": "wd"}
_TORCH_WORDS = {"params", "lr", "momentum", "alpha", "betas", "weight_decay"}


class HyperView(MutableMapping[str, Any]):
    """The hyper-parameters of one layer group; what is written is in the optimizer at once.

    Those that are numbers are listed, as loggers expect; flags and pairs of the optimizer, such as torch's
    `nesterov` or `foreach`, are read and written by their names too.

    Args:
        wrapper: the wrapper.
        group: number of the layer group.
    """

    def __init__(self, wrapper: Any, group: int) -> None:
        self.wrapper, self.group = wrapper, group

    def _values(self, name: str) -> list[Any]:
        """The values of all layer groups; none if the optimizer has no such hyper-parameter."""
        groups = self.wrapper.opt.param_groups[::2]
        if name not in _WORDS:
            return [group[name] for group in groups if name not in _TORCH_WORDS and name in group]
        values = vars(self.wrapper).get(f"_{_WORDS[name]}") or []
        return list(values) * len(groups) if len(values) == 1 else list(values)

    def __getitem__(self, name: str) -> Any:
        values = self._values(name)
        if not values:
            raise KeyError(name)
        return values[self.group]

    def __setitem__(self, name: str, value: Any) -> None:
        values = self._values(name) or [None] * len(self.wrapper.hypers)
        values[self.group] = value
        self.wrapper.set_stat(_WORDS.get(name, name), values)

    def __delitem__(self, name: str) -> None:
        raise TypeError(f"{name!r} is a hyper-parameter of the optimizer and cannot be taken away.")

    def __iter__(self) -> Iterator[str]:
        others = (name for name in self.wrapper.opt.param_groups[0] if name not in _TORCH_WORDS)
        return (name for name in (*_WORDS, *others) if self._values(name) and _is_number(self[name]))

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __repr__(self) -> str:
        return repr(dict(self))


class HyperViews:
    """What v2 code calls on an optimizer, beside v1's `lr`, `mom`, `beta` and `wd`."""

    opt: Any
    set_stat: Any
    clear: Any

    @property
    def hypers(self) -> list[HyperView]:
        """For each layer group its hyper-parameters by v2's names: `lr`, `mom`, `sqr_mom`, `wd`, others."""
        return [HyperView(self, group) for group in range(len(self.opt.param_groups[::2]))]

    @property
    def param_lists(self) -> list[list[Tensor]]:
        """Parameters of each layer group."""
        weights, others = self.opt.param_groups[::2], self.opt.param_groups[1::2]
        nothing: dict[str, Any] = {"params": []}
        pairs = zip_longest(weights, others, fillvalue=nothing)
        return [[*first["params"], *second["params"]] for first, second in pairs]

    def all_params(
        self,
        n: Any = slice(None),
        with_grad: bool = False,  # noqa: FBT001, FBT002  (v2's signature)
    ) -> list[tuple[Tensor, list[Tensor], Any, HyperView]]:
        """Return each parameter with its layer group's parameters, its state and hyper-parameters.

        Args:
            n: number or slice of the layer groups.
            with_grad: whether to leave out parameters without a gradient.
        """
        groups = list(zip(self.param_lists, self.hypers, strict=True))
        return [
            (param, params, self.opt.state[param], hypers)
            for params, hypers in (groups[n] if isinstance(n, slice) else [groups[n]])
            for param in params
            if param.grad is not None or not with_grad
        ]

    def set_hyper(self, k: str, v: Any) -> None:
        """Set a hyper-parameter by v2's name.

        Args:
            k: its name.
            v: one value for all layer groups, or a list or array with one each; `slice(start, stop)` goes
                up by equal factors, and `slice(stop)` gives all but the last group a tenth of it.

        Raises:
            HyperParameterError: the optimizer has none of this name.
            LengthMismatchError: the list is too long or too short.
        """
        groups = len(self.hypers)
        values = _spread(v, groups)
        if len(values) not in (1, groups):
            raise LengthMismatchError(f"{k} has {len(values)} values for {groups} layer groups.")
        self.set_stat(_WORDS.get(k, k), values * (groups // len(values)))

    def set_hypers(self, **kwargs: Any) -> None:
        """Set several hyper-parameters, each as in `set_hyper`."""
        for name, value in kwargs.items():
            self.set_hyper(name, value)

    def clear_state(self) -> None:
        """Forget what steps left for each parameter; hyper-parameters stay."""
        getattr(self.opt, "clear_state", self.clear)()

    def freeze_to(self, n: int) -> None:
        """Train groups from number `n` on, if the optimizer is v2's.

        Raises:
            NotOfferedError: it is torch's; freezing is up to the learner, who knows the layers.
        """
        inner = getattr(self.opt, "freeze_to", None)
        if inner is None:
            raise NotOfferedError(f"{type(self.opt).__name__} freezes nothing; call learn.freeze_to({n}).")
        inner(n)


def _is_number(value: Any) -> bool:
    if isinstance(value, (np.ndarray, Tensor)):
        return value.ndim == 0
    return isinstance(value, Number) and not isinstance(value, (bool, np.bool_))


def _spread(value: Any, groups: int) -> list[Any]:
    if isinstance(value, slice):
        if groups == 1:
            return [value.stop]
        if value.start:
            return list(even_mults(value.start, value.stop, groups).tolist())
        return [value.stop / 10] * (groups - 1) + [value.stop]
    if isinstance(value, (np.ndarray, Tensor)) and value.ndim > 0:
        return list(value.tolist())
    return list(value) if isinstance(value, (list, tuple)) else [value]
