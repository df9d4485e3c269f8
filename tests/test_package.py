"""The package hands out its most used names without loading anything before they are asked for."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from pathlib import Path

import pytest

import fastloop_v1


def _typed_homes():
    """Home of each name as type checkers and editors read it."""
    tree = ast.parse(Path(fastloop_v1.__file__).read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level]
    return {alias.name: node.module for node in imports for alias in node.names}


@pytest.mark.parametrize("name", fastloop_v1.__all__)
def test_name_is_the_one_of_its_home(name):
    home = importlib.import_module(f"fastloop_v1.{_typed_homes()[name]}")
    assert getattr(fastloop_v1, name) is getattr(home, name)


def test_names_are_typed_where_they_are_looked_up():
    assert _typed_homes() == fastloop_v1._HOME_OF
    assert sorted(fastloop_v1._HOME_OF) == sorted(fastloop_v1.__all__)


def test_replaced_function_of_a_home_is_handed_out(monkeypatch):
    basic_train = importlib.import_module("fastloop_v1.basic_train")
    monkeypatch.setattr(basic_train, "validate", len)
    assert fastloop_v1.validate is len


def test_unknown_name_is_an_attribute_error():
    misspelt = "Lerner"
    with pytest.raises(AttributeError, match="module 'fastloop_v1' has no attribute 'Lerner'"):
        getattr(fastloop_v1, misspelt)


def test_dir_lists_what_is_handed_out():
    assert set(fastloop_v1.__all__) <= set(dir(fastloop_v1))


def test_no_name_hides_a_module():
    modules = {module.name for module in pkgutil.iter_modules(fastloop_v1.__path__)}
    assert modules.isdisjoint(fastloop_v1.__all__)
