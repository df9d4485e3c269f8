"""Training in half precision with float32 master weights and a scaled loss, as v1 did it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.utils import clip_grad_norm_

from ..defaults import defaults
from ..errors import ArgumentError
from ..nested import to_float, to_half
from .gradient_unscaling import LossScaling
from .master_weights import MasterWeights, get_master, grad_overflow, master2model, model_g2master_g
from .optimizer_moves import move_optimizer

if TYPE_CHECKING:
    from ..basic_train import Learner
    from .master_weights import ParamLists

__all__ = ["MixedPrecision", "get_master", "grad_overflow", "master2model", "model_g2master_g"]


class MixedPrecision(LossScaling):
    """Steps float32 copies of a half-precision model's weights, with gradients of a scaled loss.

    The loss keeps its value for everybody; its gradient starts at `loss_scale`. The gradients are divided
    by it again before other callbacks see them (if a `GradientUnscaling` is among the learner's callbacks,
    as `to_fp16` puts it there; else after most have). Gradients that are infinite or NaN are thrown away
    and, unless earlier batches have left some, the step is skipped altogether. Copies, optimizer state and
    scale go on from fit to fit. Source: Micikevicius et al., Mixed Precision Training (arXiv:1710.03740).

    Args:
        learn: the learner; its model is in half precision, batch norm excepted.
        loss_scale: first scale, above 0; if None 65536, or 512 if it is not `dynamic`.
        max_noskip: the scale is doubled after so many batches without overflow.
        dynamic: whether the scale is doubled, and halved (down to 1) at each overflow.
        clip: largest norm of the unscaled gradients of each list of `master_params`; None for no limit.
        flat_master: whether each list of parameters is copied into one vector.
        max_scale: the scale is not doubled from here on.
        loss_fp32: whether the model's output is turned to float32 before the loss.

    Attributes:
        loss_scale: the present scale.
        noskip: batches since the scale last changed.

    Raises:
        ArgumentError: `loss_scale` is 0 or less.
    """

    _order = 999
    exclude = (*LossScaling.exclude, "masters", "_scale")
    # The inner optimizer that writes its steps into the model; a copy or an unpickled one does not yet.
    _followed: Any = None

    def __init__(
        self,
        learn: Learner,
        loss_scale: float | None = None,
        max_noskip: int = 1000,
        dynamic: bool = True,
        clip: float | None = None,
        flat_master: bool = False,
        max_scale: float = 2**24,
        loss_fp32: bool = True,
    ) -> None:
        if loss_scale is not None and not loss_scale > 0:
            raise ArgumentError(f"loss_scale is {loss_scale!r}; it must be above 0.")
        super().__init__(learn)
        self.loss_scale: float = (2**16 if dynamic else 512) if loss_scale is None else loss_scale
        self.max_noskip, self.dynamic, self.clip = max_noskip, dynamic, clip
        self.flat_master, self.max_scale, self.loss_fp32 = flat_master, max_scale, loss_fp32
        self.noskip = 0
        self.masters: MasterWeights | None = None
        # What the gradients have to be divided by; None when that was done.
        self._scale: float | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in super().__getstate__().items() if name != "_followed"}

    @property
    def model_params(self) -> ParamLists:
        """The model's trainable parameters: two lists for each layer group, with and without decay."""
        return self.masters.model_params if self.masters else []

    @property
    def master_params(self) -> ParamLists:
        """Their float32 copies, in the same order; one vector for each list if `flat_master`."""
        return self.masters.master_params if self.masters else []

    # --- weights and optimizer ------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Have copies of the present layer groups and the learner's optimizer over them.

        Copies, with all their digits, and optimizer state are kept where the parameters are the same. A
        learner that is only validated has no optimizer and needs no copies.
        """
        groups, opt = self.learn.layer_groups, getattr(self.learn, "opt", None)
        if defaults.v1_quirks or opt is None:
            return
        if self.masters is None or not self.masters.belongs_to(groups):
            self._hand_back_optimizer()
            self.masters = MasterWeights(groups, flat=self.flat_master, earlier=self.masters)
        else:
            self.masters.refresh()
        if not self.masters.are_stepped_by(opt.opt):
            move_optimizer(opt, self.model_params, self.master_params, joined=self.flat_master)
        if opt.opt is not self._followed:
            self.masters.follow(opt.opt)
            self._followed = opt.opt

    def hand_back(self) -> None:
        """Give the model, in float32 again, all digits of the copies, and the optimizer its parameters."""
        if self.masters is not None:
            self.masters.give_digits()
            self._hand_back_optimizer()
        self.masters = self._followed = None

    def _hand_back_optimizer(self) -> None:
        opt = getattr(self.learn, "opt", None)
        if opt is not None and self.masters is not None and self.masters.are_stepped_by(opt.opt):
            move_optimizer(opt, self.master_params, self.model_params, split=self.flat_master)

    # --- events ---------------------------------------------------------------------------------------------

    def on_train_begin(self, **kwargs: Any) -> None:
        """Make the copies, or go on with those of the last fit."""
        if defaults.v1_quirks:
            # v1: every fit starts with rounded weights and without optimizer state.
            self.masters, self.noskip = MasterWeights(self.learn.layer_groups, flat=self.flat_master), 0
            move_optimizer(self.learn.opt, [], self.master_params)
        self.prepare()
        self._scale = None
        self.learn.model.zero_grad()

    def jump_to_epoch(self, epoch: int) -> None:
        """Take over weights that another callback may have loaded for this epoch."""
        self.prepare()

    def on_epoch_begin(self, **kwargs: Any) -> None:
        """Take over weights that another callback may have loaded in between."""
        self.prepare()

    def on_batch_begin(self, last_input: Any, **kwargs: Any) -> dict[str, Any] | None:
        """Turn the input of a half-precision model to half precision, also of data given after `to_fp16`."""
        is_half = any(param.dtype is torch.float16 for param in self.learn.model.parameters())
        return {"last_input": to_half(last_input)} if is_half else None

    def on_loss_begin(self, last_output: Any, **kwargs: Any) -> dict[str, Any] | None:
        """Turn the output to float32, so that the loss is computed with all digits."""
        return {"last_output": to_float(last_output)} if self.loss_fp32 else None

    def on_backward_begin(
        self, last_loss: Any, skip_bwd: Any = False, **kwargs: Any
    ) -> dict[str, Any] | None:
        """Scale the gradient of the loss; its value stays."""
        if defaults.v1_quirks:
            # v1: everybody sees the scaled loss from here on.
            return {"last_loss": last_loss * self.loss_scale}
        if self.masters is not None:
            self.masters.take_changes()
            self.masters.hide_grads()
        scaled = last_loss.requires_grad and not skip_bwd
        self._scale = self.loss_scale if scaled else 1
        if scaled:
            last_loss.register_hook(_multiply_by(self.loss_scale))
        return None

    def unscale(self) -> dict[str, Any] | None:
        """Add the gradients, divided by the scale, to those of the copies; those that overflowed are lost."""
        scale, self._scale = self._scale, None
        if scale is None or self.masters is None:
            return None
        overflow = grad_overflow(self.model_params)
        if not overflow:
            self.masters.add_grads(scale)
        self.masters.show_grads()
        self._adapt(overflow=overflow)
        return None if self.masters.has_grads or not overflow else {"skip_step": True}

    def _adapt(self, *, overflow: bool) -> None:
        if not self.dynamic:
            return
        self.noskip = 0 if overflow else self.noskip + 1
        if overflow and self.loss_scale > 1:
            self.loss_scale /= 2
        elif self.noskip >= self.max_noskip and self.loss_scale < self.max_scale:
            self.loss_scale, self.noskip = self.loss_scale * 2, 0

    def on_backward_end(self, skip_step: Any = False, **kwargs: Any) -> dict[str, Any] | None:
        """Carry over what other callbacks did to the gradients, and clip."""
        if defaults.v1_quirks:
            self._v1_backward_end()
            return None
        self.unscale()
        if self.masters is None or not self.masters.has_grads:
            return {"skip_step": True}
        self.masters.take_changes()
        if not skip_step and self.clip is not None:
            self._clip()
            self.masters.show_grads()
        return None

    def _clip(self) -> None:
        if self.clip is not None:
            for params in self.master_params:
                clip_grad_norm_(params, self.clip)

    def _v1_backward_end(self) -> None:
        # v1: at scale 1, or if the scale is fixed, gradients are not looked at; at an overflow the optimizer
        # steps with the gradients the copies had; accumulated gradients are overwritten.
        overflow = self.dynamic and self.loss_scale > 1 and grad_overflow(self.model_params)
        scale = self.loss_scale
        self._adapt(overflow=overflow)
        if overflow:
            return
        model_g2master_g(self.model_params, self.master_params, self.flat_master)
        for master in (master for params in self.master_params for master in params):
            if master.grad is not None:
                master.grad.div_(scale)
        self._clip()

    def on_step_end(self, skip_zero: Any = False, **kwargs: Any) -> None:
        """Take the gradients off the model, unless they are to be added to."""
        if self.masters is None:
            return
        if defaults.v1_quirks:
            # v1: the model's gradients are zeroed even if that is to be skipped.
            self.masters.write_back()
            skip_zero = False
        if not skip_zero:
            self.masters.hide_grads()
            self.learn.model.zero_grad()


def _multiply_by(scale: float) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda grad: grad * scale
