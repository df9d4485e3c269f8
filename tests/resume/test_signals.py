"""`SIGTERM` and Ctrl-C end training where it can go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from scenario import Scenario, learner, outcome, train, undisturbed

from fastloop_v1.callback import Callback
from fastloop_v1.callbacks import CheckpointCallback

OF = Scenario(every=100)


@pytest.fixture(autouse=True)
def _interruptible():
    """Let Ctrl-C interrupt, which a process that a shell began in the background ignores."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


class Sends(Callback):
    """Sends this process a signal at the n-th call of an event, and writes down what training ends with."""

    outside_of_state = True

    def __init__(self, number, event, n, order=0, train=None):
        self._order, self.number, self.left, self.train = order, number, n, train
        self.ended = None
        setattr(self, f"on_{event}", self._count)

    def _count(self, **state):
        if self.train is None or state["train"] is self.train:
            self.left -= 1
            if self.left == 0:
                os.kill(os.getpid(), self.number)

    def on_train_end(self, exception, **state):
        """Note how it ends."""
        self.ended = exception


MOMENTS = {
    "in a batch": ("backward_begin", 7, None, 0),
    "in a batch, before all": ("batch_begin", 7, None, -(2**32)),
    "behind all": ("batch_end", 7, True, 2**33),
    "at the end of an epoch's training": ("step_end", 5, None, 0),
    "in validation": ("loss_begin", 6, False, 0),
    "in the last batch of validation": ("batch_end", 4, False, 2**33),
    "at the end of an epoch": ("epoch_end", 2, None, 0),
    "behind the end of an epoch": ("epoch_end", 1, None, 2**33),
    "at the beginning": ("epoch_begin", 1, None, 0),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_sigterm_saves_and_exits_with_143_and_training_goes_on(tmp_path, moment):
    event, n, training, order = MOMENTS[moment]
    of = Scenario(every=100, recurrent=True, n_step=2)
    before = signal.getsignal(signal.SIGTERM)
    learn, sends = learner(tmp_path / "parts", of), Sends(signal.SIGTERM, event, n, order, training)
    with pytest.raises(SystemExit) as ended:
        train(learn, of, sends)
    assert ended.value.code == 143
    assert sends.ended is ended.value
    assert signal.getsignal(signal.SIGTERM) == before
    again = learner(tmp_path / "parts", of, seed=4)
    train(again, of, resume=True)
    assert outcome(again) == undisturbed(of)


def test_sigterm_in_validation_does_not_wait_for_its_end(tmp_path):
    learn, sends = learner(tmp_path, OF), Sends(signal.SIGTERM, "loss_begin", 1, train=False)
    with pytest.raises(SystemExit):
        train(learn, OF, sends)
    assert sum(line.startswith("False") for line in learn.batch_log.lines) == 1


def test_second_sigterm_in_validation_keeps_what_there_is(tmp_path):
    for seed in range(3):
        learn = learner(tmp_path / "parts", OF, seed=seed)
        with pytest.raises(SystemExit):
            train(learn, OF, Sends(signal.SIGTERM, "loss_begin", 2, train=False), resume=True)
    again = learner(tmp_path / "parts", OF, seed=4)
    train(again, OF, resume=True)
    assert outcome(again) == undisturbed(OF)


def test_ctrl_c_saves_nothing_unless_asked(tmp_path):
    learn, sends = learner(tmp_path, OF), Sends(signal.SIGINT, "backward_begin", 7)
    with pytest.raises(KeyboardInterrupt):
        train(learn, OF, sends)
    assert isinstance(sends.ended, KeyboardInterrupt)
    assert len(learn.checkpoint_callback.folder.paths()) == 1


def _with_interrupts(path, seed=0):
    learn = learner(path, OF, seed)
    made = [fn for fn in learn.callback_fns if getattr(fn, "func", None) is CheckpointCallback]
    made[0].keywords["save_on_interrupt"] = True
    return learn


@pytest.mark.parametrize("moment", list(MOMENTS)[::3])
def test_ctrl_c_finishes_the_batch_and_saves_if_asked(tmp_path, moment):
    event, n, training, order = MOMENTS[moment]
    learn, sends = _with_interrupts(tmp_path / "parts"), Sends(signal.SIGINT, event, n, order, training)
    with pytest.raises(KeyboardInterrupt):
        train(learn, OF, sends)
    assert isinstance(sends.ended, KeyboardInterrupt)
    again = _with_interrupts(tmp_path / "parts", seed=4)
    train(again, OF, resume=True)
    assert outcome(again) == undisturbed(OF)


def test_second_ctrl_c_interrupts_at_once(tmp_path):
    learn = _with_interrupts(tmp_path)
    first, second = Sends(signal.SIGINT, "loss_begin", 3), Sends(signal.SIGINT, "backward_begin", 3)
    with pytest.raises(KeyboardInterrupt):
        train(learn, OF, first, second)
    assert len(learn.recorder.lrs) == 3
    assert len(learn.checkpoint_callback.folder.paths()) == 1


def test_signal_after_the_last_checkpoint_still_ends_the_program(tmp_path):
    learn, sends = learner(tmp_path, OF), Sends(signal.SIGTERM, "train_end", 1)
    with pytest.raises(SystemExit) as ended:
        train(learn, OF, sends)
    assert ended.value.code == 143


SCRIPT = """
import os, signal, sys
from scenario import Scenario, learner, train
from test_signals import Sends
of = Scenario(every=100, workers=2)
train(learner(sys.argv[1], of), of, Sends(signal.SIGTERM, "backward_end", 8), resume=True)
"""


def test_process_with_workers_exits_with_143_and_training_goes_on(tmp_path):
    here = Path(__file__).parent
    environment = {**os.environ, "PYTHONPATH": f"{here}:{here.parent.parent}", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", SCRIPT, tmp_path / "parts"], env=environment, check=False)
    assert done.returncode == 143
    of = Scenario(every=100, workers=2)
    again = learner(tmp_path / "parts", of, seed=4)
    train(again, of, resume=True)
    assert outcome(again) == undisturbed(of)
