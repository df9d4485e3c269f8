"""`fastai` is this package while it is asked for, and nothing stays afterwards."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec

import pytest

import fastloop_v1
from fastloop_v1.migrate import as_fastai, install, uninstall


@pytest.fixture(autouse=True)
def taken_back():
    """Whatever a test installs is uninstalled after it."""
    yield
    uninstall()


def test_modules_are_ours_inside_the_block_only():
    with as_fastai():
        assert import_module("fastai.basic_train") is import_module("fastloop_v1.basic_train")
    assert "fastai" not in sys.modules
    assert find_spec("fastai") is None


def test_block_inside_an_installation_leaves_it():
    install()
    with as_fastai(), as_fastai():
        pass
    assert find_spec("fastai") is not None


def test_install_twice_is_uninstalled_by_one_call():
    finders = list(sys.meta_path)
    install()
    install()
    uninstall()
    assert sys.meta_path == finders
    uninstall()


def test_error_in_the_block_ends_it_too():
    with pytest.raises(KeyError), as_fastai():
        raise KeyError
    assert find_spec("fastai") is None


def test_notebook_extension_installs_and_uninstalls():
    fastloop_v1.load_ipython_extension(None)
    assert import_module("fastai").__version__ == "1.0.61"
    fastloop_v1.unload_ipython_extension(None)
    assert find_spec("fastai") is None


def test_bare_import_waits_for_torch():
    code = "import sys, fastloop_v1.migrate; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
