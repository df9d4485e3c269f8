"""Random callback programs, run by `fit` and by a model of the protocol that fits on a screen: no difference.

A program is a handful of listeners and metrics, some without the base class, some as data sets, which answer
events by chance: nothing, flags, new values, keys that are unknown or not there yet, bare values of the
older protocol, errors. What is compared is every call with all its arguments, the error in the end, the
final state and the trained parameters.
"""

from __future__ import annotations

import random
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from fastloop_v1.basic_train import fit
from fastloop_v1.callback import Callback
from fastloop_v1.errors import CallbackReturnError, LegacyReturnWarning

PROGRAMS, CHUNKS = 2000, 20

# --- the model: the contract once more, and the loop ------------------------------------------------------

RESET = {
    "train_begin": {"epoch": 0, "iteration": 0, "num_batch": 0, "skip_validate": False},
    "epoch_begin": {"num_batch": 0, "stop_training": False},
    "batch_begin": {"stop_epoch": False, "skip_bwd": False, "skip_step": False, "skip_zero": False},
}
BARE_VALUES = {"batch_begin": "last_input", "loss_begin": "last_output", "backward_begin": "last_loss"}
BARE_FLAGS = {
    "backward_end": "skip_step",
    "step_end": "skip_zero",
    "batch_end": "stop_epoch",
    "epoch_end": "stop_training",
}
EVENTS = ("train_begin", "epoch_begin", *BARE_VALUES, *BARE_FLAGS, "train_end")


def as_dict(event, answer):
    """What an answer means."""
    if answer is None or isinstance(answer, dict):
        return answer or {}
    if event in BARE_FLAGS and isinstance(answer, bool):
        return {BARE_FLAGS[event]: True} if answer else {}
    if event == "batch_begin" and isinstance(answer, tuple):
        return {"last_input": answer[0], "last_target": answer[1]}
    if event in BARE_VALUES and isinstance(answer, torch.Tensor):
        return {BARE_VALUES[event]: answer}
    raise CallbackReturnError


class Dispatch:
    """Who is called with what, and what becomes of the answers."""

    def __init__(self, callbacks, metrics):
        self.metrics, self.callbacks = metrics, sorted(callbacks, key=lambda actor: actor._order)
        self.state, self.joined, self.begun = {}, [], []
        self.said = set()

    def fire(self, event, *, mets=True, passed=(), **given):
        self.state.update(RESET.get(event, {}), **given)
        for actor in [*self.metrics * mets, *self.callbacks, *self.joined]:
            self.call(actor, event, passed)
            self.begun += [actor] * (event == "train_begin")
        return self.state

    def call(self, actor, event, passed=()):
        for key, value in as_dict(event, actor.act(event, {**self.state, **dict(passed)})).items():
            if key not in self.state:
                raise Exception(f"{key} isn't a valid key in the state of the callbacks.")
            self.state[key] = value
            self.said.add(key)

    def end(self, error):
        errors = [error] if error else []
        for actor in [*self.begun, *self.joined]:
            try:
                self.call(actor, "train_end", {"exception": error or False})
            except BaseException as another:  # noqa: BLE001  (interrupts are answers, too)
                errors.append(another)
        return errors

    def join(self, dl):
        self.joined = [dl.dataset] if isinstance(dl.dataset, Callback) else []


