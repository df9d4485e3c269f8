"""The part of a learner that holds v2 callbacks: adding, removing, and bringing them to the loop."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from ..callback import Callback as FirstCallback
from ..callback import CallbackHandler
from ..defaults import defaults
from ..errors import ArgumentTypeError, FastloopWarning, NotACallbackError, ProtocolWarning
from ..listeners import as_list
from ..optional import optional_import
from ..progress import display_mode
from .bridge import Bridge
from .callback import Callback
from .learner_view import LearnerView
from .loader_view import Loaders
from .loop_table import LoopTable
from .ordering import in_order
from .paired_batches import paired_batches
from .recorder_view import Recorder
from .train_eval import TrainEvalCallback
from .validation_pass import ValidationPass

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["LearnerCallbacks"]

_OWN = (TrainEvalCallback, Recorder)


class LearnerCallbacks:
    """v2 callbacks of a learner; `cbs` is their list. A learner without any is v1's in every respect.

    With v2 callbacks it has the attributes v2 code looks for (`xb`, `yb`, `pred`, `loss`, `iter`, `epoch`,
    `training`, `dls`, ...), and what it has not is looked up on the model.
    """

    callbacks: Any
    cbs: Any
    model: Any
    data: Any
    metrics: Any
    wd: Any
    create_opt: Any
    _made_callbacks: Any

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("__") and vars(self).get("cbs"):
            for other in (vars(self)["v2_view"], vars(self).get("model") if name != "opt" else None):
                if hasattr(other, name):
                    return getattr(other, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def dls(self) -> Any:
        """The loaders under v2's names; assigned are a `DataBunch`, or `dls` of a learner, as other data.

        The next loop is over the new loaders: set in before_epoch or before_train, that of this epoch.

        Raises:
            ArgumentTypeError: what is assigned is neither.
        """
        if "dls" in vars(self):
            return vars(self)["dls"]
        if "v2_view" in vars(self):
            return Loaders(self.data)
        raise AttributeError("dls")

    @dls.setter
    def dls(self, value: Any) -> None:
        data = value.data if isinstance(value, Loaders) else value
        if "v2_view" not in vars(self):
            # v1: a learner takes any attribute.
            vars(self)["dls"] = value
        elif hasattr(data, "train_dl"):
            self.data = data
        else:
            raise ArgumentTypeError(f"dls is {value!r}; allowed are a DataBunch and what learn.dls gives.")

    # --- the list -------------------------------------------------------------------------------------------

    def _create_cbs(self) -> None:
        """Take v2 callbacks over from `cbs` and `callbacks`, and tell them that the learner is made."""
        given, self.cbs = as_list(self.cbs), []
        first, second = _sorted_out(self.callbacks)
        self.callbacks = first
        self.add_cbs([*second, *given])
        self("after_create")

    def __call__(self, event_name: str) -> None:
        """Tell v2 callbacks an event, in order."""
        for cb in in_order(self.cbs):
            cb(event_name)

    def add_cb(self, cb: Any) -> Self:
        """Add a callback, an instance or a class to make one of; it is then found as `learn.<its name>`.

        One of v1 goes to `callbacks`.

        Raises:
            NotACallbackError: it is neither v1's nor v2's.
        """
        cb = cb() if isinstance(cb, type) else cb
        if isinstance(cb, FirstCallback):
            self.callbacks.append(cb)
            return self
        if not isinstance(cb, Callback):
            raise NotACallbackError(f"cb is {cb!r}; allowed are callbacks of v2 and of v1.")
        if "v2_view" not in vars(self):
            self._begin_cbs()
        self._put(cb)
        return self

    def _begin_cbs(self) -> None:
        """What v2's learner has from its beginning on."""
        vars(self).setdefault("training", False)
        self.v2_view = LearnerView(self)
        for cb in (TrainEvalCallback(), self.v2_view.recorder):
            cb.learn = self
            self.cbs.append(cb)

    def _put(self, cb: Any) -> None:
        if self._is_taken(cb.name):
            if not isinstance(cb, Recorder):
                text = f"{type(cb).__name__} takes part, but learn.{cb.name} stays the learner's own."
                warnings.warn(text, ProtocolWarning, stacklevel=4)
        else:
            setattr(self, cb.name, cb)
        cb.learn = self
        self.cbs.append(cb)

    def _is_taken(self, name: str) -> bool:
        """Whether a name stands for something on the learner that is no v2 callback."""
        in_the_way = name in vars(self) and not isinstance(vars(self)[name], Callback)
        return in_the_way or name in getattr(self, "__dataclass_fields__", ()) or hasattr(type(self), name)

    def add_cbs(self, cbs: Any) -> Self:
        """Add one callback or several."""
        for cb in as_list(cbs):
            self.add_cb(cb)
        return self

    def remove_cb(self, cb: Any) -> Self:
        """Remove a callback, or all of a class; one that is not there is let be."""
        found: list[Any]
        if isinstance(cb, type):
            found = [own for own in self.cbs if isinstance(own, cb)]
        else:
            found = [own for own in self.cbs if own is cb][:1]  # one that is there twice stays once
        for own in found:
            own.learn = None
            # v2: the name goes, even where another callback of that name stays.
            if isinstance(vars(self).get(own.name), Callback):
                delattr(self, own.name)
            del self.cbs[next(at for at, other in enumerate(self.cbs) if other is own)]
        return self

    def remove_cbs(self, cbs: Any) -> Self:
        """Remove one callback or several."""
        for cb in as_list(cbs):
            self.remove_cb(cb)
        return self

    @contextmanager
    def added_cbs(self, cbs: Any) -> Iterator[Self]:
        """Have these callbacks inside of a block."""
        made = [cb() if isinstance(cb, type) else cb for cb in as_list(cbs)]
        self.add_cbs(made)
        try:
            yield self
        finally:
            self.remove_cbs(made)

    @contextmanager
    def removed_cbs(self, cbs: Any) -> Iterator[Self]:
        """Be without these callbacks inside of a block; afterwards they come last."""
        away = as_list(cbs)
        self.remove_cbs(away)
        try:
            yield self
        finally:
            self.add_cbs(away)

    def _say_what_export_leaves(self) -> None:
        """Warn of v2 callbacks, which v1's form of an export has no place for."""
        names = [type(cb).__name__ for cb in self.cbs if not isinstance(cb, _OWN)]
        if names:
            text = f"An export keeps no v2 callbacks; after loading, add {', '.join(names)} with add_cbs."
            warnings.warn(text, FastloopWarning, stacklevel=4)

    # --- the loop -------------------------------------------------------------------------------------------

    def show_training_loop(self, callbacks: Any = None, cbs: Any = None) -> None:
        """Show the loop with its callbacks in order: printed, or as a page in a notebook.

        At each event stand the keys of the state that the loop takes over there. What a callback writes,
        sets on the optimizer and raises is read from its source. Warnings at the end name keys with two
        writers at one event, hyper-parameters with two schedules, what is written in vain, and orders that
        cannot hold.

        Args:
            callbacks: callbacks of v1 and v2 that a fit would get.
            cbs: more of v2.
        """
        table = self._loop_table(callbacks, cbs)
        if display_mode(None) == "notebook":
            optional_import("IPython.display", "notebook").display(table)
        else:
            print(table)  # noqa: T201  (what it is for)

    def _loop_table(self, callbacks: Any = None, cbs: Any = None) -> LoopTable:
        before = dict(vars(self))
        try:
            if vars(self).get("opt") is None:
                self.create_opt(defaults.lr, self.wd)
            first, second = _sorted_out([*self.callbacks, *self._made_callbacks(), *as_list(callbacks)])
            handler = CallbackHandler(first, self.metrics)
            given = [cb() if isinstance(cb, type) else cb for cb in [*self.cbs, *second, *as_list(cbs)]]
            wanted = [cb for cb in given if not isinstance(cb, _OWN)]
            own = [TrainEvalCallback(), Recorder()] if wanted else []
            return LoopTable(handler.metrics, handler.callbacks, [*own, *wanted])
        finally:
            # Callbacks made for this do not take the place of those of the last fit.
            vars(self).clear()
            vars(self).update(before)

    def _made(self, make: Any) -> Any:
        """A callback of an entry of `callback_fns`; classes of v2 take no learner."""
        kind = make.func if isinstance(make, partial) else make
        return make() if isinstance(kind, type) and issubclass(kind, Callback) else make(self)

    def _check_listeners(self, callbacks: Any) -> None:
        """See that these callbacks, the learner's own and its metrics can be some."""
        CallbackHandler(_sorted_out([*self.callbacks, *as_list(callbacks)])[0], self.metrics)

    @contextmanager
    def _bridged(self, callbacks: Iterable[Any], cbs: Any = None, dl: Any = None) -> Iterator[list[Any]]:
        """Give the callbacks of v1, with one that stands for those of v2 if there are any.

        Args:
            callbacks: callbacks of both kinds.
            cbs: more of v2, for this block.
            dl: the loader of a pass outside of `fit`.
        """
        first, second = _sorted_out(callbacks)
        for cb in self.cbs:
            # Copies, as those of a copied learner, belong to none.
            cb.learn = self if cb.learn is None else cb.learn
        with self.added_cbs([*second, *as_list(cbs)]):
            if not any(not isinstance(cb, _OWN) for cb in self.cbs):
                yield first
            elif dl is None:
                with paired_batches(self.data.train_dl, self.data.valid_dl) as pair:
                    self.v2_view.rows.begin()
                    yield [*first, Bridge(self, pair)]
            else:
                with ValidationPass(self, dl) as bridge:
                    yield [*first, bridge]


def _sorted_out(callbacks: Iterable[Any]) -> tuple[list[Any], list[Any]]:
    """Those of v1, or foreign objects that take part as such, and those of v2."""
    given = list(callbacks)
    second = [cb for cb in given if _is_v2(cb)]
    return [cb for cb in given if not _is_v2(cb)], second


def _is_v2(cb: Any) -> bool:
    return isinstance(cb, Callback) or (isinstance(cb, type) and issubclass(cb, Callback))
