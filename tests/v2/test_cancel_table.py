"""Every signal raised in every event, against the rule of v2's levels written out."""

from __future__ import annotations

import itertools

import pytest

from fastloop_v1 import v2
from fastloop_v1.v2.event_names import EVENT_NAMES

SIGNALS = {
    "backward": v2.CancelBackwardException,
    "step": v2.CancelStepException,
    "batch": v2.CancelBatchException,
    "train": v2.CancelTrainException,
    "validate": v2.CancelValidException,
    "epoch": v2.CancelEpochException,
    "fit": v2.CancelFitException,
}


class Rule:
    """A fit of two epochs of two training batches and two validation batches, as v2 defines it."""

    def __init__(self, at_event):
        self.at_event, self.steps, self.clears = at_event, 0, 0

    def level(self, name, body):
        """before, the body; on the level's own signal after_cancel; then after, if nothing was raised."""
        try:
            self.at_event(f"before_{name}")
            body()
        except SIGNALS[name]:
            self.at_event(f"after_cancel_{name}")
        self.at_event(f"after_{name}")

    def fit(self):
        self.level("fit", self.epochs)

    def epochs(self):
        for _ in range(2):
            self.level("epoch", self.epoch)

    def epoch(self):
        self.level("train", lambda: self.batches(self.trained))
        self.level("validate", lambda: self.batches(self.predicted))

    def batches(self, body):
        for _ in range(2):
            self.level("batch", body)

    def predicted(self):
        self.at_event("after_pred")
        self.at_event("after_loss")

    def trained(self):
        self.predicted()
        self.level("backward", lambda: None)
        self.level("step", self.step)
        self.clears += 1

    def step(self):
        self.steps += 1


def raising(log, event, nth, signal):
    """Notes each event, and raises at the n-th of one kind."""

    def at_event(name):
        log.append(name)
        if name == event and log.count(name) == nth:
            raise signal

    return at_event


def ours(small, at_event):
    """The same in our loop; returns steps and clearings of gradients."""
    cb = v2.Callback(**{name: lambda self, name=name: at_event(name) for name in EVENT_NAMES[1:]})
    learn = small.learner(cbs=[cb])
    learn.create_opt(0.1)
    counts = {"step": 0, "zero_grad": 0}

    def counted(name):
        method = getattr(learn.opt, name)

        def call(*args):
            counts[name] += 1
            return method(*args)

        return call

    learn.opt.step, learn.opt.zero_grad = counted("step"), counted("zero_grad")
    try:
        learn.fit(2, 0.1)
    finally:
        learn.counts = (counts["step"], counts["zero_grad"])
        at_event.counts = learn.counts


CASES = [
    (event, nth, signal)
    for event, nth, signal in itertools.product(EVENT_NAMES[1:], (1, 2, 3), SIGNALS.values())
    if not event.startswith("after_cancel") and (nth == 1 or not event.endswith("_fit"))
]


def outcome(run):
    try:
        run()
    except tuple(SIGNALS.values()) as signal:
        return type(signal)


@pytest.mark.parametrize("event", [name for name in EVENT_NAMES[1:] if not name.startswith("after_cancel")])
def test_signals_do_what_the_rule_says(small, event):
    for _, nth, signal in (case for case in CASES if case[0] == event):
        expected, found = [], []
        rule = Rule(raising(expected, event, nth, signal))
        left = outcome(rule.fit)
        listener = raising(found, event, nth, signal)
        assert (left, expected) == (outcome(lambda listener=listener: ours(small, listener)), found)
        assert (rule.steps, rule.clears) == listener.counts


@pytest.mark.parametrize("level", SIGNALS)
def test_signals_in_the_answer_to_a_signal_do_what_the_rule_says(small, level):
    for signal in SIGNALS.values():
        expected, found = [], []

        def listening(log, signal=signal):
            first = raising(log, f"before_{level}", 1, SIGNALS[level])

            def at_event(name):
                first(name)
                if name == f"after_cancel_{level}":
                    raise signal

            return at_event

        rule, listener = Rule(listening(expected)), listening(found)
        assert (outcome(rule.fit), expected) == (
            outcome(lambda listener=listener: ours(small, listener)),
            found,
        )
