"""Signals are exceptions of one family, one for each level of the loop."""

from __future__ import annotations

import pytest

from fastloop_v1 import signals


@pytest.mark.parametrize("name", sorted(set(signals.__all__) - {"CancelSignal"}))
def test_signal_is_of_the_family_and_no_error_of_the_package(name):
    signal = getattr(signals, name)
    assert issubclass(signal, signals.CancelSignal)
    assert signal.__doc__.split(":")[0].startswith(("In ", "Up to ", "Anywhere "))
