from __future__ import annotations

import json

import pytest

from fastloop_v1.errors import MissingExtraError
from fastloop_v1.optional import optional_import


def test_installed_module_is_returned():
    assert optional_import("json", "plots") is json


def test_module_in_a_package_is_returned():
    assert optional_import("json.decoder", "plots").__name__ == "json.decoder"


@pytest.mark.parametrize("module", ["no_such_package_here", "no_such_package_here.inner.part"])
def test_missing_module_names_package_and_command(module):
    with pytest.raises(MissingExtraError) as caught:
        optional_import(module, "plots")
    assert str(caught.value) == (
        "no_such_package_here is not installed; `python -m pip install 'fastloop_v1[plots]'` brings it."
    )


def test_missing_module_keeps_the_first_error():
    with pytest.raises(MissingExtraError) as caught:
        optional_import("no_such_package_here", "plots")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_missing_module_is_caught_as_import_error():
    with pytest.raises(ImportError):
        optional_import("no_such_package_here", "plots")
