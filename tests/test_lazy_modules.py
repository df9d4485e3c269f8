"""Optional packages load when first used, and say how to get them when they are not there."""

from __future__ import annotations

import subprocess
import sys

import pandas
import pytest

from fastloop_v1.errors import MissingExtraError
from fastloop_v1.lazy_modules import DataFrame, LazyClass, LazyModule, pd, plt


def test_names_are_those_of_the_package():
    assert pd.DataFrame is pandas.DataFrame
    assert callable(plt.plot)


def test_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError):
        pd.no_such_name  # noqa: B018  (reading is the test)


def test_missing_package_names_the_extra():
    with pytest.raises(MissingExtraError, match=r"fastloop_v1\[plots\]"):
        LazyModule("no_such_package", "plots").show()


def test_star_import_loads_no_optional_package():
    code = (
        "import sys\nfrom fastloop_v1.torch_core import *\nprint({'pandas', 'matplotlib'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


def test_looking_for_wrapped_functions_loads_nothing():
    assert not hasattr(LazyModule("no_such_package", "plots"), "__wrapped__")


def test_class_is_called_subclassed_and_asked_like_the_real_one():
    frame = DataFrame({"a": [1, 2]})
    assert type(frame) is pandas.DataFrame
    assert isinstance(frame, DataFrame)
    assert not isinstance(3, DataFrame)
    assert DataFrame.from_dict({"a": [1, 2]}).equals(frame)
    assert issubclass(type("Own", DataFrame.__mro_entries__(()), {}), pandas.DataFrame)


def test_question_about_a_class_of_a_package_that_was_never_loaded_loads_nothing():
    missing = LazyClass(LazyModule("no_such_package", "plots"), "Plot")
    assert not isinstance(3, missing)
    assert not hasattr(missing, "__wrapped__")
    with pytest.raises(MissingExtraError):
        missing()
