"""Containers are made again from what pickles give, and from nothing else."""

from __future__ import annotations

import os
import pathlib
from collections import Counter, OrderedDict, defaultdict

import pytest

from fastloop_v1.basic_data import DatasetType
from fastloop_v1.items import Category
from fastloop_v1.old_files.pickled_containers import CONTAINER_CALLS, KeyGuard, checked_key, checked_state

MADE = {
    "set": ("builtins.set", ([1, 2],), {1, 2}),
    "empty set": ("builtins.set", (), set()),
    "frozenset": ("builtins.frozenset", ([1],), frozenset([1])),
    "list": ("builtins.list", ((1, 2),), [1, 2]),
    "tuple": ("builtins.tuple", ([1, 2],), (1, 2)),
    "dict": ("builtins.dict", (), {}),
    "range": ("builtins.range", (1, 9, 2), range(1, 9, 2)),
    "slice": ("builtins.slice", (None, 3, None), slice(3)),
    "complex": ("builtins.complex", (1.0, 2.0), 1 + 2j),
    "bytes": ("_codecs.encode", ("\xff\0", "latin1"), b"\xff\0"),
    "empty bytes": ("builtins.bytes", (), b""),
    "bytearray": ("builtins.bytearray", (b"ab",), bytearray(b"ab")),
    "bytearray as text": ("builtins.bytearray", ("ab", "latin-1"), bytearray(b"ab")),
    "ordered dict": ("collections.OrderedDict", (), OrderedDict()),
    "counter": ("collections.Counter", ({"a": 2},), Counter("aa")),
    "pure path": ("pathlib.PureWindowsPath", ("a", "b"), pathlib.PureWindowsPath("a/b")),
}


@pytest.mark.parametrize(("name", "arguments", "expected"), MADE.values(), ids=MADE)
def test_container_is_made_of_its_parts(name, arguments, expected):
    made = CONTAINER_CALLS[name](*arguments)
    assert made == expected
    assert type(made) is type(expected)


def test_container_is_a_copy():
    parts = {"a": 1}
    assert CONTAINER_CALLS["builtins.dict"](parts) is not parts


def test_default_comes_from_a_plain_type():
    made = CONTAINER_CALLS["collections.defaultdict"](int)
    assert (type(made), made["new"]) == (defaultdict, 0)
    assert CONTAINER_CALLS["collections.defaultdict"]().default_factory is None


@pytest.mark.parametrize("home", ["pathlib", "pathlib._local"])
def test_path_of_the_other_system_is_a_pure_path(home):
    own, other = ("WindowsPath", "PosixPath") if os.name == "nt" else ("PosixPath", "WindowsPath")
    assert CONTAINER_CALLS[f"{home}.{own}"]("a", "b") == pathlib.Path("a/b")
    made = CONTAINER_CALLS[f"{home}.{other}"]("a", "b")
    assert type(made).__name__ == f"Pure{other}"
    assert made.parts == ("a", "b")


def endless():
    """Members without end."""
    while True:
        yield 1


REFUSED = {
    "members of a generator": ("builtins.list", (endless(),)),
    "members of a range": ("builtins.tuple", (range(10**12),)),
    "pairs of a list": ("builtins.dict", ([("a", 1)],)),
    "mapping of two": ("collections.OrderedDict", ({}, {})),
    "default that is a function": ("collections.defaultdict", (print,)),
    "range of text": ("builtins.range", ("1",)),
    "range of bools": ("builtins.range", (True,)),
    "slice of a list": ("builtins.slice", ([],)),
    "complex number of text": ("builtins.complex", ("1",)),
    "path of bytes": ("pathlib.PosixPath", (b"a",)),
    "bytes of a number": ("builtins.bytes", (10**12,)),
    "bytearray of a number": ("builtins.bytearray", (10**12,)),
    "bytes by another encoding": ("_codecs.encode", ("a", "rot13")),
    "bytes of bytes": ("_codecs.encode", (b"a", "latin1")),
}


@pytest.mark.parametrize(("name", "arguments"), REFUSED.values(), ids=REFUSED)
def test_anything_else_is_refused(name, arguments):
    with pytest.raises((TypeError, ValueError)):
        CONTAINER_CALLS[name](*arguments)


def nested(depth):
    """Tuples in tuples."""
    key = ()
    for _ in range(depth):
        key = (key,)
    return key


@pytest.mark.parametrize(
    "key",
    ["a", 1, None, (1, (2, "b")), frozenset([1]), nested(900), int, DatasetType.Train],
    ids=lambda key: type(key).__name__,
)
def test_key_that_is_quick_to_hash_is_returned(key):
    assert checked_key(key) is key


@pytest.mark.parametrize("key", [nested(1001), tuple(range(1001)), ((0,) * 600, (0,) * 600)])
def test_key_of_too_many_parts_is_refused(key):
    with pytest.raises(ValueError, match="more than 1000 parts"):
        checked_key(key)


def test_object_that_is_hashed_by_what_it_holds_is_no_key():
    with pytest.raises(TypeError, match="a key is a Category"):
        checked_key((1, Category(0, "ant")))


def test_attributes_are_a_dict_of_names():
    assert checked_state({"a": 1}) == {"a": 1}
    for state in (None, [], {1: 2}, OrderedDict(a=1), ({}, {})):
        with pytest.raises(TypeError, match="no dict of names"):
            checked_state(state)


def test_keys_of_one_hash_are_refused_by_container():
    guard, first, second = KeyGuard(), {}, {}
    alike = [(2**61 - 1) * number for number in range(1, 102)]
    for key in alike[:100]:
        assert guard.checked(first, key) == guard.checked(second, key) == key
    with pytest.raises(ValueError, match="more than 100 keys have the same hash"):
        guard.checked(first, alike[100])


def test_any_number_of_usual_keys_is_taken():
    guard, found = KeyGuard(), {}
    for number in range(1000):
        for key in (number, str(number), (number, -number), number / 7, None):
            guard.checked(found, key)


def test_members_of_one_hash_are_refused():
    with pytest.raises(ValueError, match="same hash"):
        CONTAINER_CALLS["builtins.set"]([(2**61 - 1) * number for number in range(1, 1000)])
