"""Whatever raises, and wherever: hooks, loss, loaders, files and modes are as before, and all are told."""

from __future__ import annotations

import copy
import itertools
import os
import random
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from fastloop_v1.basic_data import DataBunch, DeviceDataLoader
from fastloop_v1.basic_train import Learner
from fastloop_v1.callback import Callback
from fastloop_v1.events import EVENTS

# What MLflow and TensorBoard warn of among themselves.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

KINDS = [RuntimeError, KeyboardInterrupt, SystemExit]
PARTS = ["model", "loss", "optimizer", "loader", "metric"]


class Ended(Callback):
    """Notes what it is told at the end; it comes last."""

    _order = 20_000

    def __init__(self):
        self.told = []

    def on_train_end(self, exception, **state):
        self.told.append(exception)


def raising(error, after=0):
    """A function that does nothing so many times, and raises the error then."""
    calls = itertools.count()

    def answer(*args, **kwargs):
        if next(calls) >= after:
            raise error

    return answer


def break_part(learn, part, error, patch):
    """Let a part of a learner raise."""
    fail = raising(error, after=1)
    if part == "model":
        layer = list(learn.model.children())[-1]
        whole = type(layer).forward
        patch.setattr(type(layer), "forward", lambda self, *args: fail() or whole(self, *args))
    elif part == "loss":
        whole = type(learn.loss_func).forward
        patch.setattr(type(learn.loss_func), "forward", lambda self, *args: fail() or whole(self, *args))
    elif part == "optimizer":
        whole = type(learn.opt).step
        patch.setattr(type(learn.opt), "step", lambda self, *args: fail() or whole(self, *args))
    elif part == "loader":
        whole = TensorDataset.__getitem__
        patch.setattr(TensorDataset, "__getitem__", lambda self, at: fail() or whole(self, at))
    else:
        learn.metrics.append(raising(error))


def in_full(error):
    """The text of an error with its notes."""
    return "\n".join([str(error), *getattr(error, "__notes__", [])])


def descriptors():
    """Open files, where the system tells."""
    folder = Path("/proc/self/fd")
    return len(os.listdir(folder)) if folder.is_dir() else 0


def assert_all_is_as_before(learn, error, before, whole_condition, ended):
    assert whole_condition(learn) == before
    assert ended.told == [error]


def test_every_place_and_kind_of_error(setting, learner, put_on, whole_condition, Spy):
    learn = learner(setting.task)
    put_on(setting, learn)
    learn.model.eval()
    before, files = whole_condition(learn), descriptors()
    chosen = random.Random(str(setting.task))
    ending = ("train_end", "epoch_end") if setting.ends else ("train_end",)
    for at, event in enumerate(event for event in EVENTS if event not in ending):
        error, ended = KINDS[at % 3](event), Ended()
        spy = Spy(order=chosen.choice([-10_000, 10_000]), **{event: raising(error)})
        with pytest.raises(KINDS[at % 3]) as caught:
            learn.fit(1, 0.05, callbacks=[spy, ended])
        assert caught.value is error
        # One that did not begin has nothing to put back.
        assert ended.told == ([] if event == "train_begin" else [error])
        assert whole_condition(learn) == before
    assert descriptors() <= files + 1 or setting.slow  # a writer for TensorBoard keeps its file till the end


@pytest.mark.parametrize("part", PARTS)
def test_every_part_of_a_learner(part, setting, learner, put_on, whole_condition, monkeypatch):
    learn = learner(setting.task)
    put_on(setting, learn)
    learn.model.eval()
    error, ended = KINDS[len(part) % 3](part), Ended()
    with monkeypatch.context() as patch:
        break_part(learn, part, error, patch)
        before = whole_condition(learn)
        if part == "metric" and setting.ends:
            return  # it ends training before anything is validated
        with pytest.raises(type(error)) as caught:
            learn.fit(2, 0.05, callbacks=ended)
    assert caught.value is error
    assert_all_is_as_before(learn, error, before, whole_condition, ended)


def test_errors_at_the_end_keep_nobody_from_ending(setting, learner, put_on, whole_condition, Spy):
    learn = learner(setting.task)
    put_on(setting, learn)
    learn.fit(1, 0.05)
    before = whole_condition(learn)
    ends = [Spy("one", -10_000, train_end=ValueError("one")), Spy("two", 10_000, train_end=ValueError("two"))]
    ended = Ended()
    with pytest.raises(ValueError, match="one") as caught:
        learn.fit(1, 0.05, callbacks=[*ends, ended])
    assert "two" in in_full(caught.value)
    assert_all_is_as_before(learn, False, before, whole_condition, ended)
    fails = Spy(batch_begin=RuntimeError("first"))
    with pytest.raises(RuntimeError, match="first") as caught:
        learn.fit(1, 0.05, callbacks=[*ends, fails])
    assert all(f"ValueError('{word}')" in in_full(caught.value) for word in ("one", "two"))
    assert whole_condition(learn) == before


# --- callbacks of users -------------------------------------------------------------------------------------


