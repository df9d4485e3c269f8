"""Where a file makes and hands on the callbacks of a class, and whether those of v2 could stand there."""

from __future__ import annotations

import ast

from ..callback_protocol import Method
from ..names_used import Use
from ..scopes import Scope
from .classes import CallbackClass, methods_of

__all__ = ["check_uses"]

# What takes callbacks of both kinds.
_FITS = ("fit", "fit_fc", "fit_one_cycle")
_ADDING = ("append", "extend", "insert")
# What passes over data without a fit, and the events that v2 callbacks hear there and those of v1 do not.
_PREDICTING = ("TTA", "get_preds", "interpret", "pred_batch", "predict", "show_results")
_AROUND = frozenset({"train_begin", "epoch_begin", "epoch_end"})


def check_uses(cls: CallbackClass, uses: list[Use]) -> None:
    """Refuse a class that is used in the file where one of v2 may not do the same."""
    learners = {use.node for use in uses if use.name.name == "Learner" and use.how == "call"}
    partials = {use.node for use in uses if use.name.name == "partial"}
    for node, scope in cls.names.reads:
        if node.id == cls.name and scope.look_up(node.id) == [cls.node]:
            _Place(cls, node, scope, learners, partials).check()
    _check_asking(cls, uses)
    for attribute in cls.names.all_of(ast.Attribute):
        if attribute.attr in _own_places(cls) and not _is_own(cls, attribute):
            text = f"the file reads an attribute `{attribute.attr}`, under which a learner has it"
            cls.refuse(attribute, f"{text}: in v2 during a fit only, and without `_callback` at its end")
        elif attribute.attr == "export":
            cls.refuse(attribute, "the file exports, and an export keeps no v2 callbacks")
        elif attribute.attr == "callbacks" and _is_looked_at(cls, attribute):
            cls.refuse(attribute, "the file looks at `callbacks`, where a learner keeps none of v2")
        elif attribute.attr in _PREDICTING and cls.outlasts and _hears_around(cls):
            text = f"v2 callbacks of a learner hear in `{attribute.attr}` that a fit or epoch begins"
            cls.refuse(attribute, f"{text}, v1's do not")


def _hears_around(cls: CallbackClass) -> bool:
    return not _AROUND.isdisjoint(plan.event for plan in cls.methods.values())


def _is_looked_at(cls: CallbackClass, node: ast.Attribute) -> bool:
    """Whether more is done with a list than to add to it."""
    parent = cls.names.parents.get(node)
    adds = isinstance(parent, ast.Attribute) and parent.attr in _ADDING
    return isinstance(node.ctx, ast.Load) and not adds


def _own_places(cls: CallbackClass) -> set[str]:
    """Where v1 puts an instance on the learner."""
    return set(cls.of_file) & _snake_names(cls) if cls.has_learner else set()


def _snake_names(cls: CallbackClass) -> set[str]:
    from_name = cls.name.replace("_", "").lower()
    return {name for name in cls.of_file if name.replace("_", "") == from_name}


def _is_own(cls: CallbackClass, node: ast.Attribute) -> bool:
    """Whether an attribute is one that some class of the file keeps on itself."""
    return isinstance(node.value, ast.Name) and node.value.id == "self" and node.attr in cls.own


def _check_asking(cls: CallbackClass, uses: list[Use]) -> None:
    """`isinstance(x, Callback)` is not true of a callback of v2."""
    for use in uses:
        parent = cls.names.parents.get(use.node)
        if use.name.name in ("Callback", "LearnerCallback") and use.how == "value":
            asked = parent if isinstance(parent, ast.Call) else None
            what = ast.unparse(asked) if asked is not None else f"`{use.name.name}` as a value"
            cls.refuse(use.node, f"the file uses {what}, which has not to do with callbacks of v2")


