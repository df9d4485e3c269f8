"""A description names before it makes, and says what is wrong with it."""

from __future__ import annotations

import pytest

from fastloop_v1.exports.object_rebuilding import Rebuilding, names_described, strict_json
from fastloop_v1.old_files.pickle_rules import NamedRules, NotAllowedError


def made(node):
    return Rebuilding.over(NamedRules((), 100), {}).of(node)


def test_objects_refer_to_each_other():
    first, second = made({"list": [{"dict": {"a": 1}, "id": 5}, {"ref": 5}]})
    assert first is second


WRONG = {
    "list": [1],
    "nothing": {},
    "two kinds": {"list": [], "tuple": []},
    "option of another kind": {"list": [], "state": 1},
    "unknown reference": {"ref": 1},
    "number twice": {"list": [{"list": [], "id": 1}, {"list": [], "id": 1}]},
    "number of no kind": {"list": [], "id": True},
    "members": {"list": {}},
    "pairs": {"dict": [[1]]},
    "name": {"name": 3},
    "float": {"float": "1"},
    "bytes": {"bytes": "?"},
}


@pytest.mark.parametrize("node", WRONG.values(), ids=WRONG)
def test_what_describes_nothing_is_refused(node):
    with pytest.raises((LookupError, TypeError, ValueError)):
        made(node)


def test_name_that_is_not_allowed_is_refused():
    with pytest.raises(NotAllowedError, match=r"builtins\.eval"):
        made({"call": "builtins.eval", "args": ["1"]})


def test_all_names_are_found_and_texts_are_not():
    node = {
        "new": "a.B",
        "state": {"dict": {"name": "x.y", "call": {"name": "c.D"}}},
        "pairs": [[1, {"call": "e.f"}]],
    }
    assert set(names_described(node)) == {("a", "B"), ("c", "D"), ("e", "f")}


@pytest.mark.parametrize("content", [b"{", b"NaN", b'{"a": 1, "a": 2}', b"\xff"])
def test_json_that_is_none_is_refused(content):
    with pytest.raises(ValueError, match="."):
        strict_json(content)


def test_json_that_is_too_deep_is_refused():
    with pytest.raises(RecursionError):
        strict_json(b"[" * 100_000)
