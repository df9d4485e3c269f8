"""Numbers recorded from fastai v2's optimizer and schedules, replayed on ours."""

from __future__ import annotations

import json
import math
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from fastloop_v1 import v2

# Some scenarios freeze all groups, of which we warn.
pytestmark = pytest.mark.filterwarnings("ignore::fastloop_v1.errors.FastloopWarning")
RECORDINGS = {path.stem: path for path in sorted((Path(__file__).parent / "public").glob("*.json"))}
# Recorded v2 behaviour that is repaired here on purpose; the comparison of these must fail.
REPAIRED = {
    "opt-nodefaults-p1": "adam_step and others have their defaults where Optimizer finds them",
    "opt-nodefaults-p2": "the defaults of a stepper are found through functools.partial",
}
SCHEDULES = {"cos": "SchedCos", "lin": "SchedLin", "exp": "SchedExp", "no": "SchedNo", "poly": "SchedPoly"}


def recordings(*kinds):
    """The scenarios of these kinds, each a test case by its name."""
    read = [json.loads(path.read_text(encoding="utf-8")) for path in RECORDINGS.values()]
    return [pytest.param(one, id=one["id"]) for one in read if one["kind"] in kinds]


# --- steppers of the recordings, by their names ------------------------------------------------------------


def count_calls(p, n=0, **kwargs):
    return {"n": n + 1}


def shrinking_step(p, lr, n, **kwargs):
    p.sub_(p.grad, alpha=lr / n)


def two_more(p, n, boost, **kwargs):
    return {"n": n + boost}


two_more.defaults = {"boost": 2}


def keeps_max(p, top=0.0, **kwargs):
    return {"top": max(top, p.grad.abs().max().item())}


def sign_step(p, lr, top, **kwargs):
    p.sub_(p.grad.sign(), alpha=lr * top)


def hyper_named_n(p, n, lr, **kwargs):
    p.sub_(p.grad, alpha=lr * n)
    return {"n": n + 1}


def returns_param(p, **kwargs):
    return p


def returns_empty(p, **kwargs):
    return {}


def returns_pair(p, **kwargs):
    return ("a", 1)


def sees_state(p, lr, seen="", **kwargs):
    return {"seen": ",".join(sorted(kwargs))}


OWN = (
    count_calls,
    shrinking_step,
    two_more,
    keeps_max,
    sign_step,
    hyper_named_n,
    returns_param,
    returns_empty,
    returns_pair,
    sees_state,
)
OWN = {stepper.__name__: stepper for stepper in OWN}


# --- what recipes say ---------------------------------------------------------------------------------------


def uniform(seed, shape):
    """Numbers in [-1, 1), the same in every version of numpy."""
    values = 2 * np.random.RandomState(seed).random_sample(tuple(shape)) - 1
    return torch.from_numpy(np.ascontiguousarray(values)).float()


def value_of(written):
    """Slices, arrays and tuples as they are written in a recipe."""
    makers = {"slice": lambda v: slice(*v), "np": np.array, "tuple": tuple}
    if not isinstance(written, dict):
        return written
    ((kind, value),) = written.items()
    return makers[kind](value)


def stepper_of(written):
    if isinstance(written, dict):
        return partial(stepper_of(written["partial"]), **written["kwargs"])
    return OWN.get(written) or getattr(v2, written)


def parameters(recipe):
    numbers = iter(range(1000))
    return [
        [torch.nn.Parameter(uniform(recipe["seed"] * 100 + next(numbers), shape)) for shape in group]
        for group in recipe["groups"]
    ]


def optimizer(written, groups):
    hypers = {name: value_of(value) for name, value in written.get("kwargs", {}).items()}
    params = [param for group in groups for param in group] if written.get("flat") else groups
    if written["name"] == "Optimizer":
        return v2.Optimizer(params, [stepper_of(stepper) for stepper in written["cbs"]], **hypers)
    if written["name"] == "Lookahead":
        return v2.Lookahead(optimizer(written["inner"], groups), **hypers)
    return getattr(v2, written["name"])(params, **hypers)


class Replay:
    """An optimizer over the parameters of a recipe, and the operations that scripts have."""

    def __init__(self, recipe):
        self.recipe, self.groups = recipe, parameters(recipe)
        self.params = [param for group in self.groups for param in group]
        self.opt = optimizer(recipe["opt"], self.groups)

    def do(self, name, *arguments):
        getattr(self, f"do_{name}", partial(self._plain, name))(*arguments)

    def _plain(self, name, *arguments):
        getattr(self.opt, name)(*map(value_of, arguments))

    def do_set_hypers(self, values):
        self.opt.set_hypers(**{name: value_of(value) for name, value in values.items()})

    def do_state(self, number, name, value):
        self.opt.state[self.params[number]][name] = value

    def do_hyper_item(self, group, name, value):
        self.opt.hypers[group][name] = value

    def do_save(self):
        self.saved = self.opt.state_dict()

    def do_load(self):
        self.opt.load_state_dict(self.saved)

    def do_reload(self):
        old, self.opt = self.opt, optimizer(self.recipe["opt"], self.groups)
        self.opt.load_state_dict(old.state_dict())

    def do_load_into(self, groups):
        other = optimizer(self.recipe["opt"], parameters(self.recipe | {"groups": groups}))
        other.load_state_dict(self.opt.state_dict())

    def do_step(self, seed):
        for number, param in enumerate(self.params):
            param.grad = uniform(seed + number, param.shape) if param.requires_grad else None
        self.opt.step()

    def do_step_closure(self):
        self.opt.step(lambda: None)

    def hypers(self):
        return [plain(hypers) for hypers in self.opt.hypers]

    def states(self):
        return [plain(self.opt.state.get(param, {})) for param in self.params]


