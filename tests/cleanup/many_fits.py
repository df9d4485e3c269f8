"""Fits many short learners in one process and prints, as JSON, what each of them and all together leave.

Run as `python many_fits.py NUMBER [traced]`; half of the fits fail. `traced` counts bytes that Python has
taken and not given back, which takes several times as long.
"""

from __future__ import annotations

import gc
import io
import json
import os
import sys
import tempfile
import threading
import tracemalloc
import warnings
import weakref
from collections import Counter
from functools import partial
from pathlib import Path

import torch
from matplotlib import pyplot
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from tqdm import tqdm

from fastloop_v1 import callbacks
from fastloop_v1.basic_data import DataBunch
from fastloop_v1.basic_train import Learner
from fastloop_v1.callback import Callback, CallbackHandler
from fastloop_v1.metrics import accuracy
from fastloop_v1.optim import OptimWrapper
from fastloop_v1.recorder import Recorder

COUNTED = (Learner, Recorder, CallbackHandler, OptimWrapper, DataBunch, DataLoader, tqdm, BaseException)
EVENTS = ("train_begin", "epoch_begin", "batch_begin", "loss_begin", "backward_begin", "backward_end")
EVENTS += ("step_end", "batch_end", "epoch_end", "train_end")
WITH_WORKERS = 25  # every so many fits load in two processes


class Wrong(ValueError):
    """An error that can be referred to weakly."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, likewise."""


class Left(SystemExit):
    """An exit, likewise."""


class Failing(Callback):
    """Raises an error at an event."""

    def __init__(self, event, error):
        setattr(self, f"on_{event}", self._fail)
        self.error = error

    def _fail(self, **state):
        raise self.error(f"at {state['iteration']}")


class Inside(Callback):
    """Predicts, validates, trains and looks for a learning rate in the middle of an epoch."""

    def __init__(self, learn):
        self.learn = weakref.proxy(learn)

    def on_batch_end(self, train, iteration, **state):
        if train and iteration == 0:
            self.learn.get_preds()
            self.learn.validate()
            self.learn.predict(torch.zeros(4))
            callback, self.learn.callbacks = self.learn.callbacks, []
            self.learn.lr_find(num_it=2)
            self.learn.fit(1)
            self.learn.callbacks = callback


class Terminal(io.StringIO):
    """Standard error that says it is a terminal."""

    def isatty(self):
        return True


def learner(folder, *, workers=0, silent=True):
    """A small learner with two batches of training data and two of validation data."""
    data = TensorDataset(torch.randn(8, 4), torch.arange(8) % 2)
    loaders = [DataLoader(data, 4, num_workers=workers) for _ in range(2)]
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))
    bunch = DataBunch(*loaders, path=folder, device="cpu")
    return Learner(bunch, model, loss_func=nn.CrossEntropyLoss(), metrics=[accuracy], silent=silent)


# --- kinds of fits ------------------------------------------------------------------------------------------


def plots(learn, failing):
    """A fit, and the pictures of it."""
    learn.lr_find(num_it=4)
    learn.recorder.plot(skip_start=0, skip_end=0, suggestion=True)
    learn.fit(1, callbacks=failing)
    learn.recorder.plot_losses()
    learn.interpret().plot_confusion_matrix()


def bars(learn, failing):
    """A fit with bars in a terminal."""
    learn.silent = False
    learn.callback_fns[0] = partial(Recorder, silent=False)
    learn.fit_one_cycle(1, callbacks=failing)


def half(learn, failing):
    """A fit in half precision."""
    learn.to_fp16().fit(1, callbacks=failing)


def stock(learn, failing):
    """A fit with callbacks that change or hook something, or write files."""
    for make in (callbacks.CSVLogger, callbacks.SaveModelCallback, callbacks.ActivationStats):
        learn.callbacks.append(make(learn))
    learn.callback_fns += [callbacks.MixUpCallback, callbacks.AccumulateScheduler, callbacks.BalancedSampling]
    learn.callbacks.append(callbacks.TerminateOnNaNCallback(on_nan="skip", read_every=2))
    learn.fit(1, callbacks=failing)


def inside(learn, failing):
    """A fit in which others take place."""
    learn.fit(1, callbacks=[Inside(learn), *failing])


def files(learn, failing):
    """A fit that is saved, loaded and exported."""
    learn.fit(1, callbacks=failing)
    learn.save("weights")
    learn.load("weights")
    learn.export()


def plain(learn, failing):
    """An ordinary fit."""
    learn.fit(1, callbacks=failing)
    learn.get_preds()


def found(learn, failing):
    """A search for a learning rate with the callback among the learner's own."""
    learn.callbacks += failing
    learn.lr_find(num_it=3)


KINDS = (plain, found, stock, half, bars, inside, files, plots)


def one_fit(number, folder):
    """Make a learner, fit it, well or not, drop it; return references to what should be gone."""
    kind, fails = KINDS[number % len(KINDS)], number // len(KINDS) % 2
    error = (Wrong, Interrupted, Left)[number % 3]
    event = EVENTS[number * 7 % len(EVENTS)]
    learn = learner(folder, workers=2 if number % WITH_WORKERS == WITH_WORKERS - 1 else 0)
    kept = None
    try:
        kind(learn, [Failing(event, error)] if fails else [])
    except (Wrong, Interrupted, Left) as raised:
        kept = raised
    pyplot.close("all")
    parts = [learn, learn.model, learn.data, *([learn.opt] if hasattr(learn, "opt") else [])]
    there = [weakref.ref(part) for part in (*parts, *([kept] if kept else []))]
    del learn, parts, kept
    return kind.__name__, there


# --- what is left -------------------------------------------------------------------------------------------


def children():
    """Processes started by this one."""
    tasks = Path("/proc/self/task").iterdir()
    return sum(len((task / "children").read_text().split()) for task in tasks)


def rest():
    """What the process has, after a collection."""
    gc.collect()
    objects = Counter(
        kind.__name__ for each in gc.get_objects() for kind in COUNTED if isinstance(each, kind)
    )
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return {
        "objects": dict(objects),
        "descriptors": len(os.listdir("/proc/self/fd")),
        "threads": threading.active_count(),
        "children": children(),
        "figures": len(pyplot.get_fignums()),
        "bars": len(getattr(tqdm, "_instances", ())),
        "all objects": len(gc.get_objects()),
        "traced": tracemalloc.get_traced_memory()[0],
        "resident": resident,
    }


def main(number, *, traced):
    """Fit, and print what is left."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    printed, sys.stdout, sys.stderr = sys.stdout, Terminal(), Terminal()
    held = Counter()
    with tempfile.TemporaryDirectory() as folder:
        warm = 2 * len(KINDS) + WITH_WORKERS
        for at in range(warm):
            one_fit(at, folder)
        if traced:
            tracemalloc.start()
        for at in range(2 * len(KINDS)):
            one_fit(at, folder)
        gc.collect()
        gc.freeze()  # a collection then looks only at what comes from here on
        gc.disable()
        before = rest()
        for at in range(number):
            name, there = one_fit(at, folder)
            held.update([name] if any(reference() is not None for reference in there) else [])
            if at % (2 * len(KINDS)) == 0:
                gc.collect()
            for screen in (sys.stdout, sys.stderr):
                screen.seek(0)
                screen.truncate()
        gc.enable()
        after = rest()
    json.dump({"before": before, "after": after, "waiting for gc": held}, printed)


if __name__ == "__main__":
    screens = sys.stdout, sys.stderr
    try:
        main(int(sys.argv[1]), traced="traced" in sys.argv[2:])
    finally:
        sys.stdout, sys.stderr = screens
