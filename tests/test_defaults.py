from __future__ import annotations

import os

import pytest
import torch

from fastloop_v1.defaults import DefaultDevice, Defaults, defaults, num_cpus


@pytest.fixture
def restored_device():
    """The default device may be changed in the test."""
    before = defaults.device
    yield
    defaults.device = before


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("lr", slice(3e-3)),
        ("wd", 1e-2),
        ("cmap", "viridis"),
        ("silent", False),
        ("return_fig", False),
        ("extra_callbacks", None),
        ("extra_callback_fns", None),
        ("v1_quirks", False),
    ],
)
def test_default_starts_as(name, value):
    assert getattr(Defaults(), name) == value


def test_cpus_are_those_of_the_process_up_to_16():
    assert Defaults().cpus == min(16, num_cpus())


def test_every_default_may_be_set_and_new_ones_added():
    own = Defaults()
    own.lr, own.anything = 0.1, "mine"
    assert (own.lr, own.anything) == (0.1, "mine")


def test_num_cpus_is_what_the_process_may_use():
    assert num_cpus() >= 1
    if hasattr(os, "sched_getaffinity"):
        assert num_cpus() == len(os.sched_getaffinity(0))


def test_num_cpus_without_affinity_counts_the_machine(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert num_cpus() == os.cpu_count()


def test_device_is_the_accelerator_or_the_cpu():
    assert Defaults().device.type == ("cuda" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("device", ["cpu", torch.device("cpu"), "meta"])
def test_device_is_set_by_name_or_object(device):
    own = Defaults()
    own.device = device
    assert own.device == torch.device(device)


# --- the device in signatures -----------------------------------------------------------------------------


@pytest.mark.usefixtures("restored_device")
def test_default_device_equals_the_default_at_the_time():
    stand_in = DefaultDevice()
    assert stand_in == defaults.device
    defaults.device = "meta"
    assert stand_in == torch.device("meta")
    assert stand_in != torch.device("cpu")


def test_default_device_reads_as_what_it_stands_for():
    assert repr(DefaultDevice()) == "defaults.device"
    assert hash(DefaultDevice()) == hash(DefaultDevice())


@pytest.mark.usefixtures("restored_device")
@pytest.mark.parametrize(
    ("given", "expected"),
    [(None, "meta"), (DefaultDevice(), "meta"), ("cpu", "cpu"), (torch.device("cpu"), "cpu")],
    ids=["none", "default device", "name", "device"],
)
def test_device_is_resolved(given, expected):
    defaults.device = "meta"
    assert DefaultDevice.resolve(given) == torch.device(expected)