def plain(values):
    """A dict as it is recorded: tensors as sums, numbers as they are."""
    return {
        name: summed(value) if isinstance(value, torch.Tensor) and value.dim() else number(value)
        for name, value in values.items()
    }


def summed(tensor):
    """Sum, sum of squares, and the first five values."""
    values = tensor.detach().double().flatten().tolist()
    return [math.fsum(values), math.fsum(value * value for value in values), values[:5]]


def number(value):
    return value.tolist() if isinstance(value, (np.ndarray, np.generic, torch.Tensor)) else value


def differences(expected, found, tol, path=""):
    """Where two recordings differ; numbers may by the tolerance."""
    if isinstance(expected, dict) and isinstance(found, dict) and expected.keys() == found.keys():
        return [d for key in expected for d in differences(expected[key], found[key], tol, f"{path}.{key}")]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = enumerate(zip(expected, found, strict=True))
        return [d for i, (one, other) in pairs for d in differences(one, other, tol, f"{path}[{i}]")]
    numbers = [isinstance(value, (int, float)) and not isinstance(value, bool) for value in (expected, found)]
    if all(numbers):
        same = abs(expected - found) <= tol["atol"] + tol["rtol"] * abs(expected)
    else:
        same = type(expected) is type(found) and expected == found
    return [] if same else [f"{path}: {expected!r}, got {found!r}"]


# --- replays ------------------------------------------------------------------------------------------------


def put_gradients(replay, step):
    recipe, grad = replay.recipe, replay.recipe["grad"]
    for i, param in enumerate(replay.params):
        if i in recipe.get("no_grad", {}).get(str(step), []):
            param.grad = None
        elif param.requires_grad:
            drawn = grad["scale"] * uniform(grad["seed"] + 1000 * step + i, param.shape)
            param.grad = drawn + grad["pull"] * param.detach()
        elif not recipe.get("keep_grad"):
            param.grad = None


def trajectory(recipe):
    replay, sums, after_zero = Replay(recipe), [], {}
    for step in range(recipe["steps"]):
        for operation in recipe.get("script", {}).get(str(step), []):
            replay.do(*operation)
        put_gradients(replay, step)
        replay.opt.step()
        sums.append([summed(param)[0] for param in replay.params])
        if step in recipe.get("zero_at", []):
            replay.opt.zero_grad()
            grads = [None if param.grad is None else summed(param.grad)[1] for param in replay.params]
            after_zero = {"grad_after_zero": grads}
    found = {
        "sums": sums,
        "final": [summed(p) for p in replay.params],
        "hypers": replay.hypers(),
        **after_zero,
    }
    return found | ({"state": replay.states()} if recipe.get("state", True) else {})


def operations(recipe):
    replay = Replay(recipe)

    def seen(operation, error, *, warned):
        trainable = [param.requires_grad for param in replay.params]
        return [operation, replay.hypers(), replay.opt.frozen_idx, trainable, replay.states(), warned, error]

    opt = replay.opt
    keys = [sorted(group) for group in opt.param_groups]
    sizes = [len(group) for group in opt.param_lists]
    rows = [seen("start", None, warned=False), [len(sizes), sizes, keys]]
    for operation in recipe["ops"]:
        error = None
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                replay.do(*operation)
            except (AssertionError, NotImplementedError) as raised:
                error = type(raised).__name__
        rows.append(seen(operation, error, warned=bool(caught)))
    return rows


def schedule(kind, *arguments):
    if kind == "combine":
        return v2.combine_scheds(arguments[0], [schedule(*one) for one in arguments[1]])
    return getattr(v2, SCHEDULES.get(kind, kind))(*map(value_of, arguments))


def curves(recipe):
    found = {}
    for written in recipe["scheds"]:
        try:
            sched = schedule(*written)
            found[json.dumps(written)] = [number(sched(pos)) for pos in recipe["pos"]]
        except AssertionError:
            found[json.dumps(written)] = "AssertionError"
    return found


def debiased(recipe):
    return [v2.debias(*arguments) for arguments in recipe["args"]]


RUNNERS = {"optim": trajectory, "hyper": operations, "sched_fn": curves, "debias": debiased}


@pytest.mark.parametrize("scenario", recordings(*RUNNERS))
def test_recording_is_reproduced(scenario):
    found = RUNNERS[scenario["kind"]](scenario["recipe"])
    found_differences = differences(scenario["expected"], json.loads(json.dumps(found)), scenario["tol"])
    if scenario["id"] in REPAIRED:
        assert found_differences, f"{scenario['id']} is as recorded; take it off REPAIRED"
    else:
        assert not found_differences


def test_what_is_repaired_is_marked_as_a_quirk():
    quirks = {
        name for name, path in RECORDINGS.items() if "quirk" in json.loads(path.read_text(encoding="utf-8"))
    }
    assert quirks >= REPAIRED.keys()
