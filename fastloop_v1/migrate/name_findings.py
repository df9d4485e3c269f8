"""What is to be known of the v1 names a file uses: what is not offered, and calls that cannot work."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator

from .findings import Finding, Level
from .names_used import Use, stars_of_v1, target_of, unbound_names
from .not_offered import NotOffered
from .other_versions import V07_LEARNER_WORDS, V07_NAMES, V2_NAMES
from .scopes import Bound, NamesOfFile, Scope
from .v1_names import V1Name, keywords

__all__ = ["inherited_names", "name_findings"]

# What can be done with a name that is not offered without an error.
_HARMLESS = {"import": "imported", "subclass": "subclassed", "annotation": "named", "value": "passed on"}
# What v1 put on learners of its upper layers, or had before its last version.
_GONE_FROM_LEARNER = {
    "TTA": "run `get_preds` over transformed data",
    "load_encoder": "use `learn.model.load_state_dict`",
    "save_encoder": "use `torch.save`",
    "load_pretrained": "use `learn.model.load_state_dict`",
    "unet": "build the model and give it to `Learner(data, model)`",
}


def inherited_names(names: NamesOfFile, uses: Iterable[Use]) -> dict[ast.ClassDef, list[V1Name]]:
    """For each class of the file the v1 names it inherits from, through other classes of the file as well."""
    direct: dict[ast.AST, V1Name] = {use.node: use.name for use in uses if use.how == "subclass"}
    found: dict[ast.ClassDef, list[V1Name]] = {}
    for cls in names.classes:
        scope = names.scopes[cls].outer
        found[cls] = [direct[base] for base in cls.bases if base in direct]
        for base in cls.bases:
            for parent in _definitions(scope, base):
                found[cls] += found.get(parent, [])
    return found


def name_findings(
    names: NamesOfFile, uses: list[Use], inherited: dict[ast.ClassDef, list[V1Name]]
) -> Iterator[Finding]:
    """Findings about names and the calls of what they name."""
    for use in uses:
        if use.name.offer is not None:
            yield _not_offered(use, use.name.offer)
    yield from _uses_of_own_classes(names, inherited)
    yield from _calls(names, uses)
    yield from _attributes(names)
    yield from _unbound(names)


def _not_offered(use: Use, offer: NotOffered) -> Finding:
    what = f"`{offer.name}` was {offer.what} (fastai.{offer.module}), which is not offered"
    done = _HARMLESS.get(use.how)
    level: Level = "work" if done is None else "remark"
    text = f"{what}; used here" if done is None else f"{what}; here it is only {done}"
    return Finding(use.line, level, "not-offered", offer.name, text, offer.instead)


def _definitions(scope: Scope | None, node: ast.expr) -> Iterator[ast.ClassDef]:
    """The classes of the file that a name may mean."""
    bound: list[Bound] | None = (
        scope.look_up(node.id) if scope is not None and isinstance(node, ast.Name) else None
    )
    return (by for by in bound or () if isinstance(by, ast.ClassDef))


def _uses_of_own_classes(
    names: NamesOfFile, inherited: dict[ast.ClassDef, list[V1Name]]
) -> Iterator[Finding]:
    """Classes of the file that inherit from a name that is not offered, where they are called."""
    hopeless = {cls: offer for cls, bases in inherited.items() for offer in _offers(bases)}
    if not hopeless:
        return
    for node, scope in names.reads:
        for cls in _definitions(scope, node):
            if cls in hopeless and _is_refused(names, cls, node):
                offer = hopeless[cls]
                text = f"{cls.name} inherits from `{offer.name}`, which is not offered; used here"
                yield Finding(node.lineno, "work", "not-offered", cls.name, text, offer.instead)


def _is_refused(names: NamesOfFile, cls: ast.ClassDef, node: ast.Name) -> bool:
    """Whether a class without a base is called there, or asked for what it does not define itself."""
    parent = names.parents.get(node)
    if isinstance(parent, ast.Attribute):
        own = names.scopes[cls].bound
        return isinstance(parent.ctx, ast.Load) and not parent.attr.startswith("_") and parent.attr not in own
    return isinstance(parent, ast.Call) and parent.func is node


def _offers(bases: list[V1Name]) -> list[NotOffered]:
    return [base.offer for base in bases if base.offer is not None]


def _calls(names: NamesOfFile, uses: list[Use]) -> Iterator[Finding]:
    """Arguments that the callable does not take."""
    called = {use.node: use.name.name for use in uses if use.how == "call" and use.name.status == "here"}
    for call, scope in names.calls:
        who = called.get(call.func) or _method_of_learner(call.func, scope, names)
        taken = keywords(who) if who else None
        for word in call.keywords:
            if word.arg == "cbs" and (who or _is_learner_like(call.func)):
                yield _with_cbs(call, who)
            elif taken is not None and word.arg is not None and word.arg not in taken:
                text = f"`{who}` takes no argument `{word.arg}`"
                yield Finding(word.value.lineno, "work", "arguments", str(who), text, _arguments(taken))
            elif word.arg in V07_LEARNER_WORDS and _is_learner_like(call.func):
                text = f"`{word.arg}=` is an argument of fastai 0.7"
                yield _of_version(call, "0.7", str(word.arg), text, "port the file to v1's names first")


def _with_cbs(call: ast.Call, who: str | None) -> Finding:
    """`Learner` and its `fit` take callbacks of v2; nothing else does."""
    text = "`cbs=` is an argument of fastai v2"
    if who in ("Learner", "Learner.fit") or getattr(call.func, "attr", None) == "fit":
        return Finding(
            call.lineno, "remark", "v2", "cbs", f"{text}, and is taken here for callbacks of v2", ""
        )
    return _of_version(call, "v2", "cbs", text, "say `callbacks=`")


def _arguments(taken: list[str]) -> str:
    return f"it takes {', '.join(taken)}" if taken else "it takes none"


def _of_version(node: ast.expr, version: str, name: str, text: str, instead: str) -> Finding:
    return Finding(node.end_lineno or node.lineno, "work", version, name, text, instead)


def _is_learner_like(function: ast.expr) -> bool:
    """Whether a call is `learn.fit...(...)` by its words."""
    return isinstance(function, ast.Attribute) and function.attr.startswith(("fit", "lr_find"))


def _method_of_learner(function: ast.expr, scope: Scope, names: NamesOfFile) -> str | None:
    """`Learner.fit` for a call of `fit` on a variable that is certainly a learner."""
    if isinstance(function, ast.Attribute) and _is_learner(function.value, scope, names):
        return f"Learner.{function.attr}"
    return None


def _is_learner(node: ast.expr, scope: Scope, names: NamesOfFile) -> bool:
    """Whether a variable is bound by nothing but calls of v1's `Learner`."""
    bound = scope.look_up(node.id) if isinstance(node, ast.Name) else None
    return bool(bound) and all(_makes_learner(by, scope, names) for by in bound or ())


