"""Mean and standard deviation of activations during training."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from ..sequences import is_dict, is_listy
from .hook_callback import HookCallback

__all__ = ["ActivationStats"]


class ActivationStats(HookCallback):
    """Records mean and standard deviation of the outputs of modules, batch by batch.

    Of several outputs the first tensor counts; where there is none, or a module is not used in a batch,
    both are NaN. Values stay on their device until training ends.

    Args:
        learn: the learner.
        modules: modules to watch; the layers of the model that have a weight if None.
        do_remove: whether hooks are removed at the end of training.

    Attributes:
        stats: after a fit a tensor `(2, modules, training batches)` on the CPU, means first.
    """

    exclude = (*HookCallback.exclude, "stats")

    def on_train_begin(self, **kwargs: Any) -> None:
        """Start empty."""
        super().on_train_begin(**kwargs)
        self.stats: Any = []

    def on_batch_begin(self, train: bool, **kwargs: Any) -> None:
        """Forget the batch before."""
        for hook in self.hooks if train else ():
            hook.stored = None

    def hook(self, m: nn.Module, i: Any, o: Any) -> Any:
        """Return mean and standard deviation of an output, None where nothing is trained."""
        return _mean_and_std(o) if torch.is_grad_enabled() else None

    def on_batch_end(self, train: bool, **kwargs: Any) -> None:
        """Keep the values of a training batch."""
        if train:
            self.stats.append(_stacked(self.hooks.stored))

    def on_train_end(self, **kwargs: Any) -> None:
        """Put the values of all batches together."""
        super().on_train_end(**kwargs)
        batches = [batch.cpu() for batch in self.stats]
        self.stats = torch.stack(batches, -1) if batches else torch.zeros(2, len(self.modules), 0)


def _mean_and_std(o: Any) -> Tensor:
    """Return mean and standard deviation of the first tensor in `o`, NaN for what is not defined."""
    x = _first_tensor(o)
    if x is None or not x.numel():
        return torch.full((2,), torch.nan)
    x = x.detach().float()
    spread = x.std() if x.numel() > 1 else torch.full_like(x.mean(), torch.nan)
    return torch.stack([x.mean(), spread])


def _first_tensor(o: Any) -> Tensor | None:
    if isinstance(o, Tensor):
        return o
    parts = o if is_listy(o) else o.values() if is_dict(o) else ()
    return next((found for found in map(_first_tensor, parts) if found is not None), None)


def _stacked(stored: list[Any]) -> Tensor:
    """The values of one batch, `(2, modules)`, on the device of the first; NaN where there are none."""
    values = [_mean_and_std(None) if each is None else torch.as_tensor(each) for each in stored]
    return torch.stack([value.to(values[0].device) for value in values], 1)
