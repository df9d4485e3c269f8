"""A learner's state kept in memory: model, optimizer, random numbers and the data's position."""

from __future__ import annotations

import copy
import random
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from .modules import get_model

if TYPE_CHECKING:
    from .basic_train import Learner

__all__ = ["Snapshot"]


class Snapshot:
    """Takes a copy of a learner's state; `restore` puts it back, as often as wanted.

    Kept are the model's parameters, gradients, buffers and training modes, the optimizer's state and
    hyper-parameters (an optimizer made later stays, emptied of its state), the generators of Python, numpy
    and torch on every device, and the generators and states of the training and validation loaders.

    Args:
        learn: the learner; nothing is written to a file.
    """

    def __init__(self, learn: Learner) -> None:
        self.learn = learn
        model = get_model(learn.model)
        self.model = copy.deepcopy(model.state_dict())
        # Buffers that are no part of a state dict, such as caches.
        self.buffers = {n: copy.deepcopy(b) for n, b in model.named_buffers() if n not in self.model}
        self.grads = [(p, copy.deepcopy(p.grad)) for p in model.parameters()]
        self.modes = [(module, module.training) for module in model.modules()]
        self.opt: Any = getattr(learn, "opt", None)
        self.inner = getattr(self.opt, "opt", None)
        self.opt_state = None if self.opt is None else copy.deepcopy(self.opt.state_dict())
        self.hypers = None if self.opt is None else _hypers(self.opt)
        self.random = (random.getstate(), np.random.get_state(), torch.get_rng_state())
        self.cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else None
        self.loaders = [_position(dl) for dl in (learn.data.train_dl, learn.data.valid_dl) if dl is not None]

    def restore(self) -> None:
        """Put everything back."""
        model = get_model(self.learn.model)
        model.load_state_dict(self.model)
        for name, buffer in self.buffers.items():
            owner, _, last = name.rpartition(".")
            setattr(model.get_submodule(owner), last, copy.deepcopy(buffer))
        for parameter, grad in self.grads:
            parameter.grad = copy.deepcopy(grad)
        for module, training in self.modes:
            module.training = training
        self._restore_opt()
        python, numpy_state, torch_state = self.random
        random.setstate(python)
        np.random.set_state(numpy_state)
        torch.set_rng_state(torch_state)
        if self.cuda is not None:
            torch.cuda.set_rng_state_all(self.cuda)
        for generators, loader, state in self.loaders:
            for generator, generator_state in generators:
                generator.set_state(generator_state)
            if state is not None:
                loader.load_state_dict(copy.deepcopy(state))

    def _restore_opt(self) -> None:
        opt = getattr(self.learn, "opt", None)
        if self.opt is not None and self.hypers is not None:
            # Half precision swaps the inner optimizer for one over its float32 copies.
            self.learn.opt, self.opt.opt = self.opt, self.inner
            self.opt.load_state_dict(copy.deepcopy(self.opt_state))
            self.opt.__dict__.update(copy.deepcopy(self.hypers))
        elif opt is not None:
            opt.clear()


def _hypers(opt: Any) -> dict[str, Any]:
    """The wrapper's own lists of hyper-parameters."""
    names = ("_lr", "_mom", "_beta", "_wd", "_stats")
    return {name: copy.deepcopy(opt.__dict__[name]) for name in names if name in opt.__dict__}


def _position(dl: Any) -> tuple[list[tuple[torch.Generator, torch.Tensor]], Any, Any]:
    """Generators a loader draws from, with their states, the loader, and its own state if it keeps one."""
    inner = getattr(dl, "dl", dl)
    owners = (inner, getattr(inner, "sampler", None), getattr(inner, "batch_sampler", None))
    found = [getattr(owner, "generator", None) for owner in owners]
    generators = {id(one): one for one in found if isinstance(one, torch.Generator)}
    state = copy.deepcopy(inner.state_dict()) if hasattr(inner, "state_dict") else None
    return [(one, one.get_state()) for one in generators.values()], inner, state
