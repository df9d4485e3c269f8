"""Hooks on modules: functions that see what goes in and out, and keep what they make of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn
from torch.autograd.graph import register_multi_grad_hook

from ..nested import to_detach
from ..sequences import is_listy

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["Hook", "HookFunction", "Hooks", "hook_output", "hook_outputs"]

HookFunction = Callable[[nn.Module, Any, Any], Any]


class Hook:
    """Calls a function whenever a module is used, and keeps the result as `stored`.

    As a context manager it removes itself in the end.

    Args:
        m: the module.
        hook_func: takes the module, its input as a tuple, and its output; it must not change them.
        is_forward: False calls it in the backward pass with the module, None, and the tuple of gradients of
            the output's tensors.
        detach: whether tensors are detached first; tuples are lists then.
    """

    def __init__(
        self, m: nn.Module, hook_func: HookFunction, is_forward: bool = True, detach: bool = True
    ) -> None:
        self.hook_func, self.detach = hook_func, detach
        self.stored: Any = None
        self.hook = m.register_forward_hook(self.hook_fn if is_forward else self._await_gradients)
        self.removed = False

    def hook_fn(self, module: nn.Module, input: Any, output: Any) -> None:
        """Call the function and keep what it returns."""
        if self.detach:
            input, output = to_detach(input, cpu=False), to_detach(output, cpu=False)
        self.stored = self.hook_func(module, input, output)

    def _await_gradients(self, module: nn.Module, input: Any, output: Any) -> None:
        # Not by a backward hook of the module, which forbids changing its output in place.
        tensors = [
            o for o in (output if is_listy(output) else [output]) if isinstance(o, Tensor) and o.requires_grad
        ]
        if tensors:
            register_multi_grad_hook(tensors, lambda grads: self.hook_fn(module, None, tuple(grads)))

    def remove(self) -> None:
        """Take the hook off its module; `stored` stays."""
        if not self.removed:
            self.hook.remove()
            self.removed = True

    def __enter__(self, *args: Any) -> Self:
        """Return the hook."""
        return self

    def __exit__(self, *args: Any) -> None:
        """Remove the hook."""
        self.remove()


class Hooks:
    """A `Hook` with the same function on each of several modules.

    Args:
        ms: the modules; an `nn.Sequential` stands for its layers.
        hook_func: as in `Hook`.
        is_forward: as in `Hook`.
        detach: as in `Hook`.
    """

    def __init__(
        self, ms: Iterable[nn.Module], hook_func: HookFunction, is_forward: bool = True, detach: bool = True
    ) -> None:
        self.hooks = [Hook(m, hook_func, is_forward, detach) for m in ms]

    def __getitem__(self, i: int) -> Hook:
        return self.hooks[i]

    def __len__(self) -> int:
        return len(self.hooks)

    def __iter__(self) -> Iterator[Hook]:
        return iter(self.hooks)

    @property
    def stored(self) -> list[Any]:
        """What each hook keeps."""
        return [hook.stored for hook in self]

    def remove(self) -> None:
        """Take all hooks off their modules."""
        for hook in self:
            hook.remove()

    def __enter__(self, *args: Any) -> Self:
        """Return the hooks."""
        return self

    def __exit__(self, *args: Any) -> None:
        """Remove all hooks."""
        self.remove()


def _hook_inner(m: nn.Module, i: Any, o: Any) -> Any:
    """The output itself; several outputs as a list."""
    return list(o) if is_listy(o) else o


def hook_output(module: nn.Module, detach: bool = True, grad: bool = False) -> Hook:
    """Return a hook that keeps the output of a module, or with `grad` the list of its gradients."""
    return Hook(module, _hook_inner, detach=detach, is_forward=not grad)


def hook_outputs(modules: Iterable[nn.Module], detach: bool = True, grad: bool = False) -> Hooks:
    """Return hooks that keep the outputs of modules, or with `grad` the lists of their gradients."""
    return Hooks(modules, _hook_inner, detach=detach, is_forward=not grad)
