"""Paths are joined, folders listed, files unpacked, and the working directory comes back."""

from __future__ import annotations

import bz2
from pathlib import Path

import pytest

from fastloop_v1.errors import ArgumentError
from fastloop_v1.paths import (
    bunzip,
    find_classes,
    get_tmp_file,
    is_pathlike,
    join_path,
    join_paths,
    ls,
    working_directory,
)


@pytest.mark.parametrize(("x", "pathlike"), [("a", True), (Path("a"), True), (3, False)], ids=repr)
def test_paths_are_known(x, pathlike):
    assert is_pathlike(x) is pathlike


def test_paths_are_joined():
    assert join_path("f", "d") == Path("d/f")
    assert join_path("f") == Path("f")
    assert join_paths(["f", Path("g")], "d") == [Path("d/f"), Path("d/g")]


def test_folder_is_listed(tmp_path):
    (tmp_path / "a").touch()
    assert ls(tmp_path) == [tmp_path / "a"]


def test_classes_are_the_visible_folders_by_name(tmp_path):
    for name in ("b", "a", ".hidden"):
        (tmp_path / name).mkdir()
    (tmp_path / "file").touch()
    assert find_classes(tmp_path) == [tmp_path / "a", tmp_path / "b"]


def test_folder_without_classes_is_refused(tmp_path):
    with pytest.raises(ArgumentError, match="has no folders"):
        find_classes(tmp_path)


def test_temporary_file_is_new_and_empty(tmp_path):
    name = get_tmp_file(tmp_path)
    assert name != get_tmp_file(tmp_path)
    assert Path(name).read_bytes() == b""


def test_working_directory_comes_back_after_an_error(tmp_path):
    before = Path.cwd()

    def fail_inside():
        with working_directory(tmp_path):
            assert Path.cwd() == tmp_path.resolve()
            raise OSError

    with pytest.raises(OSError):  # noqa: PT011  (raised right here)
        fail_inside()
    assert Path.cwd() == before


def test_packed_file_is_unpacked_beside_itself(tmp_path):
    packed = tmp_path / "x.txt.bz2"
    packed.write_bytes(bz2.compress(b"text"))
    bunzip(packed)
    assert (tmp_path / "x.txt").read_bytes() == b"text"
    with pytest.raises(ArgumentError, match="exists already"):
        bunzip(packed)


@pytest.mark.parametrize("name", ["missing.bz2", "plain.txt"])
def test_only_packed_files_are_unpacked(tmp_path, name):
    (tmp_path / "plain.txt").touch()
    with pytest.raises(ArgumentError, match="ends in .bz2"):
        bunzip(tmp_path / name)
