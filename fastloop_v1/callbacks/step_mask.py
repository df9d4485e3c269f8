"""Taking back what a batch with a bad loss did, on the device where it did it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

__all__ = ["StepMask", "copies"]

_Pairs = list[tuple[Tensor, Tensor | None]]


def copies(tensors: Iterable[Tensor]) -> _Pairs:
    """Return each tensor, once, with a copy of what it holds now."""
    once = {id(tensor): tensor for tensor in tensors if tensor.layout is torch.strided}
    return [(tensor, tensor.detach().clone()) for tensor in once.values()]


class StepMask:
    """Makes a batch with a loss that is NaN or infinite leave no trace, without a look at that loss.

    Its gradients give way to those there were before; after the step weights, optimizer state and buffers
    get their old values again. All of it is a choice between old and new by a flag that stays on the
    device. Counters of steps that an optimizer keeps on the CPU are set right when `read` is called.

    Args:
        learn: model and optimizer.
        lasting: whether each batch after a bad one is taken back too.
    """

    def __init__(self, learn: Any, *, lasting: bool) -> None:
        self.learn, self.lasting = learn, lasting
        self.bad: Tensor | None = None
        self._counts: Tensor | None = None
        self._buffers: _Pairs = []
        self._grads: _Pairs = []
        self._before: _Pairs = []
        self._stepping: list[Tensor] = []

    # --- a batch --------------------------------------------------------------------------------------------

    def begin_batch(self) -> None:
        """Keep the buffers, which the forward pass changes."""
        self._buffers = copies(self.learn.model.buffers())

    @torch.no_grad()
    def look(self, loss: Tensor) -> None:
        """Mark the batch as bad or good by its loss, before it goes backward."""
        bad = ~torch.isfinite(loss.detach()).all()
        earlier = self.bad if self.lasting else None
        self.bad = bad if earlier is None else bad | earlier
        self._grads = copies(param.grad for param in self._params() if param.grad is not None)

    @torch.no_grad()
    def before_step(self, loss: Tensor) -> None:
        """Take bad gradients back, also of a loss turned to NaN since `look`, and keep what a step changes.

        Args:
            loss: what the batch went backward from.
        """
        if self.bad is None:
            return
        self.bad = self.bad | torch.isnan(loss.detach()).any()
        before = {id(grad): copy for grad, copy in self._grads}
        self._stepping = [param for param in self._params() if param.grad is not None]
        grads = [param.grad for param in self._stepping if param.grad is not None]
        _choose(self.bad, [(g, before.get(id(g))) for g in grads if g.layout is torch.strided])
        self._grads, self._before = [], copies([*self._stepping, *self._state(self._stepping)])

    @torch.no_grad()
    def after_step(self, *, stepped: bool) -> None:
        """Take the step of a bad batch back, and count the batch.

        Args:
            stepped: whether the optimizer made a step.
        """
        if self.bad is None:
            return
        known = {id(tensor) for tensor, _ in self._before}
        # What the first step of all has made: nothing but zeros are as good as nothing.
        made = [tensor for tensor in self._state(self._stepping) if id(tensor) not in known]
        _choose(self.bad, [*self._before, *((tensor, None) for tensor in made), *self._buffers])
        self._before, self._stepping = [], []
        count = torch.stack([self.bad, self.bad & stepped]).long()
        self._counts = count if self._counts is None else self._counts + count

    def restore_buffers(self) -> None:
        """Give the buffers what they held when the batch began."""
        with torch.no_grad():
            for tensor, copy in self._buffers:
                tensor.copy_(tensor if copy is None else copy)

    def read(self) -> int:
        """Return how many batches were bad since the last call, waiting for the device."""
        if self._counts is None:
            return 0
        batches, steps = self._counts.tolist()
        self._counts = None
        if steps:
            self._count_back(steps)
        return int(batches)

    # --- what there is --------------------------------------------------------------------------------------

    def _params(self) -> list[Tensor]:
        """Parameters of the optimizer, and of the model if those are others."""
        params = [*self.learn.opt.params, *self.learn.model.parameters()]
        return list({id(param): param for param in params}.values())

    def _states(self, params: Iterable[Tensor]) -> list[dict[str, Any]]:
        states = self.learn.opt.opt.state
        return [states[param] for param in params if param in states]

    def _state(self, params: Iterable[Tensor]) -> list[Tensor]:
        """Tensors of the optimizer's state, but for counters on the CPU of what lies elsewhere."""
        values = [value for state in self._states(params) for name, value in state.items() if name != "step"]
        steps = [state["step"] for state in self._states(params) if _on_device(state.get("step"))]
        return [value for value in (*values, *steps) if isinstance(value, Tensor) and self._is_here(value)]

    def _is_here(self, tensor: Tensor) -> bool:
        return self.bad is not None and tensor.device.type == self.bad.device.type

    def _count_back(self, steps: int) -> None:
        for state in self._states(self._params()):
            if "step" in state and not _on_device(state["step"]):
                state["step"] -= steps


def _choose(bad: Tensor, pairs: _Pairs) -> None:
    """Give tensors their old value, or zeros if they had none, if the batch was bad."""
    for tensor, old in pairs:
        flag = bad.to(tensor.device, non_blocking=True)
        if old is None:
            tensor.masked_fill_(flag, 0)
        else:
            tensor.copy_(torch.where(flag, old, tensor))


def _on_device(step: Any) -> bool:
    return isinstance(step, Tensor) and not step.is_cpu
