"""Signals are noted while somebody watches, and do what they always did before and after."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from fastloop_v1.resume.signal_watch import SignalWatch


@pytest.fixture
def watch():
    """A watch over two signals, stopped in the end."""
    watch = SignalWatch((signal.SIGTERM, signal.SIGINT))
    yield watch
    watch.stop()


def test_signal_is_noted_and_ends_the_program_when_asked(watch):
    watch.start()
    os.kill(os.getpid(), signal.SIGTERM)
    assert watch.caught == signal.SIGTERM
    with pytest.raises(SystemExit) as ended:
        watch.end()
    assert ended.value.code == 143


def test_second_ctrl_c_interrupts_at_once(watch):
    watch.start()
    os.kill(os.getpid(), signal.SIGINT)
    assert watch.caught == signal.SIGINT
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        watch.end()


def test_first_signal_counts(watch):
    watch.start()
    os.kill(os.getpid(), signal.SIGTERM)
    os.kill(os.getpid(), signal.SIGINT)
    assert watch.caught == signal.SIGTERM


def test_without_a_signal_nothing_ends(watch):
    watch.start()
    watch.end()
    assert watch.caught is None


def test_handlers_are_put_back(watch):
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    watch.start()
    watch.stop()
    assert (signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)) == before


def test_handler_that_somebody_set_since_is_let_be(watch):
    before = signal.getsignal(signal.SIGTERM)
    watch.start()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    watch.stop()
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_IGN
    signal.signal(signal.SIGTERM, before)


def test_other_threads_cannot_watch(watch):
    before = signal.getsignal(signal.SIGTERM)
    thread = threading.Thread(target=watch.start)
    thread.start()
    thread.join()
    assert signal.getsignal(signal.SIGTERM) == before


def test_forked_process_dies_of_the_signal_as_ever(watch):
    watch.start()
    pid = os.fork()
    if pid == 0:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        finally:
            os._exit(0)
    assert os.WTERMSIG(os.waitpid(pid, 0)[1]) == signal.SIGTERM