class Loop:
    """The training loop: which events there are, and where their outcome is used."""

    def __init__(self, learn, callbacks, metrics):
        self.learn, self.to = learn, Dispatch(callbacks, metrics)
        self.mov_avg, self.n = 0.0, 0

    def batch(self, xb, yb, *, train):
        state = self.to.fire("batch_begin", mets=not train, last_input=xb, last_target=yb, train=train)
        yb = state["last_target"]
        out = self.learn.model(state["last_input"])
        loss = F.mse_loss(self.to.fire("loss_begin", mets=False, last_output=out)["last_output"], yb)
        loss = self.step(loss) if train else loss
        self.to.fire("batch_end", mets=not train, last_loss=loss.detach())
        state.update(iteration=state["iteration"] + train, num_batch=state["num_batch"] + train)
        return loss.item()

    def step(self, loss):
        self.n, self.mov_avg = self.n + 1, 0.98 * self.mov_avg + (1 - 0.98) * loss.detach()
        smooth = self.mov_avg / (1 - 0.98**self.n)
        state = self.to.fire("backward_begin", mets=False, last_loss=loss, smooth_loss=smooth)
        loss = state["last_loss"]
        if not state["skip_bwd"]:
            loss.backward()
        if not self.to.fire("backward_end", mets=False)["skip_step"]:
            self.learn.opt.step()
        if not self.to.fire("step_end", mets=False)["skip_zero"]:
            self.learn.opt.zero_grad()
        return loss

    def batches(self, dl, *, train):
        losses = []
        for xb, yb in dl:
            losses.append(self.batch(xb, yb, train=train))
            if self.to.state["stop_epoch"]:
                break
        return np.mean(np.array(losses, dtype=np.float32))

    def epoch(self):
        self.to.join(self.learn.data.train_dl)
        state, val_loss = self.to.fire("epoch_begin"), None
        if "skip_validate" not in self.to.said:
            state["skip_validate"] = self.skips
        self.batches(self.learn.data.train_dl, train=True)
        if not state["skip_validate"] and self.learn.data.valid_dl:
            self.to.join(self.learn.data.valid_dl)
            with torch.no_grad():
                val_loss = self.batches(self.learn.data.valid_dl, train=False)
        self.to.said.clear()
        self.to.fire("epoch_end", mets=val_loss is not None, last_metrics=[val_loss])
        state["epoch"] += 1
        return state["stop_training"]

    def fit(self, epochs):
        names, error = [metric.name for metric in self.to.metrics], None
        given = {"n_epochs": epochs, "pbar": None, "metrics": self.to.metrics}
        try:
            first = self.to.fire("train_begin", passed={"metrics_names": names}, **given)["epoch"]
            self.skips = self.to.state["skip_validate"]
            for actor in self.to.callbacks if first else []:
                actor.jump_to_epoch(first)
            any(self.epoch() for _ in range(first, epochs))
        except BaseException as raised:  # noqa: BLE001  (interrupts are answers, too)
            error = raised
        return self.to.end(error)


# --- random programs --------------------------------------------------------------------------------------

FLAGS = ("stop_training", "stop_epoch", "skip_bwd", "skip_step", "skip_zero", "skip_validate")
COUNTS = ("epoch", "iteration", "num_batch", "n_epochs")
VALUES = ("last_input", "last_target", "last_output", "last_loss", "smooth_loss")


def shown(value):
    """A value of the state as something to compare."""
    if isinstance(value, (int, str)):
        return type(value), value
    if isinstance(value, torch.Tensor):
        return value.item()
    if isinstance(value, BaseException):
        return told(value, 0)[0]
    return [shown(item) for item in value] if isinstance(value, list) else repr(value)


def some_value(rng, key, state):
    """A value for a key of the state, like the one it has."""
    if key in FLAGS:
        return rng.choice((True, True, False, "yes", 0))
    if key in COUNTS:
        return rng.randrange(4)
    if key in VALUES:
        return 0.5 * state[key]
    return [*state[key], 7] if key == "last_metrics" else 7


def valid_answer(rng, state):
    """A dict of one or two keys that are there."""
    keys = [key for key in (*FLAGS, *COUNTS, *VALUES, "last_metrics") if key in state]
    return {key: some_value(rng, key, state) for key in rng.choices(keys, k=rng.choice((1, 1, 2)))}


def bare_answer(rng, event, state):
    """A bare value of the older protocol, or one that means nothing where it meant nothing."""
    if event in BARE_FLAGS:
        return rng.random() < 0.5
    if event == "batch_begin" and rng.random() < 0.5:
        return 0.5 * state["last_input"], 0.5 * state["last_target"]
    return 0.5 * state[BARE_VALUES[event]] if event in BARE_VALUES else None


def answer_of(rng, event, state, name):
    """What a listener answers: nothing most of the time."""
    chance = rng.random()
    if chance < 0.8:
        return rng.choice((None, None, {}))
    if chance < 0.9:
        return valid_answer(rng, state)
    if chance < 0.98:
        return bare_answer(rng, event, state)
    if chance < 0.985:
        return {rng.choice(("nonsense", *FLAGS, *VALUES[2:], "last_metrics")): torch.tensor(0.5)}
    if chance < 0.99:
        return rng.choice((3, "text", {1}))
    raise rng.choice((ValueError, ValueError, KeyboardInterrupt, SystemExit))(f"{name} in {event}")


class Acting:
    """Writes down what it hears and answers by chance, the same in every run of the same program."""

    def __init__(self, seed, name, order, log):
        self.seed, self.name, self._order, self.log, self.calls = seed, name, order, log, 0

    def act(self, event, state):
        if event not in self.heard:
            return None
        plain = {key: shown(value) for key, value in state.items() if key not in ("pbar", "metrics")}
        self.log.append((self.name, event, plain))
        self.calls += 1
        if self.name == "witness":
            return None
        return answer_of(random.Random(hash((self.seed, self.calls))), event, state, self.name)

    def jump_to_epoch(self, epoch):
        self.log.append((self.name, "jump", epoch))


