"""A folder is replaced whole or stays as it was, and nothing of the user's is lost with it."""

from __future__ import annotations

import os

import pytest

from fastloop_v1.atomic_folder import atomic_folder
from fastloop_v1.errors import UnwritablePathError

NAMES = ("a", "b")


def write(path, **contents):
    with atomic_folder(path, NAMES) as folder:
        for name, text in contents.items():
            (folder / name).write_text(text, encoding="utf-8")


def test_folder_is_made_with_its_parents_and_replaced(tmp_path):
    path = tmp_path / "x" / "y"
    write(path, a="1", b="2")
    write(path, a="3")
    assert os.listdir(path) == ["a"]
    assert (path / "a").read_text(encoding="utf-8") == "3"
    assert os.listdir(path.parent) == ["y"]


def test_failure_leaves_the_old_folder_and_nothing_else(tmp_path):
    path = tmp_path / "y"
    write(path, a="1")
    with pytest.raises(TypeError):
        write(path, a="2", b=3)
    assert (path / "a").read_text(encoding="utf-8") == "1"
    assert os.listdir(tmp_path) == ["y"]


def test_folder_with_other_files_is_not_replaced(tmp_path):
    (tmp_path / "mine").write_text("", encoding="utf-8")
    with pytest.raises(UnwritablePathError, match="holds something else: mine"):
        write(tmp_path, a="1")
    assert os.listdir(tmp_path) == ["mine"]


def test_file_is_not_replaced_by_a_folder(tmp_path):
    (tmp_path / "y").write_text("", encoding="utf-8")
    with pytest.raises(UnwritablePathError, match="a file of that name exists"):
        write(tmp_path / "y", a="1")


def test_path_below_a_file_is_named_in_the_error(tmp_path):
    (tmp_path / "y").write_text("", encoding="utf-8")
    with pytest.raises(UnwritablePathError, match="cannot be written"):
        write(tmp_path / "y" / "z", a="1")
