"""Float32 master copies of a half-precision model's parameters, which the optimizer steps in its place.

Parameters come in two lists for each layer group, with and without weight decay, as an `OptimWrapper` has
them. A flat copy is one vector for each list.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parameters_to_vector

from ..modules import split_no_wd_params

__all__ = [
    "MasterWeights",
    "ParamLists",
    "get_master",
    "grad_overflow",
    "master2model",
    "model_g2master_g",
]

ParamLists = list[list[nn.Parameter]]


def get_master(
    layer_groups: Sequence[nn.Module],
    flat_master: bool = False,
) -> tuple[ParamLists, ParamLists]:
    """Return the trainable parameters of layer groups, and float32 copies of them.

    Args:
        layer_groups: modules.
        flat_master: whether a list of parameters is copied into one vector; an empty list stays empty.
    """
    model_params = [[p for p in params if p.requires_grad] for params in split_no_wd_params(layer_groups)]
    return model_params, [_copies(params, flat=flat_master) for params in model_params]


@torch.no_grad()
def _copies(params: list[nn.Parameter], *, flat: bool) -> list[nn.Parameter]:
    values = [p.to(torch.float32, copy=True) for p in params]
    if flat and values:
        values = [parameters_to_vector(values)]
    return [nn.Parameter(value) for value in values]


@torch.no_grad()
def model_g2master_g(
    model_params: ParamLists,
    master_params: ParamLists,
    flat_master: bool = False,
) -> None:
    """Give the master copies the gradients of the model, in float32.

    A parameter without a gradient leaves its copy without one, and counts as zeros in a flat copy.
    """
    for params, masters in zip(model_params, master_params, strict=True):
        if flat_master and masters:
            grads = [torch.zeros_like(p) if p.grad is None else p.grad for p in params]
            masters[0].grad = parameters_to_vector([grad.float() for grad in grads])
        else:
            for param, master in zip(params, masters, strict=True):
                grad = param.grad
                master.grad = None if grad is None else grad.to(torch.float32, copy=True)


@torch.no_grad()
def master2model(
    model_params: ParamLists,
    master_params: ParamLists,
    flat_master: bool = False,
) -> None:
    """Write the master copies into the model, rounded to its types."""
    for params, masters in zip(model_params, master_params, strict=True):
        for param, value in zip(params, _parts(params, masters, flat=flat_master), strict=True):
            param.copy_(value)


def _parts(params: list[nn.Parameter], values: Sequence[Tensor], *, flat: bool) -> list[Tensor]:
    """The part of the values that belongs to each parameter; in a flat vector, views of it."""
    if not flat or not params:
        return list(values)
    parts = values[0].split_with_sizes([p.numel() for p in params])
    return [part.view_as(p) for part, p in zip(parts, params, strict=True)]


def grad_overflow(param_group: Any) -> bool:
    """Whether any gradient of nested lists of parameters is infinite or NaN; one read from the device."""
    grads = [p.grad for p in _leaves(param_group) if p.grad is not None]
    # An infinite or NaN element makes the sum infinite or NaN; float32 holds any sum of float16 numbers.
    sums = [grad.sum(dtype=torch.float32) for grad in grads]
    return any(_read([~total.isfinite() for total in sums]))


def _leaves(params: Any) -> Iterator[Tensor]:
    if isinstance(params, Tensor):
        yield params
    else:
        for inner in params:
            yield from _leaves(inner)


def _read(flags: list[Tensor]) -> list[bool]:
    """The values of one-element tensors, with one read from the device."""
    values: list[bool] = torch.stack([flag.to(flags[0].device) for flag in flags]).tolist() if flags else []
    return values


class MasterWeights:
    """The master copies of a model, with gradients collected over any number of backward passes.

    Between a backward pass and the step the model shows the gradients collected so far, rounded to its
    types, so that other callbacks can read and change them; what they change is carried over.

    Args:
        layer_groups: modules whose trainable parameters are copied.
        flat: whether a list of parameters is copied into one vector.
        earlier: copies made before, for some of the same parameters; their values are taken over.
    """

    def __init__(
        self, layer_groups: Sequence[nn.Module], *, flat: bool, earlier: MasterWeights | None = None
    ) -> None:
        self.flat = flat
        self.model_params, self.master_params = get_master(layer_groups, flat)
        self._shown: list[tuple[nn.Parameter, Tensor | None, int]] = []
        if earlier is not None:
            self._take_values(earlier)

    @torch.no_grad()
    def _take_values(self, earlier: MasterWeights) -> None:
        known = {id(param): value for param, value in earlier.pairs()}
        for param, value in self.pairs():
            if id(param) in known:
                value.copy_(known[id(param)])
        self.refresh()

    def belongs_to(self, layer_groups: Sequence[nn.Module]) -> bool:
        """Whether these are copies of exactly the trainable parameters of these layer groups."""
        now = [[id(p) for p in params if p.requires_grad] for params in split_no_wd_params(layer_groups)]
        return now == [[id(p) for p in params] for params in self.model_params]

    def pairs(self) -> Iterator[tuple[nn.Parameter, Tensor]]:
        """Each parameter of the model with its copy, or its part of a flat copy."""
        for params, masters in zip(self.model_params, self.master_params, strict=True):
            yield from zip(params, _parts(params, [m.detach() for m in masters], flat=self.flat), strict=True)

    @torch.no_grad()
    def refresh(self) -> None:
        """Take over parameters of the model that are not what was written there, as after loading a file."""
        pairs = list(self.pairs())
        stale = _read([(value.to(param.dtype) != param).any() for param, value in pairs])
        for (param, value), is_stale in zip(pairs, stale, strict=True):
            if is_stale:
                value.copy_(param)

    def are_stepped_by(self, opt: torch.optim.Optimizer) -> bool:
        """Whether the optimizer's parameters are exactly these copies."""
        stepped = [[id(param) for param in group["params"]] for group in opt.param_groups]
        return stepped == [[id(master) for master in masters] for masters in self.master_params]

    def follow(self, opt: torch.optim.Optimizer) -> None:
        """Before each step of the optimizer take changes of gradients, after it write the copies back."""
        opt.register_step_pre_hook(lambda *step: self.take_changes())
        opt.register_step_post_hook(lambda *step: self.write_back())

    def write_back(self) -> None:
        """Write the copies into the model."""
        master2model(self.model_params, self.master_params, self.flat)

    @torch.no_grad()
    def give_digits(self) -> None:
        """Give a model turned to float32 the digits its half precision had no room for."""
        pairs = list(self.pairs())
        rounded = _read([(value.half().to(param.dtype) == param).all() for param, value in pairs])
        for (param, value), is_rounded in zip(pairs, rounded, strict=True):
            if is_rounded:
                param.copy_(value)

    # --- gradients ------------------------------------------------------------------------------------------

    @property
    def has_grads(self) -> bool:
        """Whether any copy has a gradient."""
        return any(master.grad is not None for master in _leaves(self.master_params))

    @torch.no_grad()
    def add_grads(self, scale: float) -> None:
        """Add the model's gradients, divided by `scale`, to those of the copies."""
        masters = list(_leaves(self.master_params))
        earlier = [master.grad for master in masters]
        model_g2master_g(self.model_params, self.master_params, self.flat)
        for master, before in zip(masters, earlier, strict=True):
            if master.grad is None:
                master.grad = before
                continue
            master.grad.div_(scale)
            if before is not None:
                master.grad.add_(before)

    @torch.no_grad()
    def show_grads(self) -> None:
        """Let the model's gradients be those of the copies; zeros where a copy has none."""
        self._shown = []
        for param, exact in self._grad_pairs():
            if exact is None:
                shown = None if param.grad is None else param.grad.zero_()
            else:
                shown = _rounded(exact, param)
            param.grad = shown
            self._shown.append((param, shown, 0 if shown is None else shown._version))

    @torch.no_grad()
    def take_changes(self) -> None:
        """Carry over what others did to the gradients shown since, less what was lost by rounding."""
        changed = False
        for (param, shown, version), (_, exact) in zip(self._shown, self._grad_pairs(), strict=False):
            if exact is None or (param.grad is shown and (shown is None or shown._version == version)):
                continue
            now = torch.zeros_like(exact) if param.grad is None else param.grad.float()
            exact.add_(now - _rounded(exact, param).float())
            changed = True
        if changed:
            self.show_grads()

    def hide_grads(self) -> None:
        """Take gradients that were shown off the model again."""
        for param, shown, _ in self._shown:
            if param.grad is shown:
                param.grad = None
        self._shown = []

    def _grad_pairs(self) -> Iterator[tuple[nn.Parameter, Tensor | None]]:
        """Each parameter of the model with its copy's gradient, or its part of a flat one."""
        for params, masters in zip(self.model_params, self.master_params, strict=True):
            grads = [master.grad for master in masters]
            present = [grad for grad in grads if grad is not None]
            if self.flat and present:
                yield from zip(params, _parts(params, present, flat=True), strict=True)
            else:
                yield from zip(params, [None] * len(params) if self.flat else grads, strict=True)


def _rounded(exact: Tensor, param: nn.Parameter) -> Tensor:
    """The gradient in the parameter's type, never infinite."""
    largest = torch.finfo(param.dtype).max
    return exact.clamp(-largest, largest).to(param.dtype, copy=True)
