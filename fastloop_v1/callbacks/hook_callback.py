"""A callback that hooks modules during a fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..learner_callback import LearnerCallback
from ..modules import flatten_model
from ..sequences import listify
from .hook import Hooks

if TYPE_CHECKING:
    from ..basic_train import Learner

__all__ = ["HookCallback"]


class HookCallback(LearnerCallback):
    """Puts a forward hook on modules when training begins; a subclass says what it does.

    A subclass has a method `hook(self, m, i, o)`, called with module, input and output; what it returns is
    in `self.hooks.stored`.

    Args:
        learn: the learner.
        modules: modules to hook; at each fit the layers of the model that have a weight if None.
        do_remove: whether hooks are removed at the end of training; else at the next fit or by `remove`.
    """

    exclude = (*LearnerCallback.exclude, "modules", "hooks", "_found")
    # For subclasses that are dataclasses, whose `__init__` does not call this one.
    modules: Sequence[Any] = ()
    do_remove = True

    def __init__(self, learn: Learner, modules: Any = None, do_remove: bool = True) -> None:
        super().__init__(learn)
        self.modules, self.do_remove = listify(modules), do_remove

    def on_train_begin(self, **kwargs: Any) -> None:
        """Put the hooks on."""
        self.remove()
        # Modules that were found, not given, belong to the model of an earlier fit.
        if not self.modules or self.modules is self.__dict__.get("_found"):
            layers = flatten_model(self.learn.model)
            self.modules = self._found = [layer for layer in layers if hasattr(layer, "weight")]
        self.hooks = Hooks(self.modules, self.hook)

    def on_train_end(self, **kwargs: Any) -> None:
        """Take the hooks off."""
        if self.do_remove:
            self.remove()

    def remove(self) -> None:
        """Take the hooks off their modules."""
        hooks = self.__dict__.get("hooks")
        if hooks is not None:
            hooks.remove()

    def __del__(self) -> None:
        """Leave no hook behind."""
        self.remove()

    def __getstate__(self) -> dict[str, Any]:
        """Everything but the learner, the hooks, and modules that the next fit finds anew."""
        state = {name: value for name, value in super().__getstate__().items() if name != "hooks"}
        if state.pop("_found", None) is not None and self.modules is self._found:
            state["modules"] = []
        return state
