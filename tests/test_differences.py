"""The table of differences is complete, its page is printed from it, and what it calls mended is tested."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

from fastloop_v1.differences import DIFFERENCES, NAMES, differences_page
from fastloop_v1.errors import NotOfferedError

ROOT = Path(__file__).parents[1]
NUMBERS = [*(str(number) for number in range(1, 56)), "55b", *(str(number) for number in range(56, 79))]


def numbers_of_tests():
    """The numbers in the names of test functions."""
    trees = [
        ast.parse(path.read_text(encoding="utf-8")) for path in ROOT.joinpath("tests").rglob("test_*.py")
    ]
    names = [node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return {found[1] for name in names if (found := re.match(r"test_bug_(\d+b?)_", name))}


def test_page_is_printed_from_the_table():
    assert (ROOT / "docs" / "differences.md").read_text(encoding="utf-8") == differences_page()


def test_every_fault_has_a_row():
    assert [row.number for row in DIFFERENCES] == NUMBERS


def test_row_says_everything():
    assert {row.status for row in DIFFERENCES} == {"mended", "kept"}
    assert all(row.v1 and row.here and row.why for row in DIFFERENCES)


def test_what_is_mended_has_a_test_with_its_number():
    mended = {row.number for row in DIFFERENCES if row.status == "mended"}
    assert sorted(mended - numbers_of_tests()) == []


def test_what_is_left_as_it_is_needs_no_switch():
    assert not [row.number for row in DIFFERENCES if row.status == "kept" and row.switch]


@pytest.mark.parametrize("name", NAMES)
def test_name_without_a_sense_says_what_to_use(name):
    module, _, function = name.rpartition(".")
    arguments = [str] * {"script.call_plac": 1, "utils.pynvml_gate.load_pynvml_env": 0}.get(name, 2)
    with pytest.raises(NotOfferedError):
        getattr(import_module(f"fastloop_v1.{module}"), function)(*arguments)
