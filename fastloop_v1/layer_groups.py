"""The part of a learner that holds layer groups, freezes them and makes the optimizer over them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import nn

from .arguments import check_count, check_numbers
from .defaults import defaults
from .errors import ArgumentTypeError, LayerGroupError
from .listeners import factories
from .modules import bn_types, requires_grad, split_model
from .optim import OptimWrapper
from .sequences import even_mults
from .weight_init import apply_init

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["LayerGroups"]


class LayerGroups:
    """Layer groups of a model, each with a learning rate of its own."""

    callback_fns: Any
    data: Any
    model: Any
    opt: Any
    opt_func: Any
    layer_groups: Any
    true_wd: bool
    bn_wd: bool
    train_bn: bool
    fused: bool
    _check_listeners: Callable[[Any], None]

    def lr_range(self, lr: Any) -> Any:
        """Return learning rates by layer group.

        Args:
            lr: `slice(stop)` gives all but the last group a tenth of it, `slice(start, stop)` goes up by
                equal factors; anything else is returned as it is.
        """
        if not isinstance(lr, slice):
            return lr
        groups = len(self.layer_groups)
        if lr.start and groups > 1:
            return even_mults(lr.start, lr.stop, groups)
        return np.array([lr.stop / 10] * (groups - 1) + [lr.stop])

    def _checked(self, epochs: Any, lr: Any, wd: Any, callbacks: Any = None) -> tuple[Any, Any, Any]:
        """Epochs, learning rates and weight decay as a fit takes them.

        Raises:
            ArgumentError: one of them cannot be one; nothing has changed then.
            NotACallbackError: an object among callbacks or metrics cannot be one; likewise.
        """
        if not hasattr(self.data, "train_dl"):
            raise ArgumentTypeError(f"data is {self.data!r}; it must be a DataBunch, or have a train_dl.")
        factories(self.callback_fns)
        self._check_listeners(callbacks)
        groups = len(self.layer_groups)
        epochs = check_count("epochs", epochs)
        check_numbers("lr", lr, 0, groups=groups, slices=True)
        check_numbers("wd", wd, 0, groups=groups)
        return epochs, self.lr_range(lr), wd

    def _set_opt(self, lr: Any, wd: Any) -> None:
        """Give the optimizer these hyper-parameters; make it first if there is none."""
        if getattr(self, "opt", None) is None:
            self.create_opt(lr, wd)
        else:
            self.opt.lr, self.opt.wd = lr, wd

    def create_opt(self, lr: Any, wd: Any = 0.0) -> None:
        """Make a new optimizer, without state, over the layer groups.

        Raises:
            ArgumentTypeError: `opt_func` cannot be called.
        """
        if not callable(self.opt_func):
            raise ArgumentTypeError(
                f"opt_func is {self.opt_func!r}; it must make an optimizer, such as AdamW."
            )
        options = {"wd": wd, "true_wd": self.true_wd, "bn_wd": self.bn_wd, "fused": self.fused}
        self.opt = OptimWrapper.create(self.opt_func, lr, self.layer_groups, **options)

    def init(self, init: Callable[..., Any]) -> None:
        """Initialize the model's layers, batch norm left as it is, with a function of `torch.nn.init`."""
        apply_init(self.model, init)

    def split(self, split_on: Any) -> Self:
        """Make layer groups that begin at these modules (or a function of the model that gives them)."""
        is_function = callable(split_on) and not isinstance(split_on, nn.Module)
        self.layer_groups = split_model(self.model, split_on(self.model) if is_function else split_on)
        return self

    def freeze_to(self, n: int) -> None:
        """Train layer groups from number `n` on (negative: from the end) and make a new optimizer.

        In the middle of a fit, rates and the other hyper-parameters stay as they are.
        """
        for group in self.layer_groups[:n]:
            for layer in group:
                if not (self.train_bn and isinstance(layer, bn_types)):
                    requires_grad(layer, b=False)
        for group in self.layer_groups[n:]:
            requires_grad(group, b=True)
        if self.__dict__.get("_in_fit") and isinstance(self.opt, OptimWrapper):
            # In place, for the schedulers that hold it.
            vars(self.opt).update(vars(self.opt.new(self.layer_groups)))
        else:
            self.create_opt(defaults.lr)

    def freeze(self) -> None:
        """Train the last layer group only.

        Raises:
            LayerGroupError: there is only one.
        """
        if len(self.layer_groups) < 2:
            raise LayerGroupError(
                "freeze leaves the last of several layer groups; this learner has one. Use split."
            )
        self.freeze_to(-1)

    def unfreeze(self) -> None:
        """Train all layer groups."""
        self.freeze_to(0)