class _Place:
    """One place where the name of a class is read.

    Args:
        cls: the class.
        node: its name there.
        scope: the scope of that.
        learners: nodes of the file that name v1's `Learner` to call it.
        partials: likewise for `partial`.
    """

    def __init__(
        self,
        cls: CallbackClass,
        node: ast.Name,
        scope: Scope,
        learners: set[ast.AST],
        partials: set[ast.AST],
    ) -> None:
        self.cls, self.node, self.scope = cls, node, scope
        self.learners, self.partials = learners, partials
        self.parents = cls.names.parents

    def check(self) -> None:
        """Refuse the class if it is not certain what becomes of it here."""
        parent = self.parents.get(self.node)
        if isinstance(parent, ast.Call) and parent.func is self.node:
            self._check_call(parent)
        elif self._is_harmless(parent):
            return
        elif isinstance(parent, ast.Call) and self._is_partial(parent):
            if parent.args != [self.node] or any(word.arg in (None, "learn") for word in parent.keywords):
                self._refuse("is given arguments by position, or by `**`, in a `partial`")
            elif not self.cls.has_learner or self._taker(parent) != "callback_fns":
                self._refuse("stands in a `partial` outside of `callback_fns`")
        elif not self.cls.has_learner or self._taker(self.node) != "callback_fns":
            self._refuse("is handed on")

    def _refuse(self, text: str) -> None:
        self.cls.refuse(self.node, f"it {text}, in line {self.node.lineno}")

    def _is_harmless(self, parent: ast.AST | None) -> bool:
        """Whether it is an annotation, or the question whether something is one."""
        if isinstance(parent, ast.AnnAssign) and parent.annotation is self.node:
            return True
        if isinstance(parent, Method):
            given = (*parent.decorator_list, *parent.args.defaults, *parent.args.kw_defaults)
            return self.node not in given
        if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name):
            return parent.func.id in ("isinstance", "super")
        return False

    def _is_partial(self, call: ast.Call) -> bool:
        function = call.func
        return function in self.partials or ast.unparse(function) in ("partial", "functools.partial")

    # --- instances ------------------------------------------------------------------------------------------

    def _check_call(self, call: ast.Call) -> None:
        learner = self._learner(call)
        if any(isinstance(around, ast.ClassDef) for around in self.cls.names.around(call)):
            self._refuse("is made inside of a class")
        if self.cls.has_learner and learner is None:
            self._refuse("is not made with a plain name of a learner as its first argument")
            return
        if self.cls.has_learner:
            self.cls.calls.add((self.node.lineno, self.node.col_offset))
        maker = self.parents.get(call)
        if isinstance(maker, ast.Lambda) and self.cls.has_learner:
            if self._taker(maker) != "callback_fns" or [a.arg for a in maker.args.args] != [learner]:
                self._refuse("is made by a function that is not known to be one of `callback_fns`")
        elif self._taker(call, learner) != "callbacks" and not self._is_kept(call, learner):
            self._refuse("is made where it is not certain that it only becomes one of `callbacks`")

    def _learner(self, call: ast.Call) -> str | None:
        first = call.args[0] if call.args else None
        return first.id if isinstance(first, ast.Name) else None

    def _is_kept(self, call: ast.Call, learner: str | None) -> bool:
        """Whether it becomes a variable that is used for nothing but that, and for its own attributes."""
        parent = self.parents.get(call)
        target = parent.targets[0] if isinstance(parent, ast.Assign) and len(parent.targets) == 1 else None
        if not isinstance(target, ast.Name) or self.scope.look_up(target.id) != [call]:
            return False
        if not self._is_same(learner):
            return False
        return all(self._is_kept_there(node, learner) for node in self._reads(target.id))

    def _is_same(self, learner: str | None) -> bool:
        """Whether the name of a learner means one thing only."""
        return learner is None or len(self.scope.look_up(learner) or ()) <= 1

    def _reads(self, name: str) -> list[ast.Name]:
        bound = self.scope.look_up(name)
        return [node for node, scope in self.cls.names.reads if scope.look_up(node.id) is bound]

    def _is_kept_there(self, node: ast.Name, learner: str | None) -> bool:
        parent = self.parents.get(node)
        if isinstance(parent, ast.Attribute):
            is_method = parent.attr in {m.name for m in methods_of(self.cls)} and parent.attr[:3] == "on_"
            return parent.attr in self.cls.own and not is_method
        return self._taker(node, learner) == "callbacks"

    # --- where it goes --------------------------------------------------------------------------------------

    def _taker(self, node: ast.AST, learner: str | None = None) -> str:
        """`callbacks` or `callback_fns` if it becomes one of these, of this learner if one is named."""
        parent = self.parents.get(node)
        while isinstance(parent, (ast.List, ast.Tuple, ast.BinOp)):
            node, parent = parent, self.parents.get(parent)
        if isinstance(parent, ast.keyword):
            call = self.parents.get(parent)
            takes = isinstance(call, ast.Call) and self._takes_callbacks(call, learner)
            return str(parent.arg) if takes else ""
        if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Attribute):
            return self._attribute(parent.func.value, learner) if parent.func.attr in _ADDING else ""
        if isinstance(parent, (ast.Assign, ast.AugAssign)):
            targets = parent.targets if isinstance(parent, ast.Assign) else [parent.target]
            return self._taker_by_target(targets[0], learner) if len(targets) == 1 else ""
        return ""

    def _taker_by_target(self, target: ast.expr, learner: str | None) -> str:
        """What becomes of a list that is assigned: to a learner, or to a variable that is only handed on."""
        if not isinstance(target, ast.Name):
            return self._attribute(target, learner)
        if len(self.scope.look_up(target.id) or ()) != 1 or not self._is_same(learner):
            return ""
        takers = {self._taker(node, learner) for node in self._reads(target.id)}
        return takers.pop() if len(takers) == 1 else ""

    def _takes_callbacks(self, call: ast.Call, learner: str | None) -> bool:
        function = call.func
        if isinstance(function, ast.Attribute) and function.attr in _FITS:
            of = function.value
            return learner is None or (isinstance(of, ast.Name) and of.id == learner)
        self.cls.outlasts = self.cls.outlasts or function in self.learners
        return function in self.learners and learner is None

    def _attribute(self, node: ast.expr, learner: str | None) -> str:
        """The name of a learner's list of callbacks."""
        if not isinstance(node, ast.Attribute) or node.attr not in ("callbacks", "callback_fns"):
            return ""
        self.cls.outlasts = True
        is_it = learner is None or (isinstance(node.value, ast.Name) and node.value.id == learner)
        return node.attr if is_it else ""