def _makes_learner(by: Bound, scope: Scope, names: NamesOfFile) -> bool:
    if not isinstance(by, ast.Call):
        return False
    function = by.func
    if isinstance(function, ast.Attribute):
        return function.attr == "Learner"
    if not isinstance(function, ast.Name):
        return False
    target = target_of(scope.look_up(function.id), function.id, stars_of_v1(names))
    found = target.name if isinstance(target, V1Name) else (target or "").rpartition(".")[2]
    return found == "Learner"


def _attributes(names: NamesOfFile) -> Iterator[Finding]:
    assigned = {node.attr for node in names.all_of(ast.Attribute) if isinstance(node.ctx, ast.Store)}
    # A callback stands on its learner under its class name.
    assigned |= {_snake(cls.name) for cls in names.classes}
    for node, scope in names.reads:
        parent = names.parents.get(node)
        if not isinstance(parent, ast.Attribute) or parent.attr in assigned:
            continue
        if parent.attr in _GONE_FROM_LEARNER and _is_learner(node, scope, names):
            text = f"a learner has no `{parent.attr}` here; it came with a layer that is not offered"
            yield Finding(node.lineno, "work", "gone", parent.attr, text, _GONE_FROM_LEARNER[parent.attr])
    for attribute in names.all_of(ast.Attribute):
        yield from _old_attributes(attribute)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _old_attributes(node: ast.Attribute) -> Iterator[Finding]:
    of = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
    line = node.end_lineno or node.lineno
    if node.attr == "add_metrics" and of == "recorder":
        text = "`recorder.add_metrics` is gone since v1.0.47"
        yield Finding(
            line, "work", "before-1.0.47", "add_metrics", text, "return `add_metrics(last_metrics, values)`"
        )
    elif node.attr == "sched" and of in ("learn", "learner"):
        text = "`learn.sched` is of fastai 0.7"
        yield Finding(line, "work", "0.7", "sched", text, "read `learn.recorder`")


def _unbound(names: NamesOfFile) -> Iterator[Finding]:
    for unbound in unbound_names(names):
        name = unbound.name
        version = "v2" if name in V2_NAMES else "0.7" if name in V07_NAMES else ""
        if version:
            text = f"`{name}` is a name of fastai {version}, not of v1"
            yield Finding(unbound.line, "work", version, name, text, "port the file to v1's names first")
        else:
            text = f"nothing in the file binds `{name}`, and no star import brings it here"
            yield Finding(unbound.line, "work", "unknown-name", name, text, "import or define it")