class User(Callback):
    """Changes something when training begins, puts it back at the end, and may raise anywhere."""

    def __init__(self, learn, chosen, folder):
        self.learn, self._order = learn, chosen.randint(-3, 3)
        self.change = chosen.choice(["hook", "loss", "loader", "file", "nothing"])
        self.path = folder / f"{id(self)}.txt"
        if chosen.random() < 0.4:
            event, kind = chosen.choice(list(EVENTS)), chosen.choice(KINDS)
            whole, fail = getattr(self, f"on_{event}"), raising(kind(event), chosen.randrange(2))
            # It raises after its own work: what began is its own to end.
            setattr(self, f"on_{event}", lambda **state: (whole(**state), fail())[0])
        self.begun = self.ended = 0

    def on_train_begin(self, **state):
        self.begun += 1
        learn = self.learn
        if self.change == "hook":
            self.hook = learn.model[0].register_forward_hook(lambda *args: None)
        elif self.change == "loss":
            self.old, learn.loss_func = learn.loss_func, copy.copy(learn.loss_func)
        elif self.change == "loader":
            self.old, learn.data.train_dl = learn.data.train_dl, learn.data.train_dl.new(shuffle=False)
        elif self.change == "file":
            self.file = self.path.open("w")

    def on_train_end(self, **state):
        self.ended += 1
        if self.change == "hook":
            self.hook.remove()
        elif self.change == "loss":
            self.learn.loss_func = self.old
        elif self.change == "loader":
            self.learn.data.train_dl = self.old
        elif self.change == "file":
            self.file.close()


@pytest.mark.parametrize("seed", range(100))
def test_every_callback_that_began_is_ended_once(seed, learner, tmp_path, whole_condition):
    chosen, learn = random.Random(seed), learner()
    learn.fit(1, 0.05)
    before = whole_condition(learn)
    # One change of a kind: two that swap the same thing have to do so like a stack, which is up to them.
    users = {user.change: user for user in (User(learn, chosen, tmp_path) for _ in range(4))}
    users = [user for user in users.values() if "on_train_begin" not in vars(user)]
    error = None
    try:
        learn.fit(2, 0.05, callbacks=users)
    except (RuntimeError, KeyboardInterrupt, SystemExit) as raised:
        error = raised
    assert [user.ended for user in users] == [1] * len(users) == [user.begun for user in users]
    assert all(user.file.closed for user in users if user.change == "file")
    if error is None:
        before["modes"] = [part.training for part in learn.model.modules()]
    assert whole_condition(learn) == before


# --- fits in fits -------------------------------------------------------------------------------------------

INSIDE = {
    "fit": lambda learn: learn.fit(1),
    "one cycle": lambda learn: learn.fit_one_cycle(1),
    "lr_find": lambda learn: learn.lr_find(num_it=2),
    "get_preds": lambda learn: learn.get_preds(),
    "validate": lambda learn: learn.validate(),
    "predict": lambda learn: learn.predict(torch.zeros(4)),
}


@pytest.mark.parametrize("event", [event for event in EVENTS if event != "train_end"])
@pytest.mark.parametrize("inside", INSIDE.values(), ids=INSIDE)
def test_error_in_what_a_callback_does_inside_a_fit_ends_both(
    inside, event, learner, put_on, combinable, whole_condition, Spy, monkeypatch
):
    learn, fails = learner(), iter([False])
    for cls in combinable:
        if cls.__name__ in ("MixUpCallback", "HookCallback", "BnFreeze", "CSVLogger"):
            put_on(combinable[cls], learn)
    learn.model.eval()
    before, error, ended = whole_condition(learn), RuntimeError("inside"), Ended()
    whole = nn.BatchNorm1d.forward

    def forward(self, x):
        if not next(fails, True):
            raise error
        return whole(self, x)

    def act(state):
        monkeypatch.setattr(nn.BatchNorm1d, "forward", forward)
        inside(learn)

    with pytest.raises(RuntimeError, match="inside") as caught:
        learn.fit(1, 0.05, callbacks=[Spy(**{event: act}), ended])
    assert caught.value is error
    assert ended.told == ([] if event == "train_begin" else [error])
    assert whole_condition(learn) == before


@pytest.mark.parametrize(("act", "part"), [(act, part) for act in INSIDE for part in ("model", "loader")])
@pytest.mark.parametrize("kind", KINDS)
def test_error_outside_of_a_fit_leaves_the_learner_as_found(
    act, part, kind, learner, whole_condition, monkeypatch
):
    learn = learner()
    before = whole_condition(learn)
    with monkeypatch.context() as patch:
        owner, name = (nn.BatchNorm1d, "forward") if part == "model" else (DeviceDataLoader, "proc_batch")
        patch.setattr(owner, name, raising(kind("broken")))
        with pytest.raises(kind, match="broken"):
            INSIDE[act](learn)
    assert whole_condition(learn) == before


# --- workers ------------------------------------------------------------------------------------------------


def worker_processes():
    """Processes this one has started and that have not ended."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # a thread that has just ended
            found += (task / "children").read_text().split()
    return found


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="reads Linux's /proc")
@pytest.mark.parametrize("stop", ["error", "interrupt", "early"])
def test_workers_of_a_loader_end_with_a_fit_that_leaves_it_in_the_middle(stop, Spy):
    data = TensorDataset(torch.randn(40, 2), torch.randn(40, 1))
    loaders = DataLoader(data, 2, num_workers=2), DataLoader(data, 2, num_workers=2)
    learn = Learner(DataBunch(*loaders, device="cpu"), nn.Linear(2, 1), loss_func=nn.MSELoss(), silent=True)
    before, held = worker_processes(), None
    kind = {"error": RuntimeError, "interrupt": KeyboardInterrupt}.get(stop)
    answer = kind("now") if kind else {"stop_epoch": True, "skip_validate": True}
    try:
        learn.fit(1, callbacks=Spy(batch_end=answer))
    except (RuntimeError, KeyboardInterrupt) as error:
        held = error
    # The error, with its traceback, is still there.
    assert (held is None) == (kind is None)
    assert worker_processes() == before
