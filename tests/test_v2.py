"""`fastloop_v1.v2` gathers what v2 code needs, and loads it when it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest

from fastloop_v1 import v2


@pytest.mark.parametrize("name", v2.__all__)
def test_every_name_is_there(name):
    assert getattr(v2, name) is not None
    assert name in dir(v2)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such_name"):
        v2.no_such_name()


def test_import_loads_nothing_else():
    code = "import sys, fastloop_v1.v2; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
