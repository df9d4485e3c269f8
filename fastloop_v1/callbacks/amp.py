"""Mixed precision as torch does it today: `torch.autocast`, and `torch.amp.GradScaler` for float16."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ..errors import ArgumentError
from ..sequences import recurse
from .gradient_unscaling import LossScaling

if TYPE_CHECKING:
    from ..basic_train import Learner

__all__ = ["Autocast"]

_TYPES = (torch.float16, torch.bfloat16)


class Autocast(LossScaling):
    """Runs a float32 model in a 16-bit type where torch holds that to be safe; the loss stays float32.

    With float16 the gradient of the loss is scaled and the gradients are unscaled before other callbacks
    see them, as in `MixedPrecision`. Gradients that are infinite or NaN are thrown away and, unless earlier
    batches have left some, the step is skipped.

    Args:
        learn: the learner.
        dtype: `torch.float16`, or `torch.bfloat16`, which needs no scaling.
        scaler: scales float16's gradients; `torch.amp.GradScaler` with its defaults if None.

    Raises:
        ArgumentError: another type.
    """

    _order = 999
    exclude = (*LossScaling.exclude, "scaler", "_own_forward", "_running", "_scaled", "_earlier")

    def __init__(
        self,
        learn: Learner,
        dtype: torch.dtype = torch.float16,
        *,
        scaler: torch.amp.GradScaler | None = None,
    ) -> None:
        if dtype not in _TYPES:
            raise ArgumentError(f"dtype is {dtype}; it must be torch.float16 or torch.bfloat16.")
        super().__init__(learn)
        self.dtype = dtype
        if dtype is torch.float16 and scaler is None:
            scaler = torch.amp.GradScaler(_device_type(learn.model))
        self.scaler = scaler
        self._running: nn.Module | None = None
        self._own_forward: Any = None
        self._scaled = False
        self._earlier: list[tuple[nn.Parameter, Tensor]] = []

    # --- the forward pass -----------------------------------------------------------------------------------

    def on_batch_begin(self, **kwargs: Any) -> None:
        """Have the next forward pass run in the 16-bit type."""
        self._uncast()
        model = self._running = self.learn.model
        self._own_forward = model.__dict__.get("forward")
        model.forward = torch.autocast(_device_type(model), dtype=self.dtype)(model.forward)

    def on_loss_begin(self, last_output: Any, **kwargs: Any) -> dict[str, Any]:
        """End that, and turn the output to float32."""
        self._uncast()
        return {"last_output": recurse(_from_16_bit, last_output)}

    def on_train_end(self, **kwargs: Any) -> None:
        """Leave the model as it was, whatever happened in its forward pass."""
        self._uncast()

    def _uncast(self) -> None:
        model, self._running = self._running, None
        if model is None:
            return
        del model.forward
        if self._own_forward is not None:
            model.forward = self._own_forward

    # --- gradients ------------------------------------------------------------------------------------------

    def on_backward_begin(self, last_loss: Any, skip_bwd: Any = False, **kwargs: Any) -> None:
        """Scale the gradient of the loss; its value stays."""
        if self.scaler is None or skip_bwd or not last_loss.requires_grad:
            return
        # Gradients of earlier batches have their true size and wait aside until the new ones have it too.
        self._earlier = [(p, p.grad) for p in self.learn.opt.params if p.grad is not None]
        for param, _ in self._earlier:
            param.grad = None
        last_loss.register_hook(self.scaler.scale)
        self._scaled = True

    def unscale(self) -> dict[str, Any] | None:
        """Unscale the new gradients and add them to those of earlier batches, unless they overflowed."""
        if not self._scaled or self.scaler is None:
            return None
        self._scaled = False
        params = [param for param in self.learn.opt.params if param.grad is not None]
        probe = _Probe(params)
        if params:
            # The scaler steps what it takes for an optimizer only if all gradients are finite.
            self.scaler.step(cast(Optimizer, probe))
            self.scaler.update()
        earlier, self._earlier = self._earlier, []
        if not probe.stepped:
            for param in params:
                cast(Tensor, param.grad).zero_()
        for param, grad in earlier:
            param.grad = grad if param.grad is None else param.grad.add_(grad)
        return {"skip_step": True} if params and not probe.stepped and not earlier else None

    def on_backward_end(self, **kwargs: Any) -> dict[str, Any] | None:
        """Unscale, if nobody asked for it before."""
        return self.unscale()


class _Probe:
    """What the scaler takes for an optimizer: it only notes that it would have stepped."""

    def __init__(self, params: list[nn.Parameter]) -> None:
        self.param_groups = [{"params": params}]
        self.stepped = False

    def step(self) -> None:
        self.stepped = True


def _device_type(model: nn.Module) -> str:
    parameter = next(model.parameters(), None)
    return "cpu" if parameter is None else parameter.device.type


def _from_16_bit(x: Any) -> Any:
    return x.float() if isinstance(x, Tensor) and x.dtype in _TYPES else x
