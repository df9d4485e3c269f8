"""`GatherPredsCallback`: keeps or writes the predictions of a validation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from ..atomic_file import atomic_write
from ..nested import to_detach
from ..sequences import first_el
from .callback import Callback

__all__ = ["GatherPredsCallback"]


class GatherPredsCallback(Callback):
    """Collects, on the CPU, what a validation gives.

    Args:
        with_input: whether to keep the inputs.
        with_loss: whether to keep the loss of each sample; the loss function must not reduce it.
        save_preds, save_targs: folders to write each batch's predictions and targets to, one file a batch.
        with_preds, with_targs: whether to keep predictions and targets.
        concat_dim: dimension to join the batches along; None leaves lists of batches.
        pickle_protocol: of the files.
    """

    _stateattrs = ("preds", "targets", "inputs", "losses")

    def __init__(
        self,
        with_input: bool = False,
        with_loss: bool = False,
        save_preds: Any = None,
        save_targs: Any = None,
        with_preds: bool = True,
        with_targs: bool = True,
        concat_dim: int | None = 0,
        pickle_protocol: int = 2,
    ) -> None:
        super().__init__()
        self.with_input, self.with_loss = with_input, with_loss
        self.save_preds, self.save_targs = save_preds, save_targs
        self.with_preds, self.with_targs = with_preds, with_targs
        self.concat_dim, self.pickle_protocol = concat_dim, pickle_protocol
        self._empty()

    def _empty(self) -> None:
        self.inputs: Any = []
        self.preds: Any = []
        self.targets: Any = []
        self.losses: Any = []

    def before_validate(self) -> None:
        """Start with nothing."""
        self._empty()

    def before_batch(self) -> None:
        """Keep the inputs, as callbacks before this one left them."""
        if self.with_input and not self.training:
            self.inputs.append(_alone(to_detach(self.xb)))

    def after_batch(self) -> None:
        """Keep or write the batch."""
        if self.training:
            return
        preds, targets = to_detach(self.pred), _alone(to_detach(self.yb))
        if self.with_preds:
            self.preds.append(preds)
        if self.with_targs:
            self.targets.append(targets)
        self._write(self.save_preds, preds)
        self._write(self.save_targs, targets)
        if self.with_loss:
            size, loss = len(first_el(self.yb)), to_detach(self.loss)
            self.losses.append(loss if loss.numel() == size else loss.view(size, -1).mean(1))

    def _write(self, folder: Any, items: Any) -> None:
        if folder is None:
            return
        with atomic_write(Path(folder) / str(self.iter)) as file:
            torch.save(items, file, pickle_protocol=self.pickle_protocol)

    def after_validate(self) -> None:
        """Join the batches."""
        if self.concat_dim is not None:
            for name in self._stateattrs:
                setattr(self, name, _joined(getattr(self, name), self.concat_dim))

    def all_tensors(self) -> list[Any]:
        """Inputs if asked for, predictions, targets, and losses if asked for; None for what was left out."""
        found = [self.preds if self.with_preds else None, self.targets if self.with_targs else None]
        return [self.inputs] * self.with_input + found + [self.losses] * self.with_loss


def _alone(items: Any) -> Any:
    return items[0] if len(items) == 1 else items


def _joined(batches: Sequence[Any], dim: int) -> Any:
    """The batches as one, part by part where a batch has several."""
    if not batches or isinstance(batches, torch.Tensor):
        return batches
    if isinstance(batches[0], (list, tuple)):
        return type(batches[0])(_joined(parts, dim) for parts in zip(*batches, strict=True))
    return torch.cat(list(batches), dim=dim) if isinstance(batches[0], torch.Tensor) else list(batches)
