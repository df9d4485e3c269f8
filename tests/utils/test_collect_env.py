from __future__ import annotations

import platform
from importlib import metadata

import pytest
import torch

from fastloop_v1.errors import NotOfferedError
from fastloop_v1.utils.collect_env import (
    check_perf,
    get_env,
    pillow_version,
    pypi_module_version_is_available,
    show_install,
)


@pytest.mark.parametrize("show_nvidia_smi", [False, True])
def test_versions_are_shown(capsys, show_nvidia_smi):
    show_install(show_nvidia_smi)
    out = capsys.readouterr().out
    assert platform.python_version() in out
    assert metadata.version("torch") in out
    assert ("nvidia-smi" in out or "NVIDIA" in out) is show_nvidia_smi


@pytest.mark.parametrize(
    ("value", "expected"),
    [("here", "here"), ("", "Unknown"), (None, "Unknown")],
    ids=["set", "empty", "unset"],
)
def test_environment_is_read(monkeypatch, value, expected):
    monkeypatch.delenv("FASTLOOP_TEST", raising=False)
    if value is not None:
        monkeypatch.setenv("FASTLOOP_TEST", value)
    assert get_env("FASTLOOP_TEST") == expected


def test_version_of_pillow_is_that_installed():
    assert pillow_version() == metadata.version("pillow")


def test_no_package_index_is_asked():
    with pytest.raises(NotOfferedError, match="pip index versions torch"):
        pypi_module_version_is_available("torch", "1.0")


def test_speed_is_checked(capsys):
    check_perf()
    first = capsys.readouterr().out.splitlines()[0]
    assert first.startswith(f"a GPU is used: {'yes' if torch.cuda.is_available() else 'no; '}")