def _hearing(event):
    return lambda self, **state: self.act(event, state)


def actor(rng, name, log, *, base, heard=None):
    """A listener to some of the events, made of a class of its own."""
    heard = rng.sample(EVENTS, rng.randint(1, len(EVENTS))) if heard is None else heard
    methods = {f"on_{event}": _hearing(event) for event in heard}
    cls = type(name.title(), (Acting, base), {**methods, "heard": frozenset(heard)})
    return cls(rng.getrandbits(32), name, rng.randint(-1, 1), log)


class Loader(list):
    """Batches, and the data set they are from."""

    dataset = None


def program(seed):
    """A learner, listeners, metrics, the number of epochs, and the log they will write; alike for a seed."""
    rng, log, generator = random.Random(seed), [], torch.Generator().manual_seed(seed)
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 0.5)
    loaders = [
        Loader(torch.randn(n, 2, 1, 1, generator=generator)) for n in (rng.randint(1, 2), rng.randint(0, 2))
    ]
    for dl, name in zip(loaders, ("train set", "valid set"), strict=True):
        dl.dataset = actor(rng, name, log, base=Callback) if rng.random() < 0.2 else None
    data = SimpleNamespace(train_dl=loaders[0], valid_dl=loaders[1], empty_val=not loaders[1])
    opt = torch.optim.SGD(model.parameters(), lr=0.1)
    learn = SimpleNamespace(model=model, loss_func=F.mse_loss, opt=opt, data=data, silent=True)
    bases = (Callback, Callback, object)
    callbacks = [actor(rng, f"callback {i}", log, base=rng.choice(bases)) for i in range(rng.randint(0, 3))]
    metrics = [actor(rng, f"metric {i}", log, base=rng.choice(bases)) for i in range(rng.randint(0, 2))]
    callbacks.insert(0, actor(rng, "witness", log, base=Callback, heard=EVENTS))
    callbacks[0]._order = 9
    return learn, callbacks, metrics, rng.choice((0, 1, 2, 2)), log


def told(error, others):
    """An error as something to compare: its kind, its first line, and how many others it tells of."""
    if "does not require grad and does not have a grad_fn" in str(error):
        return RuntimeError, "no gradient", others  # torch's error, or the package's own words for it
    text = "" if isinstance(error, CallbackReturnError) else str(error).split("\n")[0]
    return type(error), text, others


def run_by_fit(seed):
    """Log, end and weight of a program run by the package."""
    learn, callbacks, metrics, epochs, log = program(seed)
    try:
        fit(epochs, learn, callbacks, metrics)
    except BaseException as error:  # noqa: BLE001  (interrupts are answers, too)
        shown_text = "\n".join([str(error), *getattr(error, "__notes__", ())])
        return log, told(error, shown_text.count("Also, at the end of training: ")), learn.model.weight.item()
    return log, None, learn.model.weight.item()


def run_by_model(seed):
    """Log, end and weight of a program run by the model."""
    learn, callbacks, metrics, epochs, log = program(seed)
    errors = Loop(learn, callbacks, metrics).fit(epochs)
    return log, told(errors[0], len(errors) - 1) if errors else None, learn.model.weight.item()


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_random_program_does_what_the_model_says(chunk):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LegacyReturnWarning)
        for seed in range(chunk, PROGRAMS, CHUNKS):
            (log, *end), (model_log, *model_end) = run_by_fit(seed), run_by_model(seed)
            for place, (call, model_call) in enumerate(zip(log, model_log, strict=False)):
                assert call == model_call, f"call {place} of program {seed}"
            assert len(log) == len(model_log), f"number of calls of program {seed}"
            assert end == model_end, f"end of program {seed}"


def test_random_programs_take_many_ways():
    ends, heard = set(), set()
    for seed in range(150):
        log, end, _ = run_by_model(seed)
        ends.add(end[0] if end else None)
        heard.update((event, call[0].split()[0]) for call in log for event in [call[1]])
    assert ends >= {None, Exception, ValueError, KeyboardInterrupt, SystemExit, CallbackReturnError}
    assert {event for event, who in heard if who == "callback"} == {*EVENTS, "jump"}
    assert {who for _, who in heard} == {"witness", "callback", "metric", "train", "valid"}
