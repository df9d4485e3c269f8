from __future__ import annotations

import sys

import pytest

from fastloop_v1.utils.text import (
    CaptureStd,
    CaptureStderr,
    CaptureStdout,
    apply_print_resets,
    assert_screenout,
)


def _write():
    sys.stdout.write("50%\r100%\n")
    sys.stderr.write("warned\n")


@pytest.mark.parametrize(
    ("text", "shown"),
    [("a\n", "a\n"), ("a\rb\rc\nd", "c\nd"), ("a\nb\rc", "a\nc"), ("", "")],
    ids=["plain", "first line", "last line", "empty"],
)
def test_screen_shows_what_follows_the_last_carriage_return(text, shown):
    assert apply_print_resets(text) == shown


def test_both_streams_are_caught(capsys):
    with CaptureStd() as caught:
        _write()
    assert (caught.out, caught.err) == ("100%\n", "warned\n")
    assert repr(caught) == "stdout: 100%\n\nstderr: warned\n"
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("kind", "caught", "passed"),
    [
        (CaptureStdout, ("100%\n", "not captured"), ("", "warned\n")),
        (CaptureStderr, ("not captured", "warned\n"), ("50%\r100%\n", "")),
    ],
    ids=["stdout", "stderr"],
)
def test_other_stream_passes(kind, caught, passed, capsys):
    with kind() as one:
        _write()
    assert (one.out, one.err) == caught
    assert capsys.readouterr() == passed


def test_text_is_there_after_the_block_only():
    with CaptureStd() as caught:
        assert "not ended" in caught.out


def test_streams_are_free_after_an_error():
    def fail_inside():
        with CaptureStd():
            raise RuntimeError("inside")

    before = sys.stdout, sys.stderr
    with pytest.raises(RuntimeError, match="inside"):
        fail_inside()
    assert (sys.stdout, sys.stderr) == before


def test_text_on_the_screen_is_found_in_any_case():
    assert_screenout("50%\rDone\n", "done")


def test_text_that_was_overwritten_is_not_found():
    with pytest.raises(AssertionError, match="50%"):
        assert_screenout("50%\rDone\n", "50%")
