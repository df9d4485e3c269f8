from __future__ import annotations

import sys
import weakref
from types import SimpleNamespace

import pytest
import torch

from fastloop_v1.utils.ipython import (
    IS_IN_COLAB,
    IS_IN_IPYTHON,
    get_ref_free_exc_info,
    gpu_mem_restore,
    gpu_mem_restore_ctx,
    is_in_colab,
    is_in_ipython,
)


class Large:
    """Something to let go of."""


def _fail(held, error):
    large = Large()
    held.append(weakref.ref(large))
    raise error


def _caught(func, *args):
    with pytest.raises((ValueError, torch.cuda.OutOfMemoryError)) as info:
        func(*args)
    return info.value


def test_this_is_no_notebook():
    assert (is_in_ipython(), is_in_colab(), IS_IN_IPYTHON, IS_IN_COLAB) == (False, False, False, False)


@pytest.mark.parametrize(
    ("shell", "expected"), [(None, False), (object(), True)], ids=["imported", "running"]
)
def test_notebook_is_known_by_its_shell(monkeypatch, shell, expected):
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert is_in_ipython() is expected
    assert not is_in_colab()


def test_error_leaving_the_block_holds_nothing():
    held = []

    def block():
        with gpu_mem_restore_ctx():
            _fail(held, ValueError("kept"))

    error = _caught(block)
    assert str(error) == "kept"
    assert held[0]() is None


@pytest.mark.parametrize(
    ("error", "is_free"),
    [(torch.cuda.OutOfMemoryError("full"), True), (ValueError("other"), False)],
    ids=["out of memory", "other error"],
)
def test_decorated_function_lets_go_when_memory_is_short(error, is_free):
    held = []
    caught = _caught(gpu_mem_restore(_fail), held, error)
    assert caught is error
    assert (held[0]() is None) is is_free


def test_decorated_function_returns_what_it_returned():
    assert gpu_mem_restore(max)(1, 2) == 2


def test_error_information_holds_nothing():
    held, found = [], []
    error = ValueError("kept")
    try:
        _fail(held, error)
    except ValueError:
        found = get_ref_free_exc_info()
    assert found == (ValueError, error, error.__traceback__)
    assert held[0]() is None
