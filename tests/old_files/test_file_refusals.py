"""Whatever happens while a file is read becomes one error that names it."""

from __future__ import annotations

import io

import pytest

from fastloop_v1.checkpoint import RefusedFileError
from fastloop_v1.errors import ArgumentError, FastloopWarning
from fastloop_v1.old_files.file_refusals import checked_export, name_of_source, refusing, rules_for
from fastloop_v1.old_files.pickle_rules import NamedRules, NotAllowedError, TrustingRules


@pytest.mark.parametrize("error", [ValueError("x"), MemoryError(), RecursionError(), KeyError(1)], ids=repr)
def test_error_names_the_file(error):
    with (
        pytest.raises(RefusedFileError, match=r"a\.pkl was not loaded: its content cannot be read"),
        refusing("a.pkl"),
    ):
        raise error


def test_refusal_says_how_to_allow_it():
    with pytest.raises(RefusedFileError, match=r'trust=\["a\.B"\]') as caught, refusing("a.pkl"):
        raise NotAllowedError("names", "a.B")
    assert caught.value.refused == "a.B"


def test_refusal_stays_as_it_is():
    first = RefusedFileError("said", "a.B")
    with pytest.raises(RefusedFileError) as caught, refusing("a.pkl"):
        raise first
    assert caught.value is first


def test_rules_go_by_trust():
    assert type(rules_for(["a.B"], 1)) is NamedRules
    with pytest.warns(FastloopWarning, match="trust=True"):
        assert type(rules_for(True, 1)) is TrustingRules
    with pytest.raises(ArgumentError, match="trust is 'a.B'"):
        rules_for("a.B", 1)


def test_export_is_a_dict_of_names_that_is_not_too_deep():
    deep = []
    for _ in range(2000):
        deep = [deep]
    assert checked_export({"a": [1]}) == {"a": [1]}
    for wrong in ([], {1: 2}, {"a": deep}):
        with pytest.raises((TypeError, ValueError)):
            checked_export(wrong)


def test_source_has_a_name(tmp_path):
    assert name_of_source(tmp_path) == str(tmp_path)
    assert name_of_source(io.BytesIO()) == "the given BytesIO"
